/** What modules say, and parts that a run can do without. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describe as describeProgram } from '../../src/core/describe.ts'
import { type ErrorCode, RunError } from '../../src/core/errors.ts'
import type { Delta } from '../../src/core/lm.ts'
import { chainOfThought, predict } from '../../src/core/predictor.ts'
import { module, type Program, program } from '../../src/core/program.ts'
import { clock } from '../support/clock.ts'
import { abortion, answer, lmOf, saying, silence, text } from '../support/lm.ts'
import { brief, byField, framesOf, messagesOf, run, start } from '../support/runs.ts'

const a = predict('question -> a')
const b = predict('question -> b')

const failing = (code: ErrorCode, message?: string) =>
  async function* (): AsyncGenerator<readonly Delta[]> {
    yield []
    throw new RunError(code, { message })
  }

/** Begins to write, and then waits to be aborted. */
const halfOf = (field: string) =>
  async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<readonly Delta[]> {
    yield [text(`[[ ## ${field} ## ]]\nhalf`)]
    await abortion(signal)
  }

describe("a module's messages", () => {
  it('are sentences, or are made of what goes in and comes out; `undefined` says nothing', async () => {
    const made = program(
      {
        ideas: module(
          { one: chainOfThought('question -> a'), two: predict('a -> b, n: int') },
          {
            start: ({ predictor, inputs }) =>
              predictor === 'one' ? `Thinking about “${inputs.question}”` : undefined,
            end: ({ predictor, outputs }) =>
              predictor === 'two' ? `${outputs.n} of ${outputs.b}` : outputs.reasoning,
          },
        ),
        quiet: module({ a }, { start: () => undefined }),
        silent: module({ b }),
      },
      async ({ ideas, quiet, silent }, { question }) => {
        const { a } = await ideas.one({ question })
        await ideas.two({ a })
        await quiet.a({ question })
        return silent.b({ question })
      },
    )
    const lm = lmOf((options) => {
      const values = { reasoning: 'Hm.', a: 'x', b: 'many', n: '3' } as Record<string, string>
      const fields = options.signature.outputs.map(({ name }) => `[[ ## ${name} ## ]]\n${values[name]}\n`)
      return saying([text(`${fields.join('')}[[ ## completed ## ]]`)])
    })
    const { frames, faults } = await run(made, lm)
    assert.deepEqual(messagesOf(frames), ['start: Thinking about “Why?”', 'end: 3 of many'])
    assert.deepEqual(faults, [])
  })

  it('that can’t be made cost themselves and nothing else, and the log hears of it', async () => {
    const broken = new Error('no such key')
    const made = program(
      {
        ideas: module(
          { a },
          {
            start: () => {
              throw broken
            },
            end: (() => 7) as never,
          },
        ),
        late: module({ b }, { start: (async () => Promise.reject(broken)) as never }),
      },
      async ({ ideas, late }, asked) => {
        await ideas.a(asked)
        return late.b(asked)
      },
    )
    const { frames, failure, faults } = await run(made, byField())
    assert.deepEqual(frames.map(brief), ['ideas.a a "a".', 'late.b b "b".', 'prediction'])
    assert.equal(failure, undefined)
    assert.equal(faults[0], broken)
    assert.deepEqual(
      faults
        .slice(1)
        .map((fault) => (fault as Error).message)
        .sort(),
      [
        'A status message is a text or undefined, not number.',
        'A status message is a text or undefined, not object.',
        'no such key',
      ],
    )
  })

  it('are never longer than a thousand characters, and not more than ten faults are kept', async () => {
    const made = program(
      {
        ideas: module(
          { a },
          { start: ({ inputs }) => inputs.question.repeat(1_000), end: (() => 7) as never },
        ),
      },
      async ({ ideas }, asked) => {
        for (let nth = 0; nth < 20; nth++) await ideas.a(asked)
        return ideas.a(asked)
      },
    )
    const { frames, faults } = await run(made, byField())
    assert.equal(faults.length, 10)
    for (const one of frames) if (one.type === 'status') assert.equal(one.message.length, 1_001)
  })

  it('stand in the description where they are sentences', () => {
    const made = program(
      {
        both: module({ a }, { start: 'Go.', end: 'Done.' }),
        half: module({ b }, { start: () => 'Go.', end: 'Done.', fail: 'Oh.', required: false }),
        none: module({ c: predict('question -> c') }, { start: () => 'Go.' }),
      },
      async ({ both }, asked) => both.a(asked),
    )
    const { predictors } = describeProgram('x', made, { maxChars: 1, maxHistoryChars: 1 })
    assert.deepEqual(
      predictors.map(({ status }) => status),
      [{ start: 'Go.', end: 'Done.' }, { end: 'Done.', fail: 'Oh.' }, undefined],
    )
  })

  it('are typed by the module’s parts', () => {
    module(
      { a, b },
      {
        // @ts-expect-error: no part takes a `query`
        start: ({ inputs }) => inputs.query,
        end: ({ predictor, outputs }) => {
          // @ts-expect-error: which of the two has ended isn't known yet
          outputs.a
          // @ts-expect-error: there is no third part
          if (predictor === 'c') return undefined
          return predictor === 'a' ? outputs.a : outputs.b
        },
      },
    )
    // @ts-expect-error: a number is no message
    module({ a }, { start: () => 7 })
    assert.throws(() => module({ a }, { fail: 'Oh.' }), { name: 'TypeError', message: /required: false/ })
  })
})

