/** Random failures, attempts and fallbacks: whatever happens, what readers put together is what the program got. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { reduceRun, startRun } from '../../src/client/index.ts'
import type { Values } from '../../src/core/adapters/adapter.ts'
import { describe as descriptionOf } from '../../src/core/describe.ts'
import { type ErrorCode, errorCodes, RunError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import type { CallOptions, Delta, LM } from '../../src/core/lm.ts'
import { chainOfThought } from '../../src/core/predictor.ts'
import { module, program } from '../../src/core/program.ts'
import { streamify } from '../../src/core/streamify.ts'
import { DONE, FrameEncoder } from '../../src/wire/native.ts'
import { cutAt, cuts } from '../support/corpus.ts'
import type { Deltas } from '../support/lm.ts'
import { lmOf, silence, stop, text, thought } from '../support/lm.ts'
import { framesOf, text as joined } from '../support/service.ts'

const CODES = Object.keys(errorCodes) as ErrorCode[]

/** What another model may cure, whenever it comes. */
const ELSEWHERE: readonly ErrorCode[] = [
  'upstream_unreachable',
  'upstream_auth',
  'upstream_model_not_found',
  'upstream_rate_limited',
  'upstream_error',
  'upstream_bad_response',
  'upstream_timeout',
  'upstream_stalled',
  'upstream_truncated',
  'upstream_too_large',
  'lm_busy',
  'prompt_too_long',
]

/** What the same model may cure in a further attempt, once it has begun. */
const AGAIN: readonly ErrorCode[] = [
  'upstream_unreachable',
  'upstream_rate_limited',
  'upstream_error',
  'upstream_timeout',
  'upstream_stalled',
  'upstream_truncated',
  'upstream_format',
]

const completion = (value: string) =>
  `[[ ## reasoning ## ]]\nsince ${value}\n\n[[ ## answer ## ]]\n${value}\n\n[[ ## completed ## ]]`

/** How one request goes. */
type Plan = {
  readonly value: string
  /** Where its text is cut. */
  readonly cuts: readonly number[]
  /** Turns of the event loop between deltas. */
  readonly pause: number
  /** Thinks first, which nobody sees. */
  readonly thinks: boolean
  /** The end: after all of it, without the last field, or by a failure after so many deltas. */
  readonly end: 'fine' | 'broken' | { readonly code: ErrorCode; readonly after: number }
}

async function* deltasOf({ value, cuts, pause, thinks, end }: Plan): AsyncGenerator<readonly Delta[]> {
  const whole = completion(value)
  const all = end === 'broken' ? whole.slice(0, whole.indexOf('[[ ## answer')) : whole
  const deltas = [...(thinks ? [thought('hm')] : []), ...cutAt(all, cuts).filter(Boolean).map(text)]
  for (const [nth, delta] of deltas.entries()) {
    for (let turn = 0; turn < pause; turn++) await nextTurn()
    if (typeof end === 'object' && nth >= end.after) throw new RunError(end.code)
    yield [delta]
  }
  if (typeof end === 'object') throw new RunError(end.code)
  yield [stop]
}

type Branch = {
  readonly attempts: number
  readonly fallbacks: number
  readonly isInModule: boolean
  /** For each call of the predictor, how its requests go, in order. Later ones go well. */
  readonly calls: readonly (readonly Plan[])[]
}

const FINE: Plan = { value: 'fine', cuts: [3, 30, 50], pause: 0, thinks: false, end: 'fine' }
const ROLES = ['default', 'second', 'third']

/** The LM under all roles: tells by the prompt which call of which branch it is. */
function lmOfPlans(branches: readonly Branch[], asked: Map<string, number>): LM {
  const under = (role: string): LM => ({
    model: { provider: 'test', name: role },
    stream(messages, { signal }: CallOptions): Deltas {
      const [, branch = '', call = ''] = /@(\d+)\.(\d+)@/.exec(messages[1]?.content ?? '') ?? []
      const key = `${branch}.${call}`
      const nth = asked.get(key) ?? 0
      asked.set(key, nth + 1)
      signal.throwIfAborted()
      return deltasOf(branches[Number(branch)]?.calls[Number(call)]?.[nth] ?? FINE)
    },
  })
  return { ...under('default'), roles: new Map(ROLES.slice(1).map((role) => [role, under(role)])) }
}

const planOf: fc.Arbitrary<Plan> = fc.record({
  value: fc.constantFrom('good', 'BAD', 'better\n\nstill', 'BAD AGAIN', ''),
  cuts,
  pause: fc.nat(2),
  thinks: fc.boolean(),
  end: fc.oneof(
    { weight: 3, arbitrary: fc.constant('fine' as const) },
    { weight: 1, arbitrary: fc.constant('broken' as const) },
    {
      weight: 3,
      arbitrary: fc.record({ code: fc.constantFrom(...ELSEWHERE, ...AGAIN), after: fc.nat(8) }),
    },
  ),
})

const branchOf: fc.Arbitrary<Branch> = fc.record({
  attempts: fc.integer({ min: 1, max: 4 }),
  fallbacks: fc.nat(2),
  isInModule: fc.boolean(),
  calls: fc.array(fc.array(planOf, { maxLength: 5 }), { minLength: 1, maxLength: 2 }),
})

