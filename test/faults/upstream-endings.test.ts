/** The ways in which a completion's stream ends, good and bad. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Frame } from '../../src/core/frame.ts'
import { oneCall } from '../support/programs.ts'
import { errorOf, KEY, predictionOf, Service, text } from '../support/service.ts'
import { completion, type Exchange, eventOf, only, type Script, verbatim } from '../support/upstream.ts'

const values = { reasoning: 'Because.', answer: 'Forty-two.' }
const whole = completion(values)
const begun = '[[ ## reasoning ## ]]\nBecause.\n\n[[ ## answer ## ]]\nForty'

const events = (...chunks: object[]) => chunks.map(eventOf).join('')
const textEvent = (content: string) => eventOf({ choices: [{ delta: { content }, finish_reason: null }] })

/** One call whose upstream does this. */
const ask = async (t: Parameters<typeof Service.start>[0], script: Script): Promise<[Service, Frame[]]> => {
  const service = await Service.start(t, { program: oneCall, script })
  return [service, await service.ask('Q')]
}

test('U12 a reset in mid-stream is not retried, and no text comes twice', async (t) => {
  const begin = Promise.withResolvers<Exchange>()
  const service = await Service.start(t, {
    script: only('brainstorm', (exchange) => {
      exchange.open().delta('[[ ## brainstorm ## ]]\nOne idea')
      begin.resolve(exchange)
    }),
  })
  const reading = await service.open('Q')
  await reading.until('One idea')
  ;(await begin.promise).reset()
  const frames = await reading.frames()
  errorOf(frames, 'upstream_truncated', 'ideas.brainstorm')
  assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), 'One idea')
  assert.ok(!frames.some((one) => one.type === 'token' && one.field === 'brainstorm' && one.is_last))
  await service.assertQuiet('upstream_truncated')
  assert.equal(service.upstream.asking('brainstorm').length, 1)
})

test('U13 a clean close without a finish reason is truncated, never a prediction', async (t) => {
  const [service, frames] = await ask(t, verbatim(textEvent(begun)))
  errorOf(frames, 'upstream_truncated', 'answerer')
  assert.equal(text(frames, 'answerer', 'answer'), 'Forty')
  await service.assertQuiet('upstream_truncated')
  assert.equal(service.upstream.exchanges.length, 1)
})

test('U13 a stream that closes before its first token is asked for again', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: (exchange, upstream) =>
      exchange.index === 0 ? verbatim(': hello\n\n')(exchange, upstream) : exchange.answer(values),
  })
  assert.deepEqual(predictionOf(await service.ask('Q')).data, values)
  const [line] = await service.assertQuiet('ok')
  assert.equal(line?.retries, 1)
})

for (const include of [[], ['usage']]) {
  test(`U14 a finish reason is enough: no [DONE], socket left open (include: ${include})`, async (t) => {
    const service = await Service.start(t, {
      script: (exchange) => {
        const answer = Object.fromEntries(exchange.fields.map((field) => [field, `my ${field}`]))
        exchange.open().deltas(completion(answer)).chunk({ delta: {}, finish_reason: 'stop' })
      },
    })
    const answer = service.ask('Q', { include })
    const inTime = await Promise.race([answer, sleep(2_000, undefined, { ref: false })])
    assert.ok(inTime, 'there was no whole answer within two seconds')
    assert.deepEqual(predictionOf(await answer).data, { reasoning: 'my reasoning', answer: 'my answer' })
    await service.assertQuiet('ok')
    assert.deepEqual(
      service.upstream.exchanges.map(({ wasAborted }) => wasAborted),
      [true, true, true],
      'it was the service that closed the sockets',
    )
  })
}

