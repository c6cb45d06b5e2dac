/** The quick way through an upstream's events and the proper one agree, whatever comes in whatever pieces. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { Delta } from '../../../src/core/lm.ts'
import { chatChunks } from '../../support/lm.ts'

/** What a body says, read event by event with nothing but `JSON.parse`. Bodies of LF alone, no failures. */
function deltasOf(body: string): Delta[] {
  return body.split('\n\n').flatMap((event) => {
    if (!event.startsWith('data: ')) return []
    const { delta } = JSON.parse(event.slice(6)).choices[0] ?? {}
    const deltas: Delta[] = []
    const thought = delta?.reasoning || delta?.reasoning_content
    if (typeof thought === 'string' && thought !== '') deltas.push({ type: 'reasoning', text: thought })
    const content = Array.isArray(delta?.content) ? delta.content[0].text : delta?.content
    if (typeof content === 'string' && content !== '') deltas.push({ type: 'text', text: content })
    return deltas
  })
}

function read(bytes: Buffer, cuts: readonly number[] = []): Delta[] {
  const chunks = chatChunks(1_000_000)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  const pieces = ends.map((end, nth) => bytes.subarray(ends[nth - 1] ?? 0, end))
  const deltas = [...chunks.push(pieces.slice(0, 3)), ...chunks.push(pieces.slice(3))]
  assert.equal(chunks.error, undefined)
  return deltas
}

