/** The event stream itself: its oddities, how it is cut, and how much of it there is. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Frame } from '../../src/core/frame.ts'
import { oneCall } from '../support/programs.ts'
import { answersOf, RawClient } from '../support/raw-client.ts'
import { errorOf, framesOf, predictionOf, rawQuestion, Service, text } from '../support/service.ts'
import { completing, completion, type Exchange, eventOf, verbatim } from '../support/upstream.ts'

const values = { reasoning: 'Weil – „so“.', answer: '42 👩‍🚀\n\nor 四十二 [[0]]' }
const json = (content: string) => JSON.stringify({ choices: [{ delta: { content }, finish_reason: null }] })
const half = completion(values).slice(0, 50)
const rest = completion(values).slice(50)

const tokens = (frames: Frame[]) => frames.filter((frame) => frame.type === 'token')

const oddities: Record<string, string> = {
  comments: `: hello\n\ndata: ${json(half)}\n: in an event\n\n:\n\ndata: ${json(rest)}\n\ndata: [DONE]\n\n`,
  'ids, retry times and event names': `id: 1\nretry: 10\nevent: message\ndata: ${json(half)}\n\nid\nevent\ndata: ${json(rest)}\n\ndata: [DONE]\n\n`,
  'unknown fields': `foo: bar\ndata: ${json(half)}\nnonsense\n\n{"a":1}\ndata: ${json(rest)}\n\ndata: [DONE]\n\n`,
  CRLF: `data: ${json(half)}\r\n\r\ndata: ${json(rest)}\r\n\r\ndata: [DONE]\r\n\r\n`,
  'lone CR': `data: ${json(half)}\r\rdata: ${json(rest)}\r\rdata: [DONE]\r\r`,
  'a byte order mark': `\ufeffdata: ${json(half)}\n\ndata: ${json(rest)}\n\ndata: [DONE]\n\n`,
  'no space after the colon': `data:${json(half)}\n\ndata:${json(rest)}\n\ndata:[DONE]\n\n`,
  'empty events': `data\n\ndata:\n\ndata: ${json(half)}\n\n\n\n\ndata: \n\ndata: ${json(rest)}\n\ndata: [DONE]\n\n`,
  'an event of several lines': `data: ${json(half).replace(',', ',\ndata: ')}\n\ndata: ${json(rest)}\n\ndata: [DONE]\n\n`,
}
for (const [what, body] of Object.entries(oddities)) {
  test(`U22 ${what} do not touch the answer`, async (t) => {
    const service = await Service.start(t, { program: oneCall, script: verbatim(body) })
    assert.deepEqual(predictionOf(await service.ask('Q')).data, values)
    await service.assertQuiet('ok')
  })
}

test('U23 chunks that say nothing make no frame', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: (exchange) => {
      exchange.open()
      exchange.chunk({ delta: { role: 'assistant' } }).chunk({ delta: { role: 'assistant', content: '' } })
      exchange.chunk({ delta: { content: null, reasoning: null, reasoning_content: null, tool_calls: null } })
      exchange
        .chunk({ delta: null })
        .chunk({})
        .raw(eventOf({ choices: [] }))
        .raw(eventOf({ choices: null }))
      exchange.raw(eventOf({})).chunk({ delta: { content: [] } })
      exchange
        .delta('[[ ## answer ## ]]\nYes.')
        .chunk({ delta: { content: '', reasoning: '' }, finish_reason: '' })
      exchange.raw(eventOf({ choices: [], usage: null }))
      exchange.raw(eventOf({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } })).finish()
    },
  })
  const frames = await service.ask('Q')
  assert.deepEqual(frames, [
    { type: 'token', field: 'answer', predictor: 'answerer', chunk: 'Yes.', is_last: false },
    { type: 'token', field: 'answer', predictor: 'answerer', chunk: '', is_last: true },
    { type: 'prediction', data: { reasoning: '', answer: 'Yes.' } },
  ])
  await service.assertQuiet('ok')
})

test('U38b content in parts loses nothing, and thinking is native reasoning', async (t) => {
  const part = (text: string) => ({ type: 'text', text })
  const service = await Service.start(t, {
    program: oneCall,
    script: (exchange) =>
      exchange
        .open()
        .chunk({ delta: { content: [{ type: 'thinking', thinking: [part('Care'), part('ful.')] }] } })
        .delta('[[ ## answer ## ]]\nThe dose is ')
        .chunk({ delta: { content: [part('NOT ')] } })
        .delta('safe.')
        .finish(),
  })
  const frames = await service.ask('Q', { include: ['reasoning'] })
  assert.deepEqual(predictionOf(frames).data, { reasoning: 'Careful.', answer: 'The dose is NOT safe.' })
  await service.assertQuiet('ok')
})

test('U38b thinking in parts is a sign of life', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    env: { LM_IDLE_TIMEOUT_MS: '700' },
    script: async (exchange) => {
      exchange.open()
      for (let n = 1; n <= 10; n++) {
        exchange.chunk({ delta: { content: [{ type: 'thinking', thinking: `${n} ` }] }, finish_reason: null })
        await sleep(100)
      }
      exchange.deltas('[[ ## answer ## ]]\nDone.').finish()
    },
  })
  assert.equal(predictionOf(await service.ask('Q')).data.answer, 'Done.')
  await service.assertQuiet('ok')
})

for (const content of [5, { text: 'NOT ' }, [{ type: 'image_url' }], ['NOT ']]) {
  test(`U38b content like ${JSON.stringify(content)} is never skipped in silence`, async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      script: (exchange) =>
        exchange
          .open()
          .delta('[[ ## answer ## ]]\nThe dose is ')
          .chunk({ delta: { content } })
          .delta('safe.')
          .finish(),
    })
    errorOf(await service.ask('Q'), 'upstream_bad_response', 'answerer')
    await service.assertQuiet('upstream_bad_response')
  })
}

test('U38f usage of wrong types makes no frame, and a model name beyond measure is replaced', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const counting = (usage: object, model: string) => {
    service.upstream.script = (exchange) => {
      exchange.open().delta(completion(values)).chunk({ delta: {}, finish_reason: 'stop' })
      exchange
        .raw(eventOf({ model, choices: [], usage }))
        .raw('data: [DONE]\n\n')
        .response.end()
    }
    return service.ask('Q', { include: ['usage'] })
  }
  const none = await counting({ prompt_tokens: '12', completion_tokens: {} }, 'm')
  assert.ok(none.every(({ type }) => type !== 'usage'))
  const named = await counting({ prompt_tokens: 12, completion_tokens: 34 }, 'm'.repeat(300_000))
  assert.partialDeepStrictEqual(
    named.filter(({ type }) => type === 'usage'),
    [{ model: 'gpt-5-mini', input_tokens: 12, output_tokens: 34 }],
  )
  await service.assertQuiet('ok', 'ok')
})

test('U24 a completion in one delta still gives tokens for each field, each closed once', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: completing(completion(values), 10_000) })
  const frames = await service.ask('Q', { include: ['reasoning'] })
  assert.deepEqual(
    tokens(frames).map(({ field, chunk, is_last }) => [field, chunk, is_last]),
    [
      ['reasoning', values.reasoning, true],
      ['answer', values.answer, true],
    ],
  )
  assert.deepEqual(predictionOf(frames).data, values)
  await service.assertQuiet('ok')
})

test('U25 bytes that come one by one give the same frames', async (t) => {
  const body = Buffer.from(`data: ${json(half)}\r\n\r\n: –\n\ndata: ${json(rest)}\n\ndata: [DONE]\n\n`)
  const service = await Service.start(t, { program: oneCall, script: verbatim(body) })
  const inOnePiece = await service.ask('Q', { include: ['reasoning'] })

  service.upstream.script = async (exchange) => {
    exchange.open()
    for (const byte of body) {
      exchange.raw(Uint8Array.of(byte))
      await turn()
    }
    exchange.response.end()
  }
  assert.deepEqual(await service.ask('Q', { include: ['reasoning'] }), inOnePiece)
  assert.deepEqual(predictionOf(inOnePiece).data, values)
  await service.assertQuiet('ok', 'ok')
})

test('U25 a completion cut anywhere, into markers and surrogate pairs too, is the same', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  for (const size of [1, 2, 3, 5, 11]) {
    service.upstream.script = completing(completion(values), size)
    const frames = await service.ask('Q', { include: ['reasoning'] })
    assert.equal(text(frames, 'answerer', 'reasoning'), values.reasoning)
    assert.equal(text(frames, 'answerer', 'answer'), values.answer)
    assert.deepEqual(predictionOf(frames).data, values)
  }
  await service.assertQuiet(...Array(5).fill('ok'))
})

const line = 'Some words, [[0, 1]], 四十二 and a line.\n'

test('U33 a megabyte is streamed as it comes', async (t) => {
  const answer = line.repeat(1_000_000 / line.length).trim()
  const firstIsThere = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    program: oneCall,
    env: { MAX_COMPLETION_CHARS: '1100000' },
    script: async (exchange) => {
      const whole = completion({ reasoning: '', answer })
      exchange.open().deltas(whole.slice(0, 500_000), 1_000)
      await firstIsThere.promise
      exchange.deltas(whole.slice(500_000), 1_000).finish()
    },
  })
  const reading = await service.open('Q')
  await reading.until('Some words')
  firstIsThere.resolve()
  const frames = await reading.frames()
  assert.ok(predictionOf(frames).data.answer === answer && text(frames, 'answerer', 'answer') === answer)
  await service.assertQuiet('ok')
})

test('U33 a completion over the limit is cut off at it', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    env: { MAX_COMPLETION_CHARS: '1000' },
    script: (exchange) =>
      exchange
        .open()
        .deltas(`[[ ## answer ## ]]\n${line.repeat(100)}`, 100)
        .finish(),
  })
  const frames = await service.ask('Q')
  errorOf(frames, 'upstream_too_large', 'answerer')
  assert.ok(text(frames, 'answerer', 'answer').length <= 1_000)
  await service.assertQuiet('upstream_too_large')
})

/** Sends an endless text, no faster than it is read, and counts what was taken. */
function endless(exchange: Exchange, begin: string): { bytes: number } {
  const taken = { bytes: 0 }
  const piece = Buffer.alloc(64 * 1024, 'x')
  const { response } = exchange.open().raw(begin)
  const send = async () => {
    while (exchange.isOpen) {
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), exchange.closed])
      taken.bytes += piece.length
    }
  }
  send()
  return taken
}

