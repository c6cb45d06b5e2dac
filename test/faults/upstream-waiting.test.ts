/** The upstream makes the service wait: rate limits, retries, silence. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { oneCall } from '../support/programs.ts'
import { errorOf, predictionOf, Service, text } from '../support/service.ts'
import { completion, only, onlyFirst } from '../support/upstream.ts'

const prediction = { reasoning: 'reasoning on Q', answer: 'answer on Q' }

// At the same time, since most of it is waiting.
describe('an upstream that makes the service wait', { concurrency: true }, () => {
  test('U5 a short rate limit is waited for, and a status says so', async (t) => {
    const service = await Service.start(t, {
      script: onlyFirst('brainstorm', (exchange) => exchange.refuse(429, undefined, { 'retry-after': '2' })),
    })
    const reading = await service.open('Q')
    await reading.until('"phase":"waiting"')
    const asked = () => service.upstream.asking('brainstorm').length
    assert.equal(asked(), 1, 'the wait is told before it is over')
    await sleep(1_500)
    assert.equal(asked(), 1, 'it asked again too early')

    const frames = await reading.frames()
    assert.deepEqual(
      frames.filter((frame) => frame.type === 'status' && frame.phase === 'waiting'),
      [
        {
          type: 'status',
          message: "The model's endpoint is busy. Asking again in 2 s.",
          module: 'ideas',
          phase: 'waiting',
        },
      ],
    )
    assert.deepEqual(predictionOf(frames).data, prediction)
    assert.equal(asked(), 2)
    const [line] = await service.assertQuiet('ok')
    assert.equal(line?.retries, 1)
  })

  test('U7 one failure before the first token costs one retry', async (t) => {
    const service = await Service.start(t, {
      script: onlyFirst('brainstorm', (exchange) => exchange.refuse(500)),
    })
    const frames = await service.ask('Q')
    assert.deepEqual(predictionOf(frames).data, prediction)
    assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), 'brainstorm on Q')
    assert.ok(!frames.some((frame) => frame.type === 'status' && frame.phase === 'waiting'))
    assert.deepEqual(
      ['brainstorm', 'evidence', 'answer'].map((field) => service.upstream.asking(field).length),
      [2, 1, 1],
    )
    const [line] = await service.assertQuiet('ok')
    assert.equal(line?.retries, 1)
  })

  test('U7 a connection that ends without an answer is retried too', async (t) => {
    const service = await Service.start(t, {
      script: onlyFirst('evidence', (exchange) => exchange.reset()),
    })
    assert.deepEqual(predictionOf(await service.ask('Q')).data, prediction)
    const [line] = await service.assertQuiet('ok')
    assert.equal(line?.retries, 1)
  })

  test('U8 an endpoint that always fails is left once the retries are spent', async (t) => {
    const service = await Service.start(t, {
      script: only('evidence', (exchange) =>
        exchange.refuse(500, { error: { message: 'CUDA out of memory' } }),
      ),
    })
    const error = errorOf(await service.ask('Q'), 'upstream_error', 'evidence.probe')
    assert.equal(error.message, "The model's endpoint says: CUDA out of memory")
    const [line] = await service.assertQuiet('upstream_error')
    assert.equal(line?.retries, 2)
    assert.deepEqual(line?.cause, { type: 'InternalServerError', status: 500 }) // without the words
    assert.equal(service.upstream.asking('evidence').length, 3)
    assert.equal(service.upstream.asking('answer').length, 0)
  })

  test('U9 headers that never come time out, and the sibling is aborted', async (t) => {
    const service = await Service.start(t, {
      env: { LM_FIRST_TOKEN_TIMEOUT_MS: '800' },
      script: (exchange) => {
        if (exchange.field === 'evidence') exchange.open().delta('[[ ## reasoning ## ]]\nI go on')
      },
    })
    errorOf(await service.ask('Q'), 'upstream_timeout', 'ideas.brainstorm')
    await service.assertQuiet('upstream_timeout')
    assert.deepEqual(
      service.upstream.exchanges.map(({ wasAborted }) => wasAborted),
      [true, true],
      'one request per branch, and both aborted',
    )
  })

  test('U9 headers and comments are no first token', async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      env: { LM_FIRST_TOKEN_TIMEOUT_MS: '300' },
      script: async (exchange) => {
        exchange.open().chunk({ delta: { role: 'assistant', content: '' }, finish_reason: null })
        while (exchange.isOpen) {
          exchange.raw(': processing\n\n')
          await sleep(20)
        }
      },
    })
    errorOf(await service.ask('Q'), 'upstream_timeout', 'answerer')
    await service.assertQuiet('upstream_timeout')
  })

  test('U9 retries and their waits count against the time to the first token', async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      env: { LM_FIRST_TOKEN_TIMEOUT_MS: '1200', LM_MAX_RETRIES: '100' },
      script: (exchange) => exchange.refuse(429, undefined, { 'retry-after-ms': '500' }),
    })
    errorOf(await service.ask('Q'), 'upstream_rate_limited', 'answerer')
    await service.assertQuiet('upstream_rate_limited')
    assert.ok(service.upstream.exchanges.length <= 3, 'at 0, 500 and 1,000 ms')
  })

  test('U10 a stall in mid-stream ends the run, and what came stays', async (t) => {
    const service = await Service.start(t, {
      env: { LM_IDLE_TIMEOUT_MS: '500' },
      script: only('brainstorm', async (exchange) => {
        exchange.open().deltas('[[ ## reasoning ## ]]\nHm.\n[[ ## brainstorm ## ]]\nOne idea, and')
        while (exchange.isOpen) {
          exchange.raw(': still here\n\n').chunk({ delta: {}, finish_reason: null })
          await sleep(20)
        }
      }),
    })
    const frames = await service.ask('Q', { include: ['reasoning'] })
    errorOf(frames, 'upstream_stalled', 'ideas.brainstorm')
    assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), 'One idea, and')
    const closed = frames.filter(
      (one) => one.type === 'token' && one.is_last && one.predictor === 'ideas.brainstorm',
    )
    assert.deepEqual(
      closed.map((one) => one.type === 'token' && one.field),
      ['reasoning'],
      'a field that was cut is not closed',
    )
    assert.ok(
      !frames.some((frame) => frame.type === 'status' && frame.phase === 'end' && frame.module === 'ideas'),
    )
    await service.assertQuiet('upstream_stalled')
    assert.equal(service.upstream.asking('brainstorm').length, 1)
  })

  for (const name of ['reasoning', 'reasoning_content']) {
    test(`U11 a model that only thinks (${name}) for longer than the idle limit is alive`, async (t) => {
      const service = await Service.start(t, {
        program: oneCall,
        env: { LM_IDLE_TIMEOUT_MS: '700' },
        script: async (exchange) => {
          exchange.open()
          for (let n = 1; n <= 10; n++) {
            exchange.chunk({ delta: { content: null, [name]: `${n} ` }, finish_reason: null })
            await sleep(100)
          }
          exchange.deltas('[[ ## answer ## ]]\nDone.').finish()
        },
      })
      const frames = await service.ask('Q', { include: ['reasoning'] })
      assert.deepEqual(predictionOf(frames).data, { reasoning: '1 2 3 4 5 6 7 8 9 10', answer: 'Done.' })
      await service.assertQuiet('ok')
    })
  }

  test('U35 while a slow model thinks about its next token, there are heartbeats', async (t) => {
    const next = Promise.withResolvers<void>()
    const service = await Service.start(t, {
      program: oneCall,
      env: { HEARTBEAT_MS: '30' },
      script: async (exchange) => {
        const [first, rest] = completion({ reasoning: 'Slow.', answer: 'One. Two.' }).split(' Two.')
        exchange.open().delta(first as string)
        await next.promise
        exchange.delta(` Two.${rest}`).finish()
      },
    })
    const reading = await service.open('Q')
    await reading.until('One.')
    await reading.until(': keep-alive\n\n: keep-alive\n\n')
    next.resolve()
    assert.equal(predictionOf(await reading.frames()).data.answer, 'One. Two.')
    await service.assertQuiet('ok')
  })
})