/** A JSON string as some server may write it: raw, or with more escapes than are needed. */
const literalOf = (text: string, style: number) => {
  const raw = JSON.stringify(text)
  if (style === 0) return raw
  if (style === 1) return raw.replace(/\//g, '\\/')
  return raw.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const text = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(' the', ' stream', '.', '\n\n', ' é', ' 👩‍🚀', 'content', '"', '\\', '\u2028'),
  },
  {
    weight: 2,
    arbitrary: fc.string({
      unit: fc.constantFrom('a', '"', '\\', '{', '}', ':', ',', '\n', '/', 'ö', '\ud83d', '\0'),
    }),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
)

/** The ways in which servers dress a delta; some with the same words elsewhere, to lead astray. */
const shapes: readonly ((content: string, raw: string) => string)[] = [
  (content) => `{"choices":[{"index":0,"delta":{"content":${content}},"finish_reason":null}]}`,
  (content) => `{"id": "x", "choices": [{"delta": {"role": "assistant", "content": ${content}}}]}`,
  (content) => `{"choices":[{"delta":{"reasoning_content":${content}}}]}`,
  (content) => `{"choices":[{"delta":{"content":null,"reasoning":${content}}}]}`,
  (content) => `{"choices":[{"delta":{"reasoning":${content},"content":${content}}}]}`,
  (content) => `{"content":${content},"choices":[{"delta":{"content":${content}}}],"content":${content}}`,
  (content) => `{"choices":[{"delta":{"content":"first","content":${content}}}]}`,
  (content) => `{"choices":[{"delta":{"content":${content},"content":"last"}}]}`,
  (content) => `{"choices":[{"delta":{"role":${content},"content":""}}]}`,
  (_, raw) => `{"note":${JSON.stringify(`"content":${raw}`)},"choices":[{"delta":{"content":${raw}}}]}`,
  (content) => `{"choices":[{"delta":{"content":null}},{"delta":{"content":${content}}}]}`,
  (content) => `{"choices":[{"delta":{"content":[{"type":"text","text":${content}}]}}]}`,
  (content) =>
    `{"choices":[{"delta":{"content":${content}}}],"obfuscation":"${'z'.repeat(content.length % 5)}"}`,
  () => `{"choices":[]}`,
]

const event = fc
  .tuple(text, fc.nat(2), fc.nat(shapes.length - 1))
  .map(
    ([words, style, shape]) => `data: ${shapes[shape]?.(literalOf(words, style), JSON.stringify(words))}\n\n`,
  )

/** Several of one shape, as in life, and others between them. */
const run = fc.oneof(
  event.map((one) => [one]),
  fc.constantFrom([': a comment\n\n'], ['\n\n'], ['id: 7\n\n']),
  fc
    .tuple(fc.array(text, { maxLength: 12 }), fc.nat(2), fc.nat(shapes.length - 1))
    .map(([texts, style, shape]) =>
      texts.map((words) => `data: ${shapes[shape]?.(literalOf(words, style), JSON.stringify(words))}\n\n`),
    ),
)
const body = fc.array(run, { maxLength: 8 }).map((runs) => runs.flat().join(''))
const cuts = fc.array(fc.nat(), { maxLength: 12 })

/** How often JSON was parsed meanwhile: once and more for each event that was read properly. */
function parses(t: TestContext, work: () => unknown): number {
  const parse = t.mock.method(JSON, 'parse')
  work()
  const { callCount } = parse.mock
  const count = callCount.call(parse.mock)
  parse.mock.restore()
  return count
}

const alike = (texts: readonly string[]) =>
  Buffer.from(texts.map((words) => `data: ${shapes[0]?.(JSON.stringify(words), '')}\n\n`).join(''))

describe('events of a known shape', () => {
  it('say what they say when they are read properly, in any pieces and among any others', () => {
    fc.assert(
      fc.property(body, cuts, (text, places) => {
        assert.deepEqual(read(Buffer.from(text), places), deltasOf(text))
      }),
      { numRuns: 3_000 },
    )
  })

  it('say the same where bytes are not UTF-8', () => {
    const bytes = alike(['a', 'b', 'c', 'd', '\u0001', 'e', 'f'])
    for (const wrong of [[0xff], [0xc3, 0x28], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80]]) {
      const at = bytes.indexOf('"c"') + 1
      const body = Buffer.concat([bytes.subarray(0, at), Buffer.from(wrong), bytes.subarray(at)])
      const events = body.toString('latin1').split(/(?<=\n\n)/)
      const ends = events.map((_, nth) => events.slice(0, nth + 1).join('').length)
      assert.deepEqual(read(body, ends), read(body), 'an event at a time')
      assert.deepEqual(read(body), deltasOf(new TextDecoder().decode(body)))
    }
  })

  it('are not parsed, but for the first few', (t) => {
    const texts = Array.from({ length: 10_000 }, (_, nth) => ` word${nth}`)
    const count = parses(t, () => assert.equal(read(alike(texts)).length, texts.length))
    assert.ok(count <= 10, `${count} events were parsed`)
  })

  it('are learned anew when the shape changes, as with a clock in it', (t) => {
    const ticks = Array.from({ length: 50 }, (_, tick) =>
      Array.from(
        { length: 100 },
        (_, nth) => `data: {"created":${tick},"choices":[{"delta":{"content":"w${nth}"}}]}\n\n`,
      ).join(''),
    ).join('')
    const count = parses(t, () => assert.equal(read(Buffer.from(ticks)).length, 5_000))
    assert.ok(count <= 50 * 4, `${count} events were parsed`)
  })

  it('are no longer learned where each event has a shape of its own', (t) => {
    const different = Array.from(
      { length: 1_000 },
      (_, nth) => `data: {"id":${nth},"choices":[{"delta":{"content":"w${nth}"}}]}\n\n`,
    ).join('')
    const count = parses(t, () => assert.equal(read(Buffer.from(different)).length, 1_000))
    assert.ok(count <= 1_000 + 30, `${count} times was JSON parsed`)
  })

  it('are not taken for others that have the same words elsewhere', () => {
    const events = ['a', 'a', 'a', 'b', 'c'].map(
      (note) => `data: {"note":"${note}","choices":[{"delta":{"content":"a"}}]}\n\n`,
    )
    assert.deepEqual(read(Buffer.from(events.join(''))), deltasOf(events.join('')))
  })

  it('are none where they stand within something else', () => {
    const known = alike(['a', 'b', 'c', 'd'])
    const next = alike(['e'])
    for (const before of [': a comment that goes on with ', 'data: [1,\n', 'id: ']) {
      const chunks = chatChunks(1_000)
      assert.equal(chunks.push([known]).length, 4)
      assert.deepEqual(chunks.push([Buffer.from(before), next]), [], before)
    }
  })

  it('are over with the finish reason', () => {
    const chunks = chatChunks(1_000)
    chunks.push([alike(['a', 'b', 'c', 'd'])])
    const finish = Buffer.from('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')
    assert.deepEqual(chunks.push([finish, alike(['e', 'f'])]), [])
  })

  it('do not hide what a later one says besides its text', () => {
    const before = alike(['a', 'b', 'c', 'd', 'e']).toString()
    const bodies: [event: string, failure: string | undefined, end: string | undefined][] = [
      ['data: {"choices":[{"delta":{"content":"f"},"finish_reason":"stop"}]}\n\n', undefined, 'stop'],
      [
        'data: {"choices":[{"index":0,"delta":{"content":"f"},"finish_reason":"length"}]}\n\n',
        undefined,
        'length',
      ],
      [
        'event: error\ndata: {"choices":[{"index":0,"delta":{"content":"f"},"finish_reason":null}]}\n\n',
        'upstream_error',
        undefined,
      ],
      [
        'data: {"choices":[{"index":0,"delta":{"content":"f"},"finish_reason":null}],"error":{}}\n\n',
        'upstream_error',
        undefined,
      ],
      [
        'data: {"choices":[{"index":0,"delta":{"content":"f\u0001"},"finish_reason":null}]}\n\n',
        'upstream_bad_response',
        undefined,
      ],
      [
        'data: {"choices":[{"index":0,"delta":{"content":"\\x"},"finish_reason":null}]}\n\n',
        'upstream_bad_response',
        undefined,
      ],
      [
        'data: {"choices":[{"index":0,"delta":{"content":"f},"finish_reason":null}]}\n\n',
        'upstream_bad_response',
        undefined,
      ],
    ]
    for (const [last, failure, end] of bodies) {
      const chunks = chatChunks(1_000)
      chunks.push([Buffer.from(before), Buffer.from(last)])
      assert.equal(chunks.error?.code, failure, last)
      if (end) assert.deepEqual(chunks.end(), [{ type: 'finish', reason: end, usage: undefined }])
    }
  })

  it('never take a call of a tool for text, nor text for a call, whichever comes first', () => {
    const eventWith = (delta: object) => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`
    const content = (text: string) => eventWith({ content: text })
    const call = (args: string) => eventWith({ tool_calls: [{ index: 0, function: { arguments: args } }] })
    const both = (args: string) =>
      eventWith({ content: 'x', tool_calls: [{ index: 0, function: { arguments: args } }] })
    const said = (text: string): Delta => ({ type: 'text', text })
    const called = (args: string): Delta => ({ type: 'tool_call', name: '', args })
    const body = [
      ...['a', 'b', 'c', 'd', 'e'].map(content),
      ...['{"x', '": "', 'content', '\\"}'].map(call),
      content('f'),
      both('z'),
      content('g'),
    ].join('')
    const expected = [
      ...['a', 'b', 'c', 'd', 'e'].map(said),
      ...['{"x', '": "', 'content', '\\"}'].map(called),
      said('f'),
      said('x'),
      called('z'),
      said('g'),
    ]
    const bytes = Buffer.from(body)
    for (let at = 0; at <= bytes.length; at++) assert.deepEqual(read(bytes, [at]), expected)
  })
})