describe('a part that may fail alone', () => {
  const evidence = {
    fail: ({ code }: { code: string }) => `No evidence (${code}).`,
    start: 'Go.',
    end: 'Done.',
  }
  const branches = program(
    {
      ideas: module({ a }, { start: 'Ideas…', end: 'Ideas.' }),
      evidence: module({ b }, { ...evidence, required: false, deadlineMs: 1_000 }),
      compose: predict('question, a, b -> answer'),
    },
    async ({ ideas, evidence, compose }, { question }) => {
      const [{ a }, probed] = await Promise.all([ideas.a({ question }), evidence.b({ question })])
      return compose({ question, a, b: probed?.b ?? 'none' })
    },
  )

  it('says so with its code, its siblings go on, and the prediction names it', async () => {
    const lm = byField({ b: failing('upstream_error', 'It broke.') })
    const { frames, failure, degraded } = await run(branches, lm)
    assert.deepEqual(frames.map(brief), [
      'ideas start',
      'evidence start',
      'ideas.a a "a".',
      'evidence failed',
      'ideas end',
      'compose answer "answer".',
      'prediction',
    ])
    assert.deepEqual(frames[3], {
      type: 'status',
      message: 'No evidence (upstream_error).',
      module: 'evidence',
      phase: 'failed',
      code: 'upstream_error',
    })
    assert.deepEqual(frames.at(-1), {
      type: 'prediction',
      data: { answer: 'answer' },
      degraded: ['evidence'],
    })
    assert.equal(failure, undefined)
    assert.deepEqual([...degraded.keys()], ['evidence'])
    assert.equal(degraded.get('evidence')?.predictor, 'evidence.b')
  })

  it('fails of its deadline, which leaves its fields open and aborts its model alone', async (t) => {
    const tick = clock(t)
    const running = start(branches, byField({ b: halfOf('b') }))
    await tick(999)
    assert.ok(!running.frames.holds((one) => one.type === 'prediction'))
    await tick(1)
    const frames = await framesOf(running)
    assert.deepEqual(frames.map(brief), [
      'ideas start',
      'evidence start',
      'evidence.b b "half"',
      'ideas.a a "a".',
      'ideas end',
      'evidence failed',
      'compose answer "answer".',
      'prediction',
    ])
    assert.deepEqual(messagesOf(frames).at(-1), 'failed: No evidence (branch_timeout).')
    assert.equal(await running.finished, undefined)
  })

  it('fails with its own sentence where its module has none, and in silence where that is wanted', async () => {
    const made = (options: { fail?: () => undefined }) =>
      program(
        { evidence: module({ b }, { ...options, required: false }), a },
        async ({ evidence, a }, asked) => {
          assert.equal(await evidence.b(asked), undefined)
          return a(asked)
        },
      )
    const lm = byField({ b: failing('upstream_error', 'It broke.') })
    assert.deepEqual(messagesOf((await run(made({}), lm)).frames), ['failed: It broke.'])
    const { frames } = await run(made({ fail: () => undefined }), lm)
    assert.deepEqual(frames.map(brief), ['a a "a".', 'prediction'])
    assert.deepEqual((frames.at(-1) as { degraded?: unknown }).degraded, ['evidence'])
  })

  it('may be a single predictor, in a module or not; each call of it fails by itself', async () => {
    let nth = 0
    const made = program(
      {
        both: module({ a, b: predict('question -> b', { required: false }) }, { start: 'Go.', end: 'Done.' }),
        lone: predict('question -> c', { required: false, deadlineMs: 1_000 }),
      },
      async ({ both, lone }, asked) => {
        const [given, ...missed] = await Promise.all([
          both.a(asked),
          both.b(asked),
          both.b(asked),
          lone(asked),
        ])
        assert.deepEqual(
          missed.map((one) => one === undefined),
          [false, true, true],
        )
        return given
      },
    )
    const lm = byField({
      b: (options) => (nth++ === 0 ? saying([text(answer(options, 'x'))]) : failing('upstream_stalled')()),
      c: failing('upstream_format'),
    })
    const { frames } = await run(made, lm)
    assert.deepEqual(
      frames.map(brief).sort(),
      [
        'both end',
        'both start',
        'both.a a "a".',
        'both.b b "x".',
        'both.b#2 failed',
        'lone failed',
        'prediction',
      ].sort(),
    )
    assert.deepEqual((frames.at(-1) as { degraded?: string[] }).degraded?.sort(), ['both.b', 'lone'])
  })

  it('starts again when it is called again, with all of its time', async (t) => {
    const tick = clock(t)
    const again = program(
      { evidence: module({ b }, { ...evidence, required: false, deadlineMs: 1_000 }), a },
      async ({ evidence, a }, asked) => {
        await evidence.b(asked)
        await evidence.b(asked)
        return a(asked)
      },
    )
    const running = start(again, byField({ b: silence }))
    await tick(1_000)
    await tick(999)
    assert.ok(!running.frames.holds((one) => one.type === 'prediction'))
    await tick(1)
    assert.deepEqual((await framesOf(running)).map(brief), [
      'evidence start',
      'evidence failed',
      'evidence start',
      'evidence failed',
      'a a "a".',
      'prediction',
    ])
  })

  it('has its deadline for the time in which it is at work', async (t) => {
    const tick = clock(t)
    const gate = Promise.withResolvers<void>()
    const paused = program(
      { pair: module({ a, b }, { required: false, deadlineMs: 1_000 }) },
      async ({ pair }, asked) => {
        const first = await pair.a(asked)
        await gate.promise
        assert.equal(await pair.b(asked), undefined)
        return first as { a: string }
      },
    )
    const slow = byField({
      a: async function* (options) {
        await new Promise((resolve) => setTimeout(resolve, 400))
        yield* saying([text(answer(options, 'a'))])
      },
      b: silence,
    })
    const running = start(paused, slow)
    await tick(400)
    await tick(10_000)
    gate.resolve()
    await tick(0)
    await tick(599)
    assert.ok(!running.frames.holds((one) => one.type === 'prediction'))
    await tick(1)
    assert.deepEqual((await framesOf(running)).map(brief), ['pair.a a "a".', 'pair failed', 'prediction'])
  })

  it('waits until all that its module has at work is over before it says so', async () => {
    const gate = Promise.withResolvers<void>()
    const pair = program({ pair: module({ a, b }, { required: false }) }, async ({ pair }, asked) => {
      const [, given] = await Promise.all([pair.a(asked).finally(gate.resolve), pair.b(asked)])
      return given as { b: string }
    })
    const lm = byField({
      a: failing('upstream_error'),
      b: async function* (options) {
        await gate.promise
        yield* saying([text(answer(options, 'b'))])
      },
    })
    const { frames } = await run(pair, lm)
    assert.deepEqual(frames.map(brief), ['pair.b b "b".', 'pair failed', 'prediction'])
  })

  it('fails the run of what is the whole run’s, and of what is wrong in the program', async () => {
    const { frames } = await run(branches, byField({ b: failing('internal') }))
    assert.equal(brief(frames.at(-1) as never), 'error internal')

    const wrong = program({ lone: predict('question -> c', { required: false }) }, async ({ lone }) =>
      lone({} as never).then((given) => given ?? { c: '' }),
    )
    assert.equal(brief((await run(wrong, byField())).frames.at(-1) as never), 'error internal')

    for (const code of ['client_closed', 'run_timeout', 'shutting_down', 'client_stalled'] as const) {
      const abort = new AbortController()
      const running = start(branches, byField({ b: halfOf('b') }), { signal: abort.signal })
      for await (const batch of running.frames) {
        if (batch.some((one) => one.type === 'token' && one.predictor === 'evidence.b')) {
          abort.abort(new RunError(code))
        }
      }
      assert.equal((await running.finished)?.code, code)
      assert.equal(running.degraded.size, 0)
    }
  })

  it('that the run needs fails the run of its deadline', async (t) => {
    const tick = clock(t)
    const needed: Program[] = [
      program({ lone: predict('question -> b', { deadlineMs: 50 }) }, async ({ lone }, asked) => lone(asked)),
      program({ lone: module({ b }, { deadlineMs: 50 }) }, async ({ lone }, asked) => lone.b(asked)),
    ]
    for (const [nth, one] of needed.entries()) {
      const running = start(one, byField({ b: silence }))
      await tick(50)
      assert.partialDeepStrictEqual((await framesOf(running)).at(-1), {
        type: 'error',
        code: 'branch_timeout',
        retryable: true,
        predictor: nth === 0 ? 'lone' : 'lone.b',
      })
    }
  })

  it('that is stuck behind a slow reader is let go of by its deadline, and says nothing afterwards', async (t) => {
    const tick = clock(t)
    const endless = byField({
      b: async function* ({ signal }) {
        yield [text('[[ ## b ## ]]\n')]
        for (;;) {
          signal.throwIfAborted()
          yield [text('x'.repeat(50_000))]
        }
      },
    })
    let isOver = false
    const made = program(
      { lone: predict('question -> b', { required: false, deadlineMs: 100 }), a },
      async ({ lone, a }, asked) => {
        await lone(asked)
        isOver = true
        return a(asked)
      },
    )
    const running = start(made, endless)
    await tick(99)
    assert.equal(isOver, false)
    await tick(1)
    assert.equal(isOver, true)
    const briefs = (await framesOf(running)).map(brief).filter((one) => !one.includes('x'.repeat(100)))
    assert.deepEqual(briefs, ['lone failed', 'a a "a".', 'prediction'])
  })

  it('has to be checked by the body, or it doesn’t compile', () => {
    program(
      {
        sure: module({ a }),
        unsure: module({ a, b: predict('question -> b', { required: true }) }, { required: false }),
        lone: chainOfThought('question -> c', { required: false }),
      },
      async ({ sure, unsure, lone }, asked) => {
        const one = await sure.a(asked)
        const two = await unsure.a(asked)
        const three = await unsure.b(asked)
        const four = await lone(asked)
        // @ts-expect-error: the module may have failed
        two.a
        // @ts-expect-error: the module may have failed
        three.b
        // @ts-expect-error: the predictor may have failed
        four.c
        return { answer: `${one.a} ${two?.a} ${three?.b} ${four?.c} ${four?.reasoning}` }
      },
    )
    for (const deadlineMs of [0, 1.5, -1, 2 ** 31, Number.NaN]) {
      assert.throws(() => module({ a }, { deadlineMs }), { name: 'TypeError', message: /deadline/ })
      assert.throws(() => predict('question -> a', { deadlineMs }), {
        name: 'TypeError',
        message: /deadline/,
      })
    }
  })
})
