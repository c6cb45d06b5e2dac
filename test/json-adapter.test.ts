/** Runs whose predictors write one JSON object, from the request to the prediction. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { z } from 'zod'
import type { Frame } from '../src/core/frame.ts'
import { chainOfThought, predict } from '../src/core/predictor.ts'
import { program } from '../src/core/program.ts'
import { oneCall } from './support/programs.ts'
import { errorOf, predictionOf, Service, text } from './support/service.ts'
import { completing, type Exchange, type Script } from './support/upstream.ts'

const env = { LM_ADAPTER: 'json' }
const Line = z.object({ item: z.string(), quantity: z.int().min(1) })

const typed = program(
  {
    read: chainOfThought('question -> vendor, lines: list[Line], total: float', {
      types: { Line },
      adapter: 'json',
    }),
  },
  ({ read }, { question }) => read({ question }),
)

const startTyped = (t: TestContext, script: Script) => Service.start(t, { program: typed, script })

/** The fields that were closed, and what came of each. */
function lanesOf(frames: readonly Frame[], predictor: string) {
  const tokens = frames.filter((one) => one.type === 'token').filter((one) => one.predictor === predictor)
  return {
    closed: tokens.filter((one) => one.is_last).map(({ field }) => field),
    texts: Object.fromEntries(
      [...new Set(tokens.map(({ field }) => field))].map((field) => [field, text(frames, predictor, field)]),
    ),
  }
}

describe('the JSON adapter', () => {
  it('asks every predictor for one object, where LM_ADAPTER says so', async (t) => {
    const service = await Service.start(t, { env })
    const frames = await service.ask('Why "so"?\n{}', { include: ['reasoning', 'usage'] })
    assert.deepEqual(predictionOf(frames).data, {
      reasoning: 'reasoning on Why "so"?\n{}',
      answer: 'answer on Why "so"?\n{}',
    })
    assert.deepEqual(lanesOf(frames, 'ideas.brainstorm'), {
      closed: ['reasoning', 'brainstorm'],
      texts: { reasoning: 'reasoning on Why "so"?\n{}', brainstorm: 'brainstorm on Why "so"?\n{}' },
    })
    for (const { isJson, body, fields } of service.upstream.exchanges) {
      assert.ok(isJson)
      const strings = fields.map((name) => [name, { type: 'string' }])
      assert.deepEqual(body.response_format, {
        type: 'json_schema',
        json_schema: {
          name: 'completion',
          strict: true,
          schema: {
            type: 'object',
            properties: Object.fromEntries(strings),
            required: fields,
            additionalProperties: false,
          },
        },
      })
    }
    await service.assertQuiet('ok')
  })

  it('asks for no format where the chat format is wanted', async (t) => {
    const service = await Service.start(t)
    await service.ask('Q')
    assert.ok(service.upstream.exchanges.every(({ body, isJson }) => !isJson && !('response_format' in body)))
    await service.assertQuiet('ok')
  })

  it("goes before the service's own where a predictor chooses it", async (t) => {
    const mixed = program(
      {
        draft: predict('question -> draft', { adapter: 'json' }),
        check: predict('question, draft -> verdict', { adapter: 'chat' }),
        answerer: predict('question, draft, verdict -> answer'),
      },
      async ({ draft, check, answerer }, { question }) => {
        const one = await draft({ question })
        return answerer({ question, ...one, ...(await check({ question, ...one })) })
      },
    )
    for (const [given, expected] of [
      [{}, [true, false, false]],
      [env, [true, false, true]],
    ] as const) {
      const service = await Service.start(t, { program: mixed, env: given })
      assert.deepEqual(predictionOf(await service.ask('Q')).data, { answer: 'answer on Q' })
      assert.deepEqual(
        service.upstream.exchanges.map(({ isJson }) => isJson),
        expected,
      )
      await service.assertQuiet('ok')
    }
  })

  it('is one of those that there are', () => {
    assert.throws(() => predict('a -> b', { adapter: 'xml' as 'json' }), {
      name: 'TypeError',
      message: "There is no adapter 'xml'; there are chat and json.",
    })
  })

  const LINES = '[ {"item": "nut, \\"M3\\"", "quantity": 2},\n{"item":"bolt","quantity":1} ]'
  const lines = [
    { item: 'nut, "M3"', quantity: 2 },
    { item: 'bolt', quantity: 1 },
  ]

  for (const size of [1, 5, 10_000]) {
    it(`streams typed fields as written and their values as they close, in deltas of ${size}`, async (t) => {
      const script = (exchange: Exchange) =>
        exchange.answer({ reasoning: 'R', vendor: ' ACME\n', lines: LINES, total: '2.50' }, size)
      const service = await startTyped(t, script)
      const frames = await service.ask('Q', { include: ['values'] })
      assert.deepEqual(predictionOf(frames).data, { reasoning: 'R', vendor: ' ACME\n', lines, total: 2.5 })
      assert.deepEqual(lanesOf(frames, 'read'), {
        closed: ['vendor', 'lines', 'total'],
        texts: { vendor: ' ACME\n', lines: LINES, total: '2.50' },
      })
      assert.deepEqual(
        frames.filter(({ type }) => type === 'value'),
        [
          { type: 'value', field: 'lines', predictor: 'read', path: '/0', value: lines[0] },
          { type: 'value', field: 'lines', predictor: 'read', path: '/1', value: lines[1] },
          { type: 'value', field: 'total', predictor: 'read', path: '', value: 2.5 },
        ],
      )
      await service.assertQuiet('ok')
    })
  }

  it('is over at the closing brace: what the model still writes is not waited for', async (t) => {
    const service = await startTyped(t, (exchange) =>
      exchange.open().delta(`{"vendor": "V", "lines": [], "total": 1}\n\`\`\``).delta(' and so on'),
    )
    assert.deepEqual(predictionOf(await service.ask('Q')), {
      type: 'prediction',
      data: { reasoning: '', vendor: 'V', lines: [], total: 1 },
    })
    await service.assertQuiet('ok')
  })

  it('takes native reasoning before what the object has of it', async (t) => {
    const service = await Service.start(t, {
      env,
      program: oneCall,
      script: (exchange) => {
        exchange.open().chunk({ delta: { reasoning_content: 'Hm. ' } })
        exchange.delta('{"reasoning": "So.", "answer": "A"}').finish()
      },
    })
    const frames = await service.ask('Q', { include: ['reasoning'] })
    assert.deepEqual(predictionOf(frames).data, { reasoning: 'Hm.\nSo.', answer: 'A' })
    assert.deepEqual(lanesOf(frames, 'answerer').closed.sort(), ['answer', 'reasoning'])
    await service.assertQuiet('ok')
  })
})

