/** Further attempts of a call: what the model is told, what readers get, and how it all ends. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Frame } from '../src/core/frame.ts'
import { chainOfThought, predict } from '../src/core/predictor.ts'
import { module, type Program, program } from '../src/core/program.ts'
import { errorOf, type LogLine, predictionOf, Service, text } from './support/service.ts'
import { completion, type Exchange, type Script } from './support/upstream.ts'

type Options = Parameters<typeof predict<'question -> answer'>>[1]

const asking = (options: Options): Program =>
  program({ ask: predict('question -> answer', options) }, ({ ask }, { question }) => ask({ question }))

const SHORT = 'Say it in\nfewer than 6 characters.'
const short = ({ answer }: { readonly answer: string }) => (answer.length < 6 ? undefined : SHORT)

/** The nth request is answered by the nth script. */
const inTurn =
  (...scripts: Script[]): Script =>
  (exchange, upstream) =>
    (scripts[exchange.index] ?? assert.fail('one request too many'))(exchange, upstream)

const saying =
  (answer: string): Script =>
  (exchange) =>
    exchange.answer({ answer })

const start = (t: TestContext, options: Options, ...scripts: Script[]) =>
  Service.start(t, { program: asking(options), script: inTurn(...scripts), env: { LM_MAX_RETRIES: '0' } })

const resets = (frames: readonly Frame[]) => frames.filter((one) => one.type === 'reset')

type LoggedCall = { attempts?: number; tokens: number; first_token_ms: number; duration_ms: number }

/** What the log says of the run's first call. */
const firstCallOf = (line: LogLine | undefined) =>
  (line?.calls as LoggedCall[] | undefined)?.[0] ?? assert.fail()

describe('an answer that its check objects to', () => {
  it('is asked for again, with the answer and the objection as turns', async (t) => {
    const service = await start(t, { check: short, attempts: 3 }, saying('much too long'), saying('brief'))
    const frames = await service.ask('Q', { include: ['usage'] })
    assert.deepEqual(predictionOf(frames).data, { answer: 'brief' })
    assert.equal(text(frames, 'ask', 'answer'), 'brief')
    assert.deepEqual(resets(frames), [
      {
        type: 'reset',
        keep: [],
        message: 'The answer begins anew: Say it in fewer than 6 characters.',
      },
    ])
    const at = frames.findIndex(({ type }) => type === 'reset')
    assert.equal(frames[at - 1]?.type, 'usage', 'what the first attempt took is told before it is void')
    assert.equal(frames.filter(({ type }) => type === 'usage').length, 2)
    assert.ok(
      frames.every((one) => one.type !== 'token' || one.call === undefined),
      'it keeps its number',
    )

    const [first, second] = service.upstream.exchanges.map(({ body }) => body.messages)
    assert.deepEqual(second?.slice(0, 2), first)
    assert.deepEqual(second?.slice(2), [
      { role: 'assistant', content: completion({ answer: 'much too long' }) },
      {
        role: 'user',
        content: `That answer can't be used. ${SHORT}\n\nAnswer again from the beginning, with every field, in the same form.`,
      },
    ])
    const [line] = await service.assertQuiet('ok')
    const call = firstCallOf(line)
    assert.equal(call.attempts, 2)
    assert.equal(call.tokens, 68, 'both attempts are paid for')
    assert.ok(call.first_token_ms <= call.duration_ms)
  })

  it('fails the run once its attempts are used up, and all objections went along', async (t) => {
    const service = await start(t, { check: short, attempts: 2 }, saying('too long 1'), saying('too long 2'))
    const frames = await service.ask('Q')
    const { message } = errorOf(frames, 'upstream_format', 'ask')
    assert.equal(
      message,
      "The model's answer didn't pass the program's check: Say it in fewer than 6 characters.",
    )
    assert.equal(resets(frames).length, 1)
    assert.equal(service.upstream.exchanges[1]?.body.messages.length, 4)
    const [line] = await service.assertQuiet('upstream_format')
    assert.equal(firstCallOf(line).attempts, 2)
  })

  it('fails the run at once where there is one attempt, and no frame is new', async (t) => {
    const service = await start(t, { check: short }, saying('much too long'))
    const frames = await service.ask('Q')
    errorOf(frames, 'upstream_format', 'ask')
    assert.deepEqual([...new Set(frames.map(({ type }) => type))], ['token', 'error'])
    await service.assertQuiet('upstream_format')
  })

  it('is cut where people see it', async (t) => {
    const service = await start(t, { check: () => 'x'.repeat(1_000), attempts: 2 }, saying('a'), saying('b'))
    const frames = await service.ask('Q')
    assert.ok(JSON.stringify(resets(frames)).length < 500)
    assert.ok(errorOf(frames, 'upstream_format').message.length < 500)
    assert.ok(service.upstream.exchanges[1]?.body.messages.at(-1)?.content.includes('x'.repeat(1_000)))
  })
})

