/**
 * What a token costs on its way from upstream to client, in counts that are the same on every machine: work that
 * grows with the batches, or not at all, must not grow with the tokens.
 */
import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { type TestContext, test } from 'node:test'
import { FieldParser } from '../src/core/adapters/chat/field-parser.ts'
import { JsonParser } from '../src/core/adapters/json/json-parser.ts'
import type { Frame } from '../src/core/frame.ts'
import type { Delta } from '../src/core/lm.ts'
import { signature } from '../src/core/signature.ts'
import { streamify } from '../src/core/streamify.ts'
import { withTimeouts } from '../src/lm/guards/timeouts.ts'
import { FrameEncoder } from '../src/wire/native.ts'
import { chatChunks, lmOf, saying, text } from './support/lm.ts'
import { oneCall } from './support/programs.ts'
import { RawClient } from './support/raw-client.ts'
import { rawQuestion, Service } from './support/service.ts'
import { completion, eventOf } from './support/upstream.ts'

const FIELDS = ['reasoning', 'answer']
const opening = '[[ ## answer ## ]]\n'
const words = (count: number) => Array.from({ length: count }, (_, nth) => ` word${nth % 10}`)

/** How often a method is called while the work is done. */
function calls<T extends object>(
  t: TestContext,
  object: T,
  method: keyof T & string,
  work: () => void,
): number {
  const { mock } = t.mock.method(object, method as never) as {
    mock: { callCount(): number; restore(): void }
  }
  work()
  const count = mock.callCount()
  mock.restore()
  return count
}

/** Promises that are made while the work is done. */
async function promisesOf(work: () => Promise<void>): Promise<number> {
  let count = 0
  const hook = createHook({
    init: (_, type) => {
      if (type === 'PROMISE') count++
    },
  }).enable()
  await work()
  hook.disable()
  return count
}

/** What becomes of `small` work must become of ten times as much: ten times, and what it takes to begin. */
const assertLinear = (small: number, tenfold: number) =>
  assert.ok(tenfold <= 10 * small, `${small} became ${tenfold}`)

const eventsOf = (texts: readonly string[]) =>
  Buffer.from(texts.map((content) => eventOf({ choices: [{ index: 0, delta: { content } }] })).join(''))

test('reading events takes one look at each character of their text, and parses next to none', (t) => {
  const look = (texts: readonly string[]) => {
    const bytes = eventsOf(texts)
    const read = () => chatChunks(1_000_000).push([bytes])
    assert.equal(read().length, texts.length)
    return {
      looks: calls(t, String.prototype, 'charCodeAt', read) / texts.join('').length,
      parses: calls(t, JSON, 'parse', read),
    }
  }
  const small = look(words(1_000))
  const large = look(words(10_000))
  assert.ok(large.looks < 1.5, `${large.looks} looks at each character`) // one more at each closing quote
  assert.ok(large.parses <= small.parses, `${small.parses} became ${large.parses}`)
})

test('parsing fields looks at a character once for each marker that it may be of, however it is cut', (t) => {
  const looks = (pieces: readonly string[]) =>
    calls(t, String.prototype, 'charCodeAt', () => {
      const parser = new FieldParser(FIELDS)
      parser.push(opening)
      for (const piece of pieces) parser.push(piece)
      parser.end()
    })
  const most = FIELDS.length + 2 // markers: those of the fields and `completed`; and the text itself
  assert.ok(
    looks(words(10_000)) <= most * opening.length,
    'text without line ends is searched, not looked at',
  )
  const nasty = Array.from('a\n[[ ## ans\n[[ ## answer ## ]]\n\n'.repeat(200))
  assert.ok(looks(nasty) <= most * nasty.length)
  assertLinear(looks(nasty), looks(Array.from({ length: 10 }, () => nasty).flat()))
})