for (const [how, end] of [
  ['[DONE]', 'data: [DONE]\n\n'],
  ['a closed body', ''],
] as const) {
  test(`U15 ${how} without a finish reason is an end after the completed marker`, async (t) => {
    const [service, frames] = await ask(t, verbatim(textEvent(whole) + end))
    assert.deepEqual(predictionOf(frames).data, values)
    await service.assertQuiet('ok')
  })

  test(`U15b ${how} without a finish reason and before the completed marker is a cut`, async (t) => {
    const [service, frames] = await ask(t, verbatim(textEvent(whole.slice(0, -1)) + end))
    errorOf(frames, 'upstream_truncated', 'answerer')
    assert.equal(text(frames, 'answerer', 'answer'), values.answer)
    assert.ok(!frames.some((one) => one.type === 'token' && one.field === 'answer' && one.is_last))
    await service.assertQuiet('upstream_truncated')
    assert.equal(service.upstream.exchanges.length, 1)
  })
}

test('U16 a completion that ran into its token limit is a prediction that says so', async (t) => {
  const service = await Service.start(t, {
    script: only('evidence', (exchange) =>
      exchange.open().deltas('[[ ## evidence ## ]]\nSome, and').finish('length'),
    ),
  })
  const frames = await service.ask('Q')
  assert.deepEqual(predictionOf(frames).truncated, ['evidence.probe'])
  assert.equal(text(frames, 'evidence.probe', 'evidence'), 'Some, and')
  await service.assertQuiet('ok')
})

test('U16 a token limit before the field is a missing field, and the message tells why', async (t) => {
  const [service, frames] = await ask(t, (exchange) =>
    exchange.open().deltas('[[ ## reasoning ## ]]\nLet me think').finish('length'),
  )
  const { message } = errorOf(frames, 'upstream_format', 'answerer')
  assert.equal(message, "The model reached its token limit before it wrote 'answer'.")
  await service.assertQuiet('upstream_format')
})

const badEnds = {
  upstream_error: ['abort', 'error', 'network_error', 'insufficient_system_resource', 'anything'],
  upstream_refused: ['content_filter', 'content_filter: SAFETY', 'RECITATION'],
}
for (const [code, reasons] of Object.entries(badEnds)) {
  for (const reason of reasons) {
    test(`U17 the finish reason '${reason}' is ${code}, and named`, async (t) => {
      const [service, frames] = await ask(t, (exchange) => exchange.open().deltas(begun).finish(reason))
      assert.ok(errorOf(frames, code, 'answerer').message.includes(reason))
      assert.equal(text(frames, 'answerer', 'answer'), 'Forty')
      await service.assertQuiet(code)
      assert.equal(service.upstream.exchanges.length, 1)
    })
  }
}

test('U17 an error inside a choice is an error, in its own words', async (t) => {
  const [service, frames] = await ask(t, (exchange) =>
    exchange
      .open()
      .deltas(begun)
      .chunk({
        delta: { content: '' },
        finish_reason: 'error',
        error: { code: 502, message: 'Provider gone' },
      }),
  )
  assert.equal(
    errorOf(frames, 'upstream_error', 'answerer').message,
    "The model's endpoint says: Provider gone",
  )
  await service.assertQuiet('upstream_error')
})

test('U17b a refusal is one, and not asked for again', async (t) => {
  const [service, frames] = await ask(t, (exchange) =>
    exchange
      .open()
      .chunk({ delta: { content: null, refusal: "I'm sorry, but" } })
      .finish(),
  )
  errorOf(frames, 'upstream_refused', 'answerer')
  await service.assertQuiet('upstream_refused')
  assert.equal(service.upstream.exchanges.length, 1)
})

for (const reason of ['max_tokens', 'MAX_TOKENS', 'model_length']) {
  test(`U17c the finish reason '${reason}' is the token limit`, async (t) => {
    const [service, frames] = await ask(t, (exchange) => exchange.open().deltas(begun).finish(reason))
    assert.deepEqual(predictionOf(frames).truncated, ['answerer'])
    await service.assertQuiet('ok')
  })
}