describe('a check that isn’t one', () => {
  const broken: Record<string, () => unknown> = {
    throws: () => {
      throw new Error('a secret of the program')
    },
    'returns false': () => false,
    'returns an empty text': () => '',
    'returns a promise': async () => undefined,
  }
  for (const [what, check] of Object.entries(broken)) {
    it(`ends the run with internal where it ${what}`, async (t) => {
      const service = await start(t, { check: check as () => undefined, attempts: 3 }, saying('a'))
      const frames = await service.ask('Q')
      assert.ok(!errorOf(frames, 'internal', 'ask').message.includes('secret'))
      assert.equal(service.upstream.exchanges.length, 1)
      const [line] = await service.assertQuiet('internal')
      assert.match(JSON.stringify(line?.err), /The check of 'ask'/)
    })
  }
})

describe('an answer in a broken format', () => {
  it('is asked for again, with what is wrong with it', async (t) => {
    const two = program(
      { ask: predict('question -> answer, sure: bool', { attempts: 2 }) },
      ({ ask }, { question }) => ask({ question }),
    )
    const service = await Service.start(t, {
      program: two,
      script: inTurn(
        (exchange) => exchange.answer({ answer: 'a', sure: 'perhaps' }),
        (exchange) => exchange.answer({ answer: 'b', sure: 'true' }),
      ),
    })
    const frames = await service.ask('Q')
    assert.deepEqual(predictionOf(frames).data, { answer: 'b', sure: true })
    assert.equal(text(frames, 'ask', 'sure'), 'true')
    assert.match(service.upstream.exchanges[1]?.body.messages.at(-1)?.content ?? '', /\/sure: /)
    assert.match(resets(frames)[0]?.message ?? '', /\/sure: /)
    await service.assertQuiet('ok')
  })

  it('is asked for again as JSON too, with the JSON as it was', async (t) => {
    const tested = program(
      { ask: predict('question -> answer, sure: bool', { attempts: 2, adapter: 'json' }) },
      ({ ask }, { question }) => ask({ question }),
    )
    const broken = '{"answer": "a", "sure": "perhaps"}'
    const service = await Service.start(t, {
      program: tested,
      script: inTurn(
        (exchange) => exchange.open().deltas(broken).finish(),
        (exchange) => exchange.open().deltas('{"answer": "b", "sure": true}').finish(),
      ),
    })
    const frames = await service.ask('Q')
    assert.deepEqual(predictionOf(frames).data, { answer: 'b', sure: true })
    assert.equal(text(frames, 'ask', 'answer'), 'b')
    assert.equal(resets(frames).length, 1)
    assert.deepEqual(service.upstream.exchanges[1]?.body.messages[2], { role: 'assistant', content: broken })
    await service.assertQuiet('ok')
  })

  it('may have been nothing at all', async (t) => {
    const thinking = program(
      { ask: predict('question -> answer, more', { attempts: 2 }) },
      ({ ask }, { question }) => ask({ question }),
    )
    const service = await Service.start(t, {
      program: thinking,
      script: inTurn(
        (exchange) => exchange.open().finish(),
        (exchange) => exchange.answer({ answer: 'b', more: 'c' }),
      ),
    })
    const frames = await service.ask('Q')
    assert.deepEqual(predictionOf(frames).data, { answer: 'b', more: 'c' })
    assert.deepEqual(service.upstream.exchanges[1]?.body.messages[2], {
      role: 'assistant',
      content: '(nothing)',
    })
    await service.assertQuiet('ok')
  })
})