describe('what the model writes instead is upstream_format, and says where', () => {
  const cases: Record<string, { written: string; reason?: string; says: string; closed?: string[] }> = {
    'plain text': {
      written: 'I would rather not.',
      says: 'a JSON object with the fields as its keys is needed.',
    },
    nothing: { written: '', says: 'a JSON object with the fields as its keys is needed.' },
    'an object that ends before its brace': {
      written: '{"vendor": "V", "lines": [], "total": 1',
      says: '/total: the JSON breaks off in this value.',
      closed: ['vendor', 'lines'],
    },
    'an object that the token limit cut': {
      written: '{"vendor": "V", "lines": [{"item": "nu',
      reason: 'length',
      says: '/lines: the JSON breaks off in this value. It reached its token limit.',
      closed: ['vendor'],
    },
    'a number for a text': {
      written: '{"vendor": 42, "lines": [], "total": 1}',
      says: '/vendor: a text in double quotes is needed.',
    },
    'an escape that JSON lacks': {
      written: '{"vendor": "a\\q", "lines": [], "total": 1}',
      says: '/vendor: the JSON is broken in this value.',
    },
    'an item of another type': {
      written: '{"vendor": "V", "lines": [{"item": "nut", "quantity": "two"}], "total": 1}',
      says: '/lines/0/quantity: expected number, received string.',
      closed: ['vendor', 'lines', 'total'],
    },
    'a list that is no JSON': {
      written: '{"vendor": "V", "lines": [nut], "total": 1}',
      says: '/lines: JSON of the type list[Line] is needed.',
      closed: ['vendor', 'lines', 'total'],
    },
  }
  for (const [name, { written, reason = 'stop', says, closed = [] }] of Object.entries(cases)) {
    it(name, async (t) => {
      const service = await startTyped(t, (exchange) => exchange.open().deltas(written).finish(reason))
      const frames = await service.ask('Q')
      const { message } = errorOf(frames, 'upstream_format', 'read')
      assert.equal(message, `The model wrote something else than it was asked for. ${says}`)
      assert.deepEqual(lanesOf(frames, 'read').closed, closed)
      assert.equal(service.upstream.exchanges.length, 1)
      await service.assertQuiet('upstream_format')
    })
  }

  it('a field that was left out is named', async (t) => {
    const service = await startTyped(t, completing('{"vendor": "V", "total": 1}'))
    const { message } = errorOf(await service.ask('Q'), 'upstream_format', 'read')
    assert.equal(message, "The model left out 'lines', which it was asked for.")
    await service.assertQuiet('upstream_format')
  })

  it('a broken object ends the request: the rest is not paid for', async (t) => {
    const service = await startTyped(t, (exchange) => exchange.open().delta('{"vendor": null, '))
    errorOf(await service.ask('Q'), 'upstream_format', 'read')
    await service.assertQuiet('upstream_format')
  })

  it('a stream that breaks off is cut, not wrong', async (t) => {
    const service = await startTyped(t, (exchange) => {
      exchange.open().delta('{"vendor": "V').raw('data: [DONE]\n\n').response.end()
    })
    errorOf(await service.ask('Q'), 'upstream_truncated', 'read')
    await service.assertQuiet('upstream_truncated')
  })
})
