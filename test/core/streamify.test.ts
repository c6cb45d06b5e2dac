import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Values } from '../../src/core/adapters/adapter.ts'
import { type ErrorCode, RunError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import type { Delta, LM } from '../../src/core/lm.ts'
import { chainOfThought, predict } from '../../src/core/predictor.ts'
import { module, type Program, program } from '../../src/core/program.ts'
import { streamify } from '../../src/core/streamify.ts'
import { parallelComposer } from '../../src/programs/parallel-composer.ts'
import { clock } from '../support/clock.ts'
import { cutAt, cuts, marker, nastyText } from '../support/corpus.ts'
import { abortion, answer, type Deltas, lmOf, saying, silence, stop, text, thought } from '../support/lm.ts'
import { brief, byField, fieldOf, framesOf, never, run, start, unhandledRejections } from '../support/runs.ts'

const a = predict('question -> a')
const b = predict('question -> b')
const says = (start: string) => ({ start, end: `${start} is done` })

describe('a run', () => {
  it('sends statuses, tokens and the prediction in the order of the work', async () => {
    const { frames, failure } = await run(parallelComposer, byField())
    assert.deepEqual(frames.map(brief), [
      'ideas start',
      'evidence start',
      'ideas.brainstorm brainstorm "brainstorm".',
      'evidence.probe evidence "evidence".',
      'ideas end',
      'evidence end',
      'compose answer "answer".',
      'prediction',
    ])
    assert.deepEqual(frames[0], {
      type: 'status',
      message: 'Spinning ideas...',
      module: 'ideas',
      phase: 'start',
    })
    assert.deepEqual(frames.at(-1), { type: 'prediction', data: { reasoning: 'answer', answer: 'answer' } })
    assert.equal(failure, undefined)
  })

  it('says that its modules start before any model has answered', async () => {
    const abort = new AbortController()
    const running = start(parallelComposer, lmOf(silence), { signal: abort.signal })
    const { value } = await running.frames[Symbol.asyncIterator]().next()
    assert.deepEqual(value.map(brief), ['ideas start', 'evidence start'])
    abort.abort(new RunError('client_closed'))
    await running.finished
  })

  it('hands each predictor its inputs', async () => {
    const prompts: string[] = []
    const lm = byField()
    await run(parallelComposer, {
      ...lm,
      stream(messages, options) {
        prompts.push(messages.at(-1)?.content ?? '')
        return lm.stream(messages, options)
      },
    })
    const [brainstorm, probe, compose] = prompts.map((prompt) => prompt.split('\n\nAnswer')[0])
    assert.equal(brainstorm, '[[ ## question ## ]]\nWhy?')
    assert.equal(probe, brainstorm)
    assert.equal(
      compose,
      `${brainstorm}\n\n[[ ## brainstorm ## ]]\nbrainstorm\n\n[[ ## evidence ## ]]\nevidence`,
    )
  })

  it('sends reasoning, usage and what keeps a call waiting', async () => {
    const lm = lmOf((options) =>
      (async function* () {
        yield [{ type: 'wait', reason: 'turn', message: 'In line.' }]
        yield [{ type: 'wait', reason: 'retry', message: 'Nobody wonders about this.' }]
        yield [{ type: 'wait', reason: 'rate_limit', message: 'Hold on.' }, thought('Hm. ')]
        yield [thought('Ah.'), text(answer(options, 'x'))]
        yield [{ type: 'finish', reason: 'stop', usage: { model: 'm', inputTokens: 3, outputTokens: 5 } }]
      })(),
    )
    const solo = program({ solo: chainOfThought('question -> a') }, async ({ solo }, asked) => solo(asked))
    const plain = await run(solo, lm)
    assert.deepEqual(plain.frames.map(brief), ['solo waiting', 'solo waiting', 'solo a "x".', 'prediction'])
    assert.deepEqual(plain.frames.at(-1), { type: 'prediction', data: { reasoning: 'Hm. Ah.\n\nx', a: 'x' } })

    const full = await run(solo, lm, { include: { reasoning: true, usage: true } })
    assert.deepEqual(full.frames.map(brief), [
      'solo waiting',
      'solo waiting',
      'solo reasoning "Hm."',
      'solo reasoning " Ah."',
      'solo reasoning "\\n\\nx"',
      'solo a "x".',
      'solo reasoning "".',
      'usage',
      'prediction',
    ])
    const usage = full.frames.find(({ type }) => type === 'usage')
    assert.partialDeepStrictEqual(usage, { predictor: 'solo', model: 'm', input_tokens: 3, output_tokens: 5 })
    assert.partialDeepStrictEqual(full.calls, [
      { predictor: 'solo', call: 1, retries: 2, tokens: 5, truncated: false },
    ])
  })

  it('numbers the calls of a predictor from the second on, in the order in which they begin', async () => {
    const thrice = program({ a, b }, async ({ a, b }, asked) => {
      await Promise.all([a(asked), a(asked), b(asked)])
      return a(asked)
    })
    const { frames, calls } = await run(
      thrice,
      lmOf((options, nth) => saying([text(answer(options, `${nth}`))])),
    )
    assert.deepEqual(frames.map(brief), ['a a "0".', 'a#2 a "1".', 'b b "2".', 'a#3 a "3".', 'prediction'])
    assert.ok(frames.every((one) => one.type !== 'token' || !('call' in one) || one.call !== undefined))
    assert.deepEqual(
      calls.map(({ predictor, call }) => `${predictor}#${call}`),
      ['a#1', 'a#2', 'b#1', 'a#3'],
    )
  })

  it('is over at `completed`: nobody waits for what the model writes on, and its request ends', async () => {
    let ended = false
    const lm = lmOf(async function* (options) {
      try {
        yield [text(`${answer(options, 'x')}and on`), thought('Hm.')]
        await abortion(options.signal) // it goes on for ever
      } finally {
        ended = true
      }
    })
    const { frames, calls } = await run(
      program({ a }, async ({ a }, asked) => a(asked)),
      lm,
    )
    assert.deepEqual(frames.map(brief), ['a a "x".', 'prediction'])
    assert.equal(ended, true)
    assert.equal(calls[0]?.truncated, false)
  })

  it('after `completed`, neither the token limit nor a failure is the completion’s', async () => {
    const epilogues: (() => Deltas)[] = [
      () => saying([], [{ type: 'finish', reason: 'length' }]),
      failing('upstream_truncated'),
    ]
    for (const epilogue of epilogues) {
      const lm = lmOf(async function* (options) {
        yield [text(answer(options, 'x'))]
        yield* epilogue()
      })
      for (const usage of [true, false]) {
        const { frames } = await run(
          program({ a }, async ({ a }, asked) => a(asked)),
          lm,
          { include: { usage } },
        )
        assert.deepEqual(frames.at(-1), { type: 'prediction', data: { a: 'x' } })
      }
    }
  })

  it('is read on for its usage where that is included, and for no longer than half a second', async (t) => {
    const tick = clock(t)
    const usage = { model: 'm', inputTokens: 3, outputTokens: 5 }
    const solo = program({ a }, async ({ a }, asked) => a(asked))
    const late = lmOf(async function* (options) {
      yield [text(answer(options, 'x'))]
      yield [text('and on')]
      yield [{ type: 'finish', reason: 'length', usage }]
    })
    const { frames } = await run(solo, late, { include: { usage: true } })
    assert.deepEqual(frames.map(brief), ['a a "x".', 'usage', 'prediction'])

    const never = lmOf(async function* (options) {
      yield [text(answer(options, 'x'))]
      await abortion(options.signal)
    })
    const running = start(solo, never, { include: { usage: true } })
    let isOver = false
    running.finished.then(() => {
      isOver = true
    })
    await tick(0) // it has read `completed`
    await tick(499)
    assert.equal(isOver, false)
    await tick(1)
    assert.equal(isOver, true)
    assert.deepEqual((await framesOf(running)).map(brief), ['a a "x".', 'prediction'])
  })

  it('names the predictors that ran into their token limit, each once', async () => {
    const twice = program({ a, b }, async ({ a, b }, asked) => {
      await a(asked)
      await a(asked)
      return b(asked)
    })
    const lm = lmOf((options) =>
      (async function* () {
        if (fieldOf(options) === 'b') return yield [text(answer(options, 'x')), stop]
        yield [text('[[ ## a ## ]]\nx'), { type: 'finish', reason: 'length' }]
      })(),
    )
    const { frames } = await run(twice, lm)
    assert.deepEqual(frames.at(-1), { type: 'prediction', data: { b: 'x' }, truncated: ['a'] })
  })

  it('shares nothing with another of the same program', async () => {
    const asked = Array.from({ length: 20 }, (_, nth) => `question ${nth}`)
    const lm: LM = {
      model: { provider: 'test', name: 'double' },
      async *stream(messages, options) {
        const question = messages.at(-1)?.content.split('\n')[1] ?? ''
        for (const letter of answer(options, question)) yield [text(letter)]
        yield [stop]
      },
    }
    const results = await Promise.all(
      asked.map((question) => {
        const running = streamify(parallelComposer, { question }, { lm, signal: never, id: question })
        return framesOf(running)
      }),
    )
    for (const [nth, frames] of results.entries()) {
      const answered = frames.map((one) => (one.type === 'token' && one.field === 'answer' ? one.chunk : ''))
      assert.equal(answered.join(''), asked[nth])
      assert.ok(frames.every((one) => one.type !== 'token' || one.call === undefined))
    }
  })
})

describe("a module's statuses", () => {
  const group = module({ a, b }, says('Group'))

  it('stand around all of its predictors, once', async () => {
    const sideBySide = program({ group }, async ({ group }, asked) => {
      const [, last] = await Promise.all([group.a(asked), group.b(asked)])
      return last
    })
    const oneByOne = program({ group }, async ({ group }, asked) => {
      await group.a(asked)
      return group.b(asked)
    })
    for (const one of [sideBySide, oneByOne]) {
      const { frames } = await run(one, byField())
      assert.deepEqual(frames.map(brief), [
        'group start',
        'group.a a "a".',
        'group.b b "b".',
        'group end',
        'prediction',
      ])
    }
  })

  it('end with the run where a predictor is never called', async () => {
    const half = program({ group, c: predict('a -> c') }, async ({ group, c }, asked) =>
      c(await group.a(asked)),
    )
    const { frames } = await run(half, byField())
    assert.deepEqual(frames.map(brief), [
      'group start',
      'group.a a "a".',
      'c c "c".',
      'group end',
      'prediction',
    ])
  })

  it('start again for a module that is called again', async () => {
    const solo = module({ a }, says('Solo'))
    const again = program({ solo }, async ({ solo }, asked) => {
      await solo.a(asked)
      return solo.a(asked)
    })
    const { frames } = await run(again, byField())
    assert.deepEqual(frames.map(brief), [
      'solo start',
      'solo.a a "a".',
      'solo end',
      'solo start',
      'solo.a#2 a "a".',
      'solo end',
      'prediction',
    ])
  })

  it('have no end for a module that failed', async () => {
    const lm = byField({ a: failing('upstream_error') })
    const { frames } = await run(
      program({ group }, async ({ group }, asked) => group.a(asked)),
      lm,
    )
    assert.deepEqual(frames.map(brief), ['group start', 'error upstream_error'])
  })
})

const failing = (code: ErrorCode, details?: ConstructorParameters<typeof RunError>[1]) =>
  async function* (): AsyncGenerator<readonly Delta[]> {
    yield []
    throw new RunError(code, details)
  }

describe('a body', () => {
  it('that catches a failure goes on, and the failed module has no end', async () => {
    const careful = program({ ideas: module({ a }, says('Ideas')), b }, async ({ ideas, b }, asked) => {
      await assert.rejects(ideas.a(asked), { code: 'upstream_error', predictor: 'ideas.a' })
      return b(asked)
    })
    const { frames, failure } = await run(careful, byField({ a: failing('upstream_error') }))
    assert.deepEqual(frames.map(brief), ['ideas start', 'b b "b".', 'prediction'])
    assert.equal(failure, undefined)
  })

  it('that returns early leaves no call behind', async () => {
    let reason: unknown
    const hasty = program({ a, b }, async ({ a, b }, asked) => {
      a(asked)
      return b(asked)
    })
    const lm = byField({
      a: async function* ({ signal }) {
        yield [text('[[ ## a ## ]]\nhalf')]
        await abortion(signal).catch((thrown) => {
          reason = thrown
          throw thrown
        })
      },
    })
    const { frames, failure, calls } = await run(hasty, lm)
    assert.deepEqual(frames.map(brief), ['a a "half"', 'b b "b".', 'prediction'])
    assert.ok(reason instanceof RunError)
    assert.equal(failure, undefined)
    assert.equal(calls.length, 2)
  })

  it('that returns early with a call that waits for the reader still ends when the reader goes', async () => {
    const abort = new AbortController()
    const full = Promise.withResolvers<void>()
    const hasty = program({ a }, async ({ a }, asked) => {
      a(asked)
      await full.promise
      return {}
    })
    const lm = lmOf(() =>
      (async function* () {
        full.resolve()
        yield [text(`[[ ## a ## ]]\n${'x'.repeat(1_000_000)}`)]
        yield [stop]
      })(),
    )
    const running = start(hasty, lm, { signal: abort.signal })
    await full.promise
    await new Promise(setImmediate)
    abort.abort(new RunError('client_closed'))
    await running.finished
  })

  it('that ignores the abort signal holds up nothing', async () => {
    const abort = new AbortController()
    const stuck = program({ a }, () => new Promise<Values>(() => {}))
    const running = start(stuck, byField(), { signal: abort.signal })
    abort.abort(new RunError('run_timeout'))
    assert.deepEqual((await framesOf(running)).map(brief), ['error run_timeout'])
    assert.equal((await running.finished)?.code, 'run_timeout')
  })

  it('is handed a signal that aborts with the run', async () => {
    const abort = new AbortController()
    let reason: unknown
    const patient = program({ a }, async (_, __, { signal }) => {
      await once(signal, 'abort')
      reason = signal.reason
      return {}
    })
    const running = start(patient, byField(), { signal: abort.signal })
    const gone = new RunError('client_closed')
    abort.abort(gone)
    assert.equal(await running.finished, gone)
    assert.equal(reason, gone)
  })

  it("that doesn't return what one of its predictors puts out fails, and the log says why", async () => {
    const returning = (value: unknown) =>
      program({ a, c: predict('question -> c, d') }, async () => value as Values)
    const wrong = [undefined, null, 'a', {}, [], { a: 1 }, { a: undefined }, { a: 'x', b: 'y' }, { c: 'x' }]
    for (const value of wrong) {
      const { frames, failure } = await run(returning(value), byField())
      assert.deepEqual(frames.map(brief), ['error internal'], JSON.stringify(value))
      assert.match(String(failure?.cause), /TypeError: The program's body returned/)
    }
    const { frames } = await run(returning({ d: 'x', c: '' }), byField())
    assert.equal(JSON.stringify(frames), '[{"type":"prediction","data":{"c":"","d":"x"}}]')
  })

  it('that throws something of its own fails with nothing of it in the frame', async () => {
    const secret = new Error('the password is 1234')
    const broken: Program[] = [
      program({ a }, async () => {
        throw secret
      }),
      program({ a }, () => {
        throw secret
      }),
    ]
    for (const one of broken) {
      const { frames, failure } = await run(one, byField())
      assert.deepEqual(frames.map(brief), ['error internal'])
      assert.ok(!JSON.stringify(frames).includes('1234'))
      assert.equal(failure?.cause, secret)
    }
  })

  it('may call on after it lost its run, and gets the reason', async () => {
    const late = Promise.withResolvers<unknown>()
    const abort = new AbortController()
    const stubborn = program(
      { ideas: module({ a }, says('Ideas')) },
      async ({ ideas }, asked, { signal }) => {
        await once(signal, 'abort')
        ideas.a(asked).catch(late.resolve)
        return {}
      },
    )
    const gone = new RunError('run_timeout')
    const running = start(stubborn, byField(), { signal: abort.signal })
    abort.abort(gone)
    assert.deepEqual((await framesOf(running)).map(brief), ['error run_timeout'])
    assert.equal(await late.promise, gone)
  })
})

describe('a failure', () => {
  it('is one frame that says what, where and what to do', async () => {
    const lm = byField({
      brainstorm: failing('upstream_rate_limited', { message: 'Slow down.', retryAfter: 7, cause: 'hidden' }),
      evidence: silence,
    })
    const { frames, failure } = await run(parallelComposer, lm)
    assert.deepEqual(frames.at(-1), {
      type: 'error',
      code: 'upstream_rate_limited',
      message: 'Slow down.',
      retryable: true,
      request_id: 'run-1',
      predictor: 'ideas.brainstorm',
      retry_after: 7,
    })
    assert.equal(failure?.code, 'upstream_rate_limited')
  })

  it('aborts its siblings, and waits for them before the run is over', async () => {
    const abortions: string[] = []
    const lm = byField({
      brainstorm: failing('upstream_auth'),
      evidence: async function* ({ signal }) {
        yield []
        try {
          await abortion(signal)
        } finally {
          await new Promise(setImmediate)
          abortions.push((signal.reason as RunError).code)
        }
      },
    })
    const { frames, failure } = await run(parallelComposer, lm)
    assert.deepEqual(frames.map(brief), ['ideas start', 'evidence start', 'error upstream_auth'])
    assert.equal(failure?.predictor, 'ideas.brainstorm')
    assert.deepEqual(abortions, ['upstream_auth'])
  })

  it('comes after all that was said before, and before nothing', async () => {
    const lm = byField({
      brainstorm: failing('upstream_truncated'),
      evidence: async function* ({ signal }) {
        yield [text('[[ ## evidence ## ]]\nsaid in time')]
        if (!signal.aborted) await once(signal, 'abort')
        yield [text('said too late')] // what an LM mustn't do
        yield [text('[[ ## completed ## ]]'), stop]
      },
    })
    const { frames } = await run(parallelComposer, lm)
    assert.deepEqual(frames.map(brief), [
      'ideas start',
      'evidence start',
      'evidence.probe evidence "said in time"',
      'error upstream_truncated',
    ])
  })

  it('of two calls a microtask apart is one frame, and no rejection is left unhandled', async (t) => {
    const unhandled = unhandledRejections(t)
    for (let between = 0; between < 6; between++) {
      const later = async function* (): AsyncGenerator<readonly Delta[]> {
        yield []
        for (let turn = 0; turn < between; turn++) await undefined
        throw new RunError('upstream_error')
      }
      for (const scripts of [
        { brainstorm: failing('upstream_auth'), evidence: later },
        { brainstorm: later, evidence: failing('upstream_auth') },
      ]) {
        const { frames } = await run(parallelComposer, byField(scripts))
        assert.equal(frames.filter(({ type }) => type === 'error').length, 1)
        assert.equal(frames.at(-1)?.type, 'error')
      }
    }
    await new Promise(setImmediate)
    assert.deepEqual(unhandled, [])
  })

  it('that several runs share names in each what failed there, and is not changed by it', async () => {
    const shared = new RunError('upstream_error', { message: 'No model.', cause: 'hidden', retryAfter: 3 })
    const lm = lmOf(async function* () {
      yield []
      throw shared
    })
    const runs = await Promise.all(
      [a, b].map((part, nth) =>
        run(
          program(
            { [`part${nth}`]: part },
            async (bound, asked) => Object.values(bound)[0]?.(asked) as never,
          ),
          lm,
        ),
      ),
    )
    for (const [nth, { frames, failure }] of runs.entries()) {
      assert.partialDeepStrictEqual(frames, [
        { code: 'upstream_error', message: 'No model.', retry_after: 3, predictor: `part${nth}` },
      ])
      assert.equal(failure?.cause, 'hidden')
    }
    assert.equal(shared.predictor, undefined)
  })

  it('of a call that nobody awaits is neither the run’s nor left unhandled', async (t) => {
    const unhandled = unhandledRejections(t)
    const careless = program({ a, b }, async ({ a, b }, asked) => {
      a(asked)
      return b(asked)
    })
    const { frames, failure } = await run(careless, byField({ a: failing('upstream_error') }))
    assert.equal(frames.at(-1)?.type, 'prediction')
    assert.equal(failure, undefined)
    await new Promise(setImmediate)
    assert.deepEqual(unhandled, [])
  })

  it('is `upstream_format` where a field never came, after the frames of those that did', async () => {
    const two = program({ two: predict('question -> a, b, c') }, async ({ two }, asked) => two(asked))
    const { frames } = await run(
      two,
      lmOf(() => saying([text('[[ ## b ## ]]\nx')])),
    )
    assert.deepEqual(frames.map(brief), ['two b "x"', 'two b "".', 'error upstream_format'])
    assert.partialDeepStrictEqual(frames.at(-1), {
      message: "The model left out 'a', 'c', which it was asked for.",
      predictor: 'two',
      retryable: false,
    })
    const short = lmOf(async function* () {
      yield [text('[[ ## a ## ]]\nx'), { type: 'finish', reason: 'length' }]
    })
    const { failure } = await run(two, short)
    assert.equal(failure?.message, "The model reached its token limit before it wrote 'b', 'c'.")
  })

  it('of a provider that throws anything is `internal`, with the cause for the log', async () => {
    const cause = new TypeError('x is not a function')
    const lm = byField({
      // biome-ignore lint/correctness/useYield: it throws instead
      a: async function* () {
        throw cause
      },
    })
    const { frames, failure } = await run(
      program({ a }, async ({ a }, asked) => a(asked)),
      lm,
    )
    assert.partialDeepStrictEqual(frames, [{ type: 'error', code: 'internal', predictor: 'a' }])
    assert.ok(!JSON.stringify(frames).includes('function'))
    assert.equal(failure?.cause, cause)
  })
})

describe('an abort', () => {
  it('before the start waits for no body', async () => {
    const stuck = program({ a }, () => new Promise<Values>(() => {}))
    const { failure } = await run(stuck, byField(), {
      signal: AbortSignal.abort(new RunError('run_timeout')),
    })
    assert.equal(failure?.code, 'run_timeout')
  })

  it('before the start asks no model', async () => {
    const lm = lmOf(() => assert.fail('a model was asked'))
    const { frames, failure } = await run(parallelComposer, lm, {
      signal: AbortSignal.abort(new RunError('shutting_down')),
    })
    assert.deepEqual(frames.map(brief), ['error shutting_down'])
    assert.equal(failure?.code, 'shutting_down')
    assert.equal(failure?.predictor, undefined)
  })

  it('reaches every call, before the first token and after', async () => {
    const abort = new AbortController()
    const reasons: unknown[] = []
    const begun = Promise.withResolvers<void>()
    const wait = async (signal: AbortSignal) => {
      await abortion(signal).catch((reason) => {
        reasons.push(reason)
        throw reason
      })
    }
    const lm = byField({
      brainstorm: async function* ({ signal }) {
        await wait(signal)
        yield []
      },
      evidence: async function* ({ signal }) {
        yield [text('[[ ## evidence ## ]]\nx')]
        begun.resolve()
        await wait(signal)
      },
    })
    const running = start(parallelComposer, lm, { signal: abort.signal })
    await begun.promise
    const gone = new RunError('client_closed')
    abort.abort(gone)
    assert.equal(await running.finished, gone)
    assert.deepEqual(reasons, [gone, gone])
    assert.equal(gone.predictor, undefined)
  })

  it('ends a run whose reader has stalled', async () => {
    const abort = new AbortController()
    const { lm, asked } = endless()
    const running = start(
      program({ a }, async ({ a }, asked) => a(asked)),
      lm,
      { signal: abort.signal },
    )
    await asked(4)
    abort.abort(new RunError('client_stalled'))
    assert.equal((await running.finished)?.code, 'client_stalled')
  })
})

describe('a slow reader', () => {
  it('is waited for: the model is read on only when it takes some', async () => {
    const abort = new AbortController()
    const { lm, asked, count } = endless()
    const running = start(
      program({ a }, async ({ a }, asked) => a(asked)),
      lm,
      { signal: abort.signal },
    )
    const frames = running.frames[Symbol.asyncIterator]()
    await asked(4)
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    const held = count()
    assert.equal(held, 4, 'more than 32,768 characters wait')
    await frames.next()
    await asked(held + 1)
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    assert.equal(count(), 2 * held)
    abort.abort(new RunError('client_closed'))
    await running.finished
  })
})

describe('what always holds', () => {
  /** One call: the pieces of its completion, a pause before each, and after how many of them it fails. */
  type CallPlan = {
    readonly completion: string
    readonly cuts: readonly number[]
    readonly pauses: readonly number[]
    readonly failsAt: number | undefined
  }
  /** One predictor, the module that it is in if any, and how the body calls it. */
  type Branch = {
    readonly module: 'first' | 'second' | undefined
    readonly thinks: boolean
    readonly order: 'together' | 'in turn'
    readonly care: 'awaited' | 'caught' | 'left behind'
    readonly calls: readonly CallPlan[]
  }

  const rarely = <T>(oneIn: number, value: fc.Arbitrary<T>) =>
    fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })
  const callOf = (field: string): fc.Arbitrary<CallPlan> =>
    fc.record({
      completion: fc.oneof(
        {
          weight: 20,
          arbitrary: nastyText(['other']).map(
            (value) => `${marker(field)}\n${value}\n${marker('completed')}`,
          ),
        },
        { weight: 1, arbitrary: nastyText([field, field, field]) },
      ),
      cuts,
      pauses: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
      failsAt: rarely(20, fc.nat(4)),
    })
  const branchOf = (nth: number): fc.Arbitrary<Branch> =>
    fc.record({
      module: fc.constantFrom('first', 'second', undefined),
      thinks: fc.boolean(),
      order: fc.constantFrom('together', 'in turn'),
      care: fc.constantFrom('awaited', 'awaited', 'awaited', 'caught', 'left behind'),
      calls: fc.array(callOf(`field${nth}`), { minLength: 1, maxLength: 3 }),
    })
  const branches = fc
    .integer({ min: 1, max: 4 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, nth) => branchOf(nth))))

  const nameOf = ({ module }: Branch, nth: number) => (module ? `${module}.branch${nth}` : `branch${nth}`)

  async function pause(length: number): Promise<void> {
    for (let turn = 0; turn < length; turn++) await (turn === 2 ? new Promise(setImmediate) : undefined)
  }

  /** An LM that follows the plans, and aborts as an LM has to. */
  const following = (all: readonly Branch[], compose: CallPlan): LM => {
    const calls = new Map<string, number>()
    return lmOf(async function* (options) {
      const field = fieldOf(options)
      const nth = calls.get(field) ?? 0
      calls.set(field, nth + 1)
      const branch = all[Number(field.slice('field'.length))]
      const plan = field === 'answer' ? compose : (branch?.calls[nth] as CallPlan)
      for (const [at, piece] of cutAt(plan.completion, plan.cuts).entries()) {
        await pause(plan.pauses[at % plan.pauses.length] as number)
        options.signal.throwIfAborted()
        if (at === plan.failsAt) throw new RunError('upstream_truncated')
        yield piece === '' ? [] : [text(piece)]
      }
      options.signal.throwIfAborted()
      yield [stop]
    })
  }

  it('for any program, completions, cuts, failures and reader', async (t) => {
    const unhandled = unhandledRejections(t)
    let predictions = 0
    let errors = 0
    const property = async (
      all: readonly Branch[],
      compose: CallPlan,
      include: { reasoning: boolean },
      reader: readonly number[],
      abortAt: number | undefined,
    ) => {
      const parts: Record<string, ReturnType<typeof predict> | ReturnType<typeof module>> = {}
      for (const [nth, { module: group, thinks }] of all.entries()) {
        const predictor = (thinks ? chainOfThought : predict)(
          `question -> field${nth}` as string,
        ) as ReturnType<typeof predict>
        if (!group) parts[`branch${nth}`] = predictor
        else {
          const others = parts[group]?.kind === 'module' ? parts[group].parts : {}
          parts[group] = module({ ...others, [`branch${nth}`]: predictor }, says(group))
        }
      }
      parts.compose = predict('question -> answer')

      // The body keeps what it was given, to compare it with the frames.
      const given = new Map<string, Values>()
      const failed = new Set<string>()
      let thrown: unknown
      type AnyCall = (inputs: Values) => Promise<Values>
      const made = program(parts, async (bound, asked) => {
        const call = async (name: string, nth: number) => {
          const [outer = '', inner] = name.split('.')
          const part = bound[outer] as unknown as AnyCall & Record<string, AnyCall>
          const id = `${name}#${nth + 1}`
          try {
            const values = await ((inner === undefined ? part : part[inner]) as AnyCall)(asked)
            given.set(id, values)
            return values
          } catch (reason) {
            failed.add(id)
            throw reason
          }
        }
        const work = async (branch: Branch, nth: number) => {
          const one = async (plan: number) => {
            const result = call(nameOf(branch, nth), plan)
            await (branch.care === 'caught' ? result.catch(() => {}) : result)
          }
          if (branch.order === 'together') await Promise.all(branch.calls.map((_, plan) => one(plan)))
          else for (const plan of branch.calls.keys()) await one(plan)
        }
        try {
          await Promise.all(
            all.map((branch, nth) => {
              const done = work(branch, nth)
              if (branch.care !== 'left behind') return done
              done.catch(() => {})
              return undefined
            }),
          )
          return await call('compose', 0)
        } catch (reason) {
          thrown = reason
          throw reason
        }
      })

      const abort = new AbortController()
      const running = start(made, following(all, compose), { include, signal: abort.signal })
      const frames: Frame[] = []
      let reads = 0
      for await (const batch of running.frames) {
        frames.push(...batch)
        if (reads === abortAt) abort.abort(new RunError('run_timeout'))
        await pause(reader[reads++ % reader.length] as number)
      }
      const failure = await running.finished

      // 5. Terminated: one prediction or one error, and nothing follows.
      const last = frames.at(-1)
      assert.deepEqual(
        frames.filter(({ type }) => type === 'prediction' || type === 'error'),
        [last],
      )
      if (last?.type === 'error') {
        errors++
        assert.equal(last.code, failure?.code)
        assert.ok(failure === thrown || failure?.code === 'run_timeout')
      } else {
        predictions++
        assert.equal(failure, undefined)
        assert.deepEqual(last, { type: 'prediction', data: given.get('compose#1') })
      }

      // 1. Exact, and 2. Closed.
      const lanes = new Map<string, { joined: string; isClosed: boolean }>()
      for (const one of frames) {
        if (one.type !== 'token') continue
        assert.ok(include.reasoning || one.field !== 'reasoning')
        const lane = `${one.predictor}#${one.call ?? 1} ${one.field}`
        const { joined, isClosed } = lanes.get(lane) ?? { joined: '', isClosed: false }
        assert.ok(!isClosed, `${lane} goes on after its last chunk`)
        lanes.set(lane, { joined: joined + one.chunk, isClosed: one.is_last })
      }
      for (const [id, values] of given) {
        for (const [field, value] of Object.entries(values)) {
          if (field === 'reasoning' && !include.reasoning) continue
          const lane = lanes.get(`${id} ${field}`) ?? { joined: '', isClosed: false }
          // Frames that come after the run's failure are dropped; what was sent before is true.
          if (failure && !lane.isClosed) assert.ok(String(value).startsWith(lane.joined), `${id} ${field}`)
          else assert.deepEqual(lane, { joined: value, isClosed: true }, `${id} ${field}`)
          lanes.delete(`${id} ${field}`)
        }
      }
      for (const lane of lanes.keys()) {
        // Cut short: by a failure, by being left behind, or by the end of the run before the body heard.
        const [id = ''] = lane.split(' ')
        assert.ok(failed.has(id) || failure, `${lane} belongs to no call`)
      }

      // 4. Ordered: every token of a module stands between a start and an end.
      const open = new Set<string>()
      for (const one of frames) {
        if (one.type === 'status') {
          // A module that failed has no end, so only that one may start while it is open.
          const hasFailed = [...failed].some((id) => id.startsWith(`${one.module}.`))
          if (one.phase === 'end') assert.ok(open.has(one.module), `${one.module} ends twice`)
          else assert.ok(!open.has(one.module) || hasFailed, `${one.module} starts twice`)
          if (one.phase === 'start') open.add(one.module)
          else open.delete(one.module)
        } else if (one.type === 'token' && one.predictor.includes('.')) {
          assert.ok(open.has(one.predictor.split('.')[0] as string), `${one.predictor} before its start`)
        }
      }
      if (!failure && failed.size === 0) assert.deepEqual([...open], [])
      const composed = frames.findIndex((one) => one.type === 'token' && one.predictor === 'compose')
      const awaited = new Set(
        all.flatMap((branch, nth) => (branch.care === 'left behind' ? [] : [nameOf(branch, nth)])),
      )
      const lastAwaited = frames.findLastIndex((one) => one.type === 'token' && awaited.has(one.predictor))
      if (composed !== -1)
        assert.ok(lastAwaited < composed, 'compose speaks before a branch that it needs is done')
    }

    await fc.assert(
      fc.asyncProperty(
        branches,
        callOf('answer'),
        fc.record({ reasoning: fc.boolean() }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
        rarely(10, fc.nat(8)),
        property,
      ),
      { numRuns: 500 },
    )
    assert.deepEqual(unhandled, [])
    assert.ok(predictions > 50 && errors > 50, `${predictions} predictions and ${errors} errors`)
  })
})

/** A model that never stops, in pieces of 10,000 characters; it counts how often it was asked for more. */
function endless() {
  let pieces = 0
  const waiting: { count: number; resolve: () => void }[] = []
  const lm = lmOf(async function* ({ signal }) {
    yield [text('[[ ## a ## ]]\n')]
    for (;;) {
      signal.throwIfAborted()
      pieces++
      for (const one of waiting) if (pieces >= one.count) one.resolve()
      yield [text('x'.repeat(10_000))]
    }
  })
  const asked = (atLeast: number) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push({ count: atLeast, resolve })
    return promise
  }
  return { lm, asked, count: () => pieces }
}
