/** Whole runs over the wire: what a client reads, and what the upstream is asked. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chainOfThought, predict } from '../src/core/predictor.ts'
import { module, program } from '../src/core/program.ts'
import { oneCall } from './support/programs.ts'
import { errorOf, KEY, predictionOf, Service, text } from './support/service.ts'
import { completion, only, type Script } from './support/upstream.ts'

/** Lets evidence speak only when ideas has ended, so that their frames come in one order. */
function oneAfterTheOther(): { script: Script; go: () => void } {
  const ideasEnded = Promise.withResolvers<void>()
  const script: Script = async (exchange) => {
    if (exchange.field === 'evidence') await ideasEnded.promise
    const values = exchange.fields.map((field) => [field, field === 'reasoning' ? 'Hm.' : `The “${field}”`])
    exchange.answer(Object.fromEntries(values), 24)
  }
  return { script, go: ideasEnded.resolve }
}

/** The stream without the frames of these lines, by what they have in common. */
const without = (lines: string, part: string) =>
  lines
    .split('\n')
    .filter((line) => !line.includes(part))
    .join('\n')

const WHOLE = `
{"type":"status","message":"Spinning ideas...","module":"ideas","phase":"start"}
{"type":"status","message":"Pulling evidence...","module":"evidence","phase":"start"}
{"type":"token","field":"reasoning","predictor":"ideas.brainstorm","chunk":"Hm","is_last":false}
{"type":"token","field":"reasoning","predictor":"ideas.brainstorm","chunk":".","is_last":false}
{"type":"token","field":"reasoning","predictor":"ideas.brainstorm","chunk":"","is_last":true}
{"type":"token","field":"brainstorm","predictor":"ideas.brainstorm","chunk":"The “brainstorm”","is_last":false}
{"type":"token","field":"brainstorm","predictor":"ideas.brainstorm","chunk":"","is_last":true}
{"type":"status","message":"Ideas ready.","module":"ideas","phase":"end"}
{"type":"token","field":"reasoning","predictor":"evidence.probe","chunk":"Hm","is_last":false}
{"type":"token","field":"reasoning","predictor":"evidence.probe","chunk":".","is_last":true}
{"type":"token","field":"evidence","predictor":"evidence.probe","chunk":"The “evidence”","is_last":false}
{"type":"token","field":"evidence","predictor":"evidence.probe","chunk":"","is_last":true}
{"type":"status","message":"Evidence ready.","module":"evidence","phase":"end"}
{"type":"token","field":"reasoning","predictor":"compose","chunk":"Hm","is_last":false}
{"type":"token","field":"reasoning","predictor":"compose","chunk":".","is_last":true}
{"type":"token","field":"answer","predictor":"compose","chunk":"Th","is_last":false}
{"type":"token","field":"answer","predictor":"compose","chunk":"e “answer”","is_last":false}
{"type":"token","field":"answer","predictor":"compose","chunk":"","is_last":true}
{"type":"prediction","data":{"reasoning":"Hm.","answer":"The “answer”"}}
[DONE]`

/** Lines of JSON as events. */
const events = (lines: string) => lines.replaceAll('\n', '\n\ndata: ').slice(2).concat('\n\n')