for (const include of [[], ['usage']]) {
  test(`U17d a model that writes on after the completed marker holds up nobody (include: ${include})`, async (t) => {
    const service = await Service.start(t, {
      script: async (exchange) => {
        const answer = Object.fromEntries(exchange.fields.map((field) => [field, `my ${field}`]))
        exchange.open().deltas(completion(answer))
        while (exchange.isOpen) {
          exchange.delta(' and on')
          await sleep(5)
        }
      },
    })
    const frames = await service.ask('Q', { include })
    assert.deepEqual(frames.at(-1), {
      type: 'prediction',
      data: { reasoning: 'my reasoning', answer: 'my answer' },
    })
    await service.assertQuiet('ok')
    assert.deepEqual(
      service.upstream.exchanges.map(({ wasAborted }) => wasAborted),
      [true, true, true],
      'its requests were ended',
    )
  })
}

test('U17d what ends right after the completed marker leaves its connection to the next call', async (t) => {
  const ports: (number | undefined)[] = []
  const service = await Service.start(t, {
    program: oneCall,
    script: async (exchange) => {
      ports.push(exchange.response.socket?.remotePort)
      exchange.open().delta(whole)
      await new Promise(setImmediate)
      exchange.finish()
    },
  })
  for (let nth = 0; nth < 3; nth++) {
    assert.deepEqual(predictionOf(await service.ask('Q')).data, values)
    await service.upstream.exchanges[nth]?.closed
  }
  await service.assertQuiet('ok', 'ok', 'ok')
  assert.equal(new Set(ports).size, 1, ports.join())
})

const message = `No slot for ${KEY} at http://user:pw@gpu-7.inner.example:8000/v1 (10.1.2.3:8000)\n  at Engine.run`
const cleaned = "The model's endpoint says: No slot for [key] at [address] ([address])"

const errorEvents: Record<string, string> = {
  'U18 an error object as an event': events({ error: { message, type: 'server_error', code: 503 } }),
  'U18 an error that is a string': events({ error: message }),
  'U19 an event named error with an error object': `event: error\n${events({ error: { message } })}`,
  'U19 an event named error with a message': `event: error\n${events({ message })}`,
  'U19 an event named error with mere text': `event: error\ndata: ${message.split('\n')[0]}\n\n`,
}
for (const [title, event] of Object.entries(errorEvents)) {
  test(`${title} is an error, in clean words`, async (t) => {
    const [service, frames] = await ask(t, verbatim(`${textEvent(begun)}${event}${textEvent('-two.')}`))
    assert.equal(errorOf(frames, 'upstream_error', 'answerer').message, cleaned)
    assert.equal(
      text(frames, 'answerer', 'answer'),
      'Forty',
      'what came before it stays, the rest is not read',
    )
    await service.assertQuiet('upstream_error')
    assert.equal(service.upstream.exchanges.length, 1)
  })
}

describe('U21 an event that is no whole JSON object', () => {
  const endings: Record<string, string> = {
    'with its blank line': 'data: {"choices":[{"delta":{"cont\n\n',
    'with its line end': 'data: {"choices":[{"delta":{"cont\n',
    'in mid-line': 'data: {"choices":[{"delta":{"cont',
    'as text': 'data: Internal Server Error\n\n',
    'as a number': 'data: 500\n\n',
  }
  for (const [how, event] of Object.entries(endings)) {
    test(`U21 ${how}`, async (t) => {
      const [service, frames] = await ask(t, verbatim(textEvent(begun) + event))
      errorOf(frames, 'upstream_bad_response', 'answerer')
      assert.equal(text(frames, 'answerer', 'answer'), 'Forty')
      await service.assertQuiet('upstream_bad_response')
    })
  }

  test('U21 but a whole last event without its blank line counts', async (t) => {
    const [service, frames] = await ask(t, verbatim(`${textEvent(whole)}data: [DONE]`))
    assert.deepEqual(predictionOf(frames).data, values)
    await service.assertQuiet('ok')
  })
})