describe('a failure in mid-answer', () => {
  const halfway = (end: (exchange: Exchange) => void): Script => {
    return (exchange) => {
      exchange.open().deltas('[[ ## answer ## ]]\nSo far so g')
      end(exchange)
    }
  }
  const cured: Record<string, (exchange: Exchange) => void> = {
    'a cut stream': (exchange) => exchange.response.end(),
    'a reset connection': (exchange) => setTimeout(() => exchange.reset(), 20),
    'an error event': (exchange) =>
      exchange.raw('data: {"error": {"message": "overloaded"}}\n\n').response.end(),
    'a silence': () => {},
  }
  for (const [failure, end] of Object.entries(cured)) {
    it(`is cured by asking again after ${failure}, with the prompt as it was`, async (t) => {
      const service = await Service.start(t, {
        program: asking({ attempts: 2 }),
        script: inTurn(halfway(end), saying('whole')),
        env: { LM_MAX_RETRIES: '0', LM_IDLE_TIMEOUT_MS: '200' },
      })
      const frames = await service.ask('Q')
      assert.equal(text(frames, 'ask', 'answer'), 'whole')
      assert.equal(resets(frames).length, 1)
      const [first, second] = service.upstream.exchanges.map(({ body }) => body.messages)
      assert.deepEqual(second, first)
      await service.assertQuiet('ok')
    })
  }

  it('isn’t cured where asking again won’t help', async (t) => {
    const service = await start(
      t,
      { attempts: 3 },
      halfway((exchange) => exchange.finish('content_filter')),
    )
    errorOf(await service.ask('Q'), 'upstream_refused', 'ask')
    assert.equal(service.upstream.exchanges.length, 1)
  })

  it('before the first text takes no attempt: that is what retries are for', async (t) => {
    const service = await start(t, { attempts: 3 }, (exchange) => exchange.refuse(500))
    const frames = await service.ask('Q')
    errorOf(frames, 'upstream_error', 'ask')
    assert.deepEqual(
      frames.map(({ type }) => type),
      ['error'],
    )
    await service.assertQuiet('upstream_error')
  })

  it('keeps its objections for the attempt after the next', async (t) => {
    const service = await start(
      t,
      { attempts: 3, check: short },
      saying('much too long'),
      halfway((exchange) => exchange.response.end()),
      saying('brief'),
    )
    const frames = await service.ask('Q')
    assert.equal(text(frames, 'ask', 'answer'), 'brief')
    assert.equal(resets(frames).length, 2)
    assert.deepEqual(
      service.upstream.exchanges.map(({ body }) => body.messages.length),
      [2, 4, 4],
    )
  })
})

describe('a reset', () => {
  const branches = program(
    {
      ideas: module({ think: chainOfThought('question -> idea') }, { start: 'Thinking…', end: 'Thought.' }),
      ask: predict('question, idea -> answer', { check: short, attempts: 2 }),
      last: predict('answer -> summary'),
    },
    async ({ ideas, ask, last }, { question }) => {
      const { idea } = await ideas.think({ question })
      const thinking = ideas.think({ question: 'more' })
      const { answer } = await ask({ question, idea })
      await thinking
      return last({ answer })
    },
  )

  it('keeps every other call that has said something, and none that hasn’t', async (t) => {
    let attempts = 0
    const service = await Service.start(t, {
      program: branches,
      script: async (exchange, upstream) => {
        if (exchange.field === 'idea' && exchange.input('question') === 'more') {
          exchange.open().delta('[[ ## idea ## ]]\nmore and')
          await upstream.request(3) // until the second attempt is there
          return exchange.delta(' more').finish()
        }
        if (exchange.field !== 'answer') return exchange.answer({ reasoning: 'r', [exchange.field]: 'x' })
        await new Promise((resolve) => setTimeout(resolve, 50))
        return exchange.answer({ answer: attempts++ === 0 ? 'much too long' : 'brief' })
      },
    })
    const frames = await service.ask('Q')
    assert.deepEqual(resets(frames)[0]?.keep, [
      { predictor: 'ideas.think', call: 1 },
      { predictor: 'ideas.think', call: 2 },
    ])
    assert.equal(text(frames, 'ideas.think', 'idea', 2), 'more and more')
    assert.equal(text(frames, 'ideas.think', 'idea'), 'x')
    assert.equal(text(frames, 'ask', 'answer'), 'brief')
    await service.assertQuiet('ok')
  })
})

describe('a client that leaves', () => {
  it('ends the second attempt at once', async (t) => {
    const service = await start(t, { check: short, attempts: 3 }, saying('much too long'), (exchange) =>
      exchange.open().delta('[[ ## answer ## ]]\nagain'),
    )
    const leaving = new AbortController()
    const reading = await service.open('Q', { signal: leaving.signal })
    await reading.until('again')
    leaving.abort()
    const second = await service.upstream.request(1)
    await second.closed
    assert.ok(second.wasAborted)
    await service.assertQuiet('client_closed')
    assert.equal(service.upstream.exchanges.length, 2)
  })
})