describe('a whole run', () => {
  it('is these bytes', async (t) => {
    const { script, go } = oneAfterTheOther()
    const service = await Service.start(t, { script })
    const reading = await service.open('Q')
    await reading.until('Ideas ready.')
    go()
    await reading.frames()
    assert.equal(reading.text, events(without(WHOLE, '"field":"reasoning"')))
    await service.assertQuiet('ok')
  })

  it('is these bytes with reasoning included', async (t) => {
    const { script, go } = oneAfterTheOther()
    const service = await Service.start(t, { script })
    const reading = await service.open('Q', { include: ['reasoning'] })
    await reading.until('Ideas ready.')
    go()
    await reading.frames()
    assert.equal(reading.text, events(WHOLE))
    await service.assertQuiet('ok')
  })

  it('has a usage frame for each call where they are included', async (t) => {
    const service = await Service.start(t, { env: { OPENAI_MODEL: 'some-model' } })
    const frames = await service.ask('Q', { include: ['usage'] })
    const usage = frames.filter((frame) => frame.type === 'usage')
    assert.deepEqual(usage.map(({ predictor }) => predictor).sort(), [
      'compose',
      'evidence.probe',
      'ideas.brainstorm',
    ])
    for (const { first_token_ms, duration_ms, predictor: _, ...rest } of usage) {
      assert.deepEqual(rest, { type: 'usage', model: 'some-model', input_tokens: 12, output_tokens: 34 })
      assert.ok(first_token_ms <= duration_ms)
    }
    const [line] = await service.assertQuiet('ok')
    assert.deepEqual(
      (line?.calls as { tokens: number }[] | undefined)?.map(({ tokens }) => tokens),
      [34, 34, 34],
    )
  })

  it('runs its branches at the same time, and compose after both, with what they wrote', async (t) => {
    const service = await Service.start(t, {
      script: async (exchange, upstream) => {
        if (exchange.field === 'answer') {
          const branches = upstream.exchanges.filter((other) => other !== exchange)
          assert.deepEqual(
            branches.map(({ response }) => response.writableEnded),
            [true, true],
          )
          const { brainstorm, evidence } = {
            brainstorm: exchange.input('brainstorm'),
            evidence: exchange.input('evidence'),
          }
          exchange.answer({ reasoning: '', answer: `${brainstorm} + ${evidence}` })
          return
        }
        await upstream.request(1) // neither answers before both have been asked
        exchange.answer({ reasoning: '', [exchange.field]: `my ${exchange.field}` })
      },
    })
    assert.equal(predictionOf(await service.ask('Q')).data.answer, 'my brainstorm + my evidence')
    await service.assertQuiet('ok')
  })

  it('gets its own text and no other, with a hundred at once', async (t) => {
    const service = await Service.start(t)
    const { script } = service.upstream
    service.upstream.script = async (exchange, upstream) => {
      await upstream.request(199)
      return script(exchange, upstream)
    }
    const questions = Array.from({ length: 100 }, (_, nth) => `question ${nth}!`)
    const runs = await Promise.all(questions.map((question) => service.ask(question)))
    for (const [nth, frames] of runs.entries()) {
      const question = questions[nth]
      assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), `brainstorm on ${question}`)
      assert.equal(text(frames, 'evidence.probe', 'evidence'), `evidence on ${question}`)
      assert.equal(text(frames, 'compose', 'answer'), `answer on ${question}`)
      assert.deepEqual(predictionOf(frames).data, {
        reasoning: `reasoning on ${question}`,
        answer: `answer on ${question}`,
      })
    }
    await service.assertQuiet(...Array(100).fill('ok'))
  })
})

describe('native reasoning', () => {
  for (const name of ['reasoning', 'reasoning_content']) {
    const script: Script = (exchange) => {
      exchange.open()
      for (const content of ['Let me', ' think.'])
        exchange.chunk({ delta: { [name]: content }, finish_reason: null })
      exchange.deltas('[[ ## answer ## ]]\nYes.\n\n[[ ## completed ## ]]').finish()
    }

    it(`in \`${name}\` streams as the field reasoning`, async (t) => {
      const service = await Service.start(t, { program: oneCall, script })
      const frames = await service.ask('Q', { include: ['reasoning'] })
      assert.equal(text(frames, 'answerer', 'reasoning'), 'Let me think.')
      assert.deepEqual(predictionOf(frames).data, { reasoning: 'Let me think.', answer: 'Yes.' })
      await service.assertQuiet('ok')
    })

    it(`in \`${name}\` is in the prediction, but streams only where it is included`, async (t) => {
      const service = await Service.start(t, { program: oneCall, script })
      const frames = await service.ask('Q')
      assert.equal(text(frames, 'answerer', 'reasoning'), '')
      assert.deepEqual(predictionOf(frames).data, { reasoning: 'Let me think.', answer: 'Yes.' })
      await service.assertQuiet('ok')
    })
  }
})