describe('attempts', () => {
  it('leave readers with exactly what the program got', async () => {
    let resets = 0
    let successes = 0
    const check = async (branches: readonly Branch[], reasoning: boolean) => {
      const parts = Object.fromEntries(
        branches.map(({ attempts, fallbacks, isInModule }, nth) => {
          const predictor = chainOfThought('question -> answer', {
            attempts,
            fallbacks: ROLES.slice(1, 1 + fallbacks),
            check: ({ answer }) => (answer.startsWith('BAD') ? 'No shouting.' : undefined),
          })
          const messages = { start: `${nth}…`, end: `${nth}.` }
          return [`branch${nth}`, isInModule ? module({ ask: predictor }, messages) : predictor]
        }),
      )
      const got = new Map<string, Values>()
      const tested = program('question -> n: int', parts, async (bound) => {
        const all = branches.flatMap(({ calls, isInModule }, branch) => {
          const part = bound[`branch${branch}`] as unknown as { ask: unknown }
          const ask = (isInModule ? part.ask : part) as (inputs: Values) => Promise<Values>
          const name = isInModule ? `branch${branch}.ask` : `branch${branch}`
          return calls.map(async (_, call) => {
            got.set(`${name} ${call + 1}`, await ask({ question: `@${branch}.${call}@` }))
          })
        })
        await Promise.all(all)
        return { n: all.length }
      })
      const asked = new Map<string, number>()
      const run = streamify(
        tested,
        { question: 'Q' },
        {
          lm: lmOfPlans(branches, asked),
          signal: new AbortController().signal,
          id: 'x',
          include: { reasoning },
        },
      )
      const frames: Frame[] = (await Array.fromAsync(run.frames)).flat()
      await run.finished

      framesOf(new FrameEncoder().encode(frames) + DONE) // holds the protocol to them
      let state = startRun(descriptionOf('tested', tested, { maxChars: 100, maxHistoryChars: 100 }), 0)
      for (const [at, frame] of frames.entries()) state = reduceRun(state, frame, at)
      for (const [key, values] of got) {
        const [predictor = '', call] = key.split(' ')
        const lane = state.lanes.find((one) => `${one.predictor} ${one.call}` === key)
        // After a sibling's failure nobody hears the rest of what a call says.
        if (state.phase === 'failed' && lane?.phase !== 'done') continue
        for (const [field, value] of Object.entries(values)) {
          if (field === 'reasoning' && !reasoning) continue
          assert.deepEqual(lane?.fields[field], { text: value, isClosed: true }, key)
          assert.equal(joined(frames, predictor, field, call === '1' ? undefined : Number(call)), value)
        }
        assert.equal(lane?.phase, 'done')
        assert.ok(!String(values.answer).startsWith('BAD'))
      }
      const announced = frames.filter(({ type }) => type === 'reset').length
      assert.ok(announced <= run.calls.reduce((sum, { attempts }) => sum + attempts - 1, 0))
      if (branches.every(({ attempts }) => attempts === 1)) assert.equal(announced, 0)
      for (const [branch, { attempts, fallbacks, calls }] of branches.entries()) {
        for (const call of calls.keys()) {
          assert.ok((asked.get(`${branch}.${call}`) ?? 0) <= attempts + fallbacks)
        }
      }
      resets += announced
      if (frames.at(-1)?.type === 'prediction') successes++
    }
    await fc.assert(
      fc.asyncProperty(fc.array(branchOf, { minLength: 1, maxLength: 3 }), fc.boolean(), check),
      {
        numRuns: 300,
      },
    )
    assert.ok(resets > 50 && successes > 50, `${resets} resets and ${successes} successes prove little`)
  })

  it('ask nobody else once a sibling has ended the run', async () => {
    const tested = program(
      {
        fails: chainOfThought('question -> a'),
        waits: chainOfThought('question -> b', { fallbacks: ['second'] }),
      },
      async ({ fails, waits }, { question }) => {
        const [{ a }, { b }] = await Promise.all([fails({ question }), waits({ question })])
        return { a, b, reasoning: '' }
      },
    )
    let asked = 0
    const lm = lmOf(async function* ({ signature, signal }) {
      asked++
      if (signature.outputs.at(-1)?.name === 'a') throw new RunError('upstream_error')
      yield* silence({ signature, adapter: 'chat', signal, usage: false })
    })
    const run = streamify(
      tested,
      { question: 'Q' },
      {
        lm: { ...lm, roles: new Map([['second', { ...lm }]]) },
        signal: new AbortController().signal,
        id: 'x',
      },
    )
    await Array.fromAsync(run.frames)
    await run.finished
    assert.equal(asked, 2)
  })

  /** One call whose first request fails so, after some text or none, and whose others go well. */
  async function cured(code: ErrorCode, after: number, options: { attempts?: number; fallbacks?: string[] }) {
    const tested = program({ ask: chainOfThought('question -> answer', options) }, ({ ask }, { question }) =>
      ask({ question }),
    )
    const branch: Branch = {
      attempts: 1,
      fallbacks: 0,
      isInModule: false,
      calls: [[{ ...FINE, cuts: [54], end: { code, after } }]],
    }
    const { frames } = streamify(
      tested,
      { question: '@0.0@' },
      { lm: lmOfPlans([branch], new Map()), signal: new AbortController().signal, id: 'x' },
    )
    const all = (await Array.fromAsync(frames)).flat()
    return {
      isCured: all.at(-1)?.type === 'prediction',
      resets: all.filter(({ type }) => type === 'reset').length,
    }
  }

  for (const code of CODES) {
    it(`treat ${code} as the table says`, async () => {
      const fallbacks = ['second']
      assert.deepEqual(await cured(code, 0, { fallbacks }), { isCured: ELSEWHERE.includes(code), resets: 0 })
      assert.deepEqual(await cured(code, 1, { fallbacks }), { isCured: false, resets: 0 })
      const isCured = AGAIN.includes(code)
      assert.deepEqual(await cured(code, 1, { attempts: 2 }), { isCured, resets: isCured ? 1 : 0 })
      assert.deepEqual(await cured(code, 0, { attempts: 2 }), { isCured: false, resets: 0 })
    })
  }
})