test('parsing JSON looks at each character once, however it is cut', (t) => {
  const { outputs } = signature('question -> answer: str, lines: list[str], score: float')
  const text = JSON.stringify({ answer: 'a "b"\n\\ '.repeat(1_000), lines: words(1_000), score: 1 })
  for (const size of [1, 7, text.length]) {
    const pieces = text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []
    const parse = () => {
      const parser = new JsonParser(outputs)
      for (const piece of pieces) parser.push(piece)
      assert.ok(parser.isCompleted)
    }
    const looks =
      calls(t, String.prototype, 'charCodeAt', parse) + calls(t, String.prototype, 'charAt', parse)
    // One more at each character of an escape, and at the end of each piece, for half a surrogate pair.
    assert.ok(looks <= 1.5 * text.length + pieces.length, `${looks} looks at ${text.length} characters`)
  }
})

test('encoding takes one look at each character, and JSON for no plain chunk', (t) => {
  const frames = words(1_000).map(
    (chunk): Frame => ({ type: 'token', field: 'answer', predictor: 'compose', chunk, is_last: false }),
  )
  const encode = () => void new FrameEncoder().encode(frames)
  const characters = words(1_000).join('').length
  assert.equal(calls(t, String.prototype, 'charCodeAt', encode), characters)
  assert.ok(calls(t, JSON, 'stringify', encode) <= 1, 'for what stands around the chunks')
})

/** A run whose model brings its tokens in batches, read to its end. */
async function runOf(batches: readonly (readonly Delta[])[]): Promise<void> {
  const lm = withTimeouts(
    lmOf(() => saying([text(opening)], ...batches)),
    { firstTokenMs: 60_000, idleMs: 60_000 },
  )
  const { frames } = streamify(
    oneCall,
    { question: 'Q' },
    { lm, signal: new AbortController().signal, id: 'x' },
  )
  let tokens = 0
  for await (const some of frames) tokens += some.filter(({ type }) => type === 'token').length
  assert.ok(tokens >= batches.flat().length)
}

test('promises are made for batches, not for tokens', async () => {
  const batch = (size: number) => words(size).map(text)
  const batches = (count: number, size: number) => Array.from({ length: count }, () => batch(size))
  await runOf(batches(2, 2))
  const single = await promisesOf(() => runOf(batches(100, 1)))
  const full = await promisesOf(() => runOf(batches(100, 100)))
  // A full channel makes its writers wait, with a promise or two; that is all that the size of a batch may cost.
  assert.ok(full <= 1.2 * single, `${single} promises for 100 batches of one token, ${full} for ones of 100`)
  assert.ok(single <= 40 * 100, `${single} promises for 100 batches`)
})

test('signs of life and frames set no timer each', async (t) => {
  const timers = t.mock.method(globalThis, 'setTimeout')
  await runOf(words(1_000).map((word) => [text(word)]))
  assert.ok(timers.mock.callCount() <= 10, `${timers.mock.callCount()} timers for 1,000 batches`)
})

test('tokens that come together leave together, each in a frame of its own', async (t) => {
  const TOKENS = 5_000
  const answer = words(TOKENS).join('').trim()
  const service = await Service.start(t, {
    program: oneCall,
    // One write, in which each event is an HTTP chunk of its own.
    script: (exchange) => {
      const pieces = completion({ reasoning: '', answer }).split(/(?=\s)/)
      exchange.open().response.cork()
      for (const piece of pieces) exchange.delta(piece)
      exchange.finish()
      exchange.response.uncork()
    },
  })
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('Q', 'connection: close\r\n'))
  const received = await client.closed
  const frames = received.split('"type":"token"').length - 1
  const writes = received.match(/\r\n[0-9a-f]+\r\ndata: /g)?.length ?? 0
  assert.ok(frames >= TOKENS, `${frames} frames`)
  assert.ok(writes <= TOKENS / 20, `${writes} writes for ${TOKENS} tokens`)
  assert.ok(writes > 0)
  await service.assertQuiet('ok')
})