describe("a program of one's own", () => {
  it('may call a predictor several times: later calls are numbered', async (t) => {
    const thrice = program({ say: predict('question -> line') }, async ({ say }) => {
      await Promise.all([say({ question: 'a' }), say({ question: 'b' })])
      return say({ question: 'c' })
    })
    const service = await Service.start(t, { program: thrice })
    const frames = await service.ask('Q')
    assert.deepEqual(
      [undefined, 2, 3].map((call) => text(frames, 'say', 'line', call)),
      ['line on a', 'line on b', 'line on c'],
    )
    const [line] = await service.assertQuiet('ok')
    assert.deepEqual(
      (line?.calls as { call?: number }[] | undefined)?.map(({ call }) => call),
      [undefined, 2, 3],
    )
  })

  const failures: Record<string, Script> = {
    'broke off': (exchange) => exchange.open().delta('[[ ## found ## ]]\nSome').response.end(),
    'ended with an error': (exchange) => exchange.open().delta('[[ ## found ## ]]\nSome').finish('error'),
    'was refused': (exchange) => exchange.refuse(401),
    'got a page': (exchange) => exchange.raw('<html>'),
  }
  for (const [what, failure] of Object.entries(failures)) {
    it(`may go on without a branch that ${what}`, async (t) => {
      const tolerant = program(
        {
          facts: module({ look: predict('question -> found') }, { start: 'Looking.', end: 'Looked.' }),
          answerer: predict('question, found -> answer'),
        },
        async ({ facts, answerer }, { question }) => {
          const { found } = await facts.look({ question }).catch(() => ({ found: 'nothing' }))
          return answerer({ question, found })
        },
      )
      const service = await Service.start(t, { program: tolerant, script: only('found', failure) })
      const frames = await (await service.open('Q')).frames(['facts.look'])
      assert.deepEqual(predictionOf(frames).data, { answer: 'answer on Q' })
      assert.equal(service.upstream.asking('answer')[0]?.input('found'), 'nothing')
      assert.ok(!frames.some((frame) => frame.type === 'status' && frame.phase === 'end'))
      await service.assertQuiet('ok')
    })
  }

  it('aborts a call that it leaves behind', async (t) => {
    const hasty = program(
      { slow: predict('question -> essay'), quick: predict('question -> answer') },
      async ({ slow, quick }, { question }) => {
        slow({ question })
        return quick({ question })
      },
    )
    const service = await Service.start(t, {
      program: hasty,
      script: async (exchange, upstream) => {
        await upstream.request(1)
        if (exchange.field === 'answer') exchange.answer({ answer: 'Yes.' })
        else exchange.open().delta('[[ ## essay ## ]]\nIt all')
      },
    })
    const frames = await (await service.open('Q')).frames(['slow'])
    assert.deepEqual(predictionOf(frames).data, { answer: 'Yes.' })
    await service.assertQuiet('ok')
    assert.ok(service.upstream.asking('essay')[0]?.wasAborted)
  })

  it('may have modules of several predictors: each starts once and ends once', async (t) => {
    const research = module(
      { plan: predict('question -> steps'), search: predict('question, steps -> hits') },
      { start: 'Researching.', end: 'Researched.' },
    )
    const deep = program(
      { research, answerer: predict('question, hits -> answer') },
      async ({ research, answerer }, { question }) => {
        const { steps } = await research.plan({ question })
        const { hits } = await research.search({ question, steps })
        return answerer({ question, hits })
      },
    )
    const service = await Service.start(t, { program: deep })
    const said = (await service.ask('Q')).map((frame) =>
      frame.type === 'status' ? frame.message : frame.type === 'token' ? frame.predictor : frame.type,
    )
    assert.deepEqual(
      said.filter((one, nth) => one !== said[nth - 1]),
      ['Researching.', 'research.plan', 'research.search', 'Researched.', 'answerer', 'prediction'],
    )
    await service.assertQuiet('ok')
  })

  it('may have three branches', async (t) => {
    const three = program(
      {
        pros: chainOfThought('question -> pro'),
        cons: chainOfThought('question -> con'),
        costs: chainOfThought('question -> cost'),
        judge: predict('pro, con, cost -> verdict'),
      },
      async ({ pros, cons, costs, judge }, { question }) => {
        const [{ pro }, { con }, { cost }] = await Promise.all([
          pros({ question }),
          cons({ question }),
          costs({ question }),
        ])
        return judge({ pro, con, cost })
      },
    )
    const service = await Service.start(t, {
      program: three,
      script: async (exchange, upstream) => {
        await upstream.request(2)
        const inputs = ['pro', 'con', 'cost'].map((name) => exchange.input(name)).join()
        exchange.answer({ [exchange.field]: exchange.field === 'verdict' ? inputs : `my ${exchange.field}` })
      },
    })
    assert.deepEqual(predictionOf(await service.ask('Q')).data, { verdict: 'my pro,my con,my cost' })

    service.upstream.script = only('cost', (exchange) => exchange.refuse(401))
    errorOf(await service.ask('Q'), 'upstream_auth', 'costs')
    await service.assertQuiet('ok', 'upstream_auth')
  })
})