test('U33 a delta without an end is read to the limit and no further', async (t) => {
  let taken = { bytes: 0 }
  const service = await Service.start(t, {
    program: oneCall,
    env: { MAX_COMPLETION_CHARS: '100000' },
    script: (exchange) => {
      taken = endless(exchange, 'data: {"choices":[{"delta":{"content":"')
    },
  })
  errorOf(await service.ask('Q'), 'upstream_too_large', 'answerer')
  await service.assertQuiet('upstream_too_large')
  // Escaped, a character may take six; the rest waits in the buffers of two sockets.
  assert.ok(taken.bytes < 10_000_000, `${taken.bytes} bytes were read`)
})

test('U33 a line that is no field is not collected', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    env: { MAX_COMPLETION_CHARS: '1000', LM_FIRST_TOKEN_TIMEOUT_MS: '300' },
    script: (exchange) => endless(exchange, 'nonsense'),
  })
  errorOf(await service.ask('Q'), 'upstream_timeout', 'answerer')
  await service.assertQuiet('upstream_timeout')
})

test('U34 fifty thousand deltas in one write leave turns to everything else', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: (exchange) => {
      const word = eventOf({ choices: [{ delta: { content: 'word ' } }] })
      exchange.open().delta('[[ ## answer ## ]]\n').raw(word.repeat(50_000)).finish()
    },
  })
  // On a bare socket, whose reading takes few turns of its own.
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('Q', 'connection: close\r\n'))
  let mostInOneTurn = 0
  for (let before = 0; !client.socket.destroyed; await turn()) {
    mostInOneTurn = Math.max(mostInOneTurn, client.text.length - before)
    before = client.text.length
  }
  const [answer] = answersOf(await client.closed)
  assert.equal(tokens(framesOf(answer?.body ?? '')).length, 50_000 + 1)
  // Without care it is two fifths: what libuv reads of one socket before it lets anything else happen.
  assert.ok(mostInOneTurn < client.text.length / 5, `${mostInOneTurn} bytes came in one turn`)
  await service.assertQuiet('ok')
})