describe('the upstream', () => {
  it('gets the messages and nothing that was not set', async (t) => {
    const service = await Service.start(t, { program: oneCall, env: { OPENAI_MODEL: 'some-model' } })
    await service.ask('Q')
    const [exchange] = service.upstream.exchanges
    const { messages, ...rest } = exchange?.body ?? {}
    assert.deepEqual(rest, { model: 'some-model', stream: true })
    assert.deepEqual(
      messages?.map(({ role }) => role),
      ['system', 'user'],
    )
    assert.equal(exchange?.headers.authorization, `Bearer ${KEY}`)
    await service.assertQuiet('ok')
  })

  it('is asked for usage only where it is included', async (t) => {
    const service = await Service.start(t, { program: oneCall })
    await service.ask('Q', { include: ['usage'] })
    assert.deepEqual(service.upstream.exchanges[0]?.body.stream_options, { include_usage: true })
    await service.assertQuiet('ok')
  })

  it('gets no authorization header without a key', async (t) => {
    const service = await Service.start(t, { program: oneCall, env: { OPENAI_API_KEY: '' } })
    await service.ask('Q')
    assert.ok(!('authorization' in (service.upstream.exchanges[0]?.headers ?? {})))
    await service.assertQuiet('ok')
  })

  it('gets instructions, and demos as earlier turns', async (t) => {
    const taught = program(
      {
        answerer: predict('question -> answer', {
          instructions: 'Answer like a pirate.',
          demos: [{ question: 'Where?', answer: 'Arr, there.' }],
        }),
      },
      ({ answerer }, { question }) => answerer({ question }),
    )
    const service = await Service.start(t, { program: taught })
    assert.deepEqual(predictionOf(await service.ask('Who?')).data, { answer: 'answer on Who?' })
    const messages = service.upstream.exchanges[0]?.body.messages ?? []
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['system', 'user', 'assistant', 'user'],
    )
    const [system, demo, answer, question] = messages.map(({ content }) => content)
    assert.ok(system?.endsWith('\n\nAnswer like a pirate.'))
    assert.ok(demo?.startsWith('[[ ## question ## ]]\nWhere?\n\n'))
    assert.equal(answer, completion({ answer: 'Arr, there.' }))
    assert.ok(question?.startsWith('[[ ## question ## ]]\nWho?\n\n'))
    await service.assertQuiet('ok')
  })
})
