/** Whatever is cut where, and whoever goes on with a run: what a reader folds is what one folds that was never cut. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type Frame, type ResetFrame, type RunState, reduceRun, startRun } from '../../src/client/index.ts'
import { snapshot } from '../../src/runs/replay.ts'

/** Two branches, the second of which may call its predictor twice, and what is made of both. */
const BRANCHES = [
  { predictor: 'a.x', call: 1 },
  { predictor: 'b.y', call: 1 },
  { predictor: 'b.y', call: 2 },
]
const LAST = { predictor: 'c', call: 1 }
const CALLS = [...BRANCHES, LAST]

const program = {
  predictors: [
    { predictor: 'a.x', module: 'a', fields: ['f'], types: { f: 'str' }, reasons: true, waits_for: [] },
    { predictor: 'b.y', module: 'b', fields: ['f'], types: { f: 'str' }, reasons: false, waits_for: [] },
    {
      predictor: 'c',
      module: 'c',
      fields: ['f'],
      types: { f: 'str' },
      reasons: false,
      waits_for: ['a.x', 'b.y'],
    },
  ],
}

type Call = (typeof CALLS)[number]

const keyOf = ({ predictor, call }: { predictor: string; call?: number | undefined }) =>
  `${predictor} ${call ?? 1}`

const frameOf = <More extends object>({ predictor, call }: Call, more: More) => ({
  predictor,
  ...(call > 1 && { call }),
  ...more,
})

/** What of a log only a reader has seen that read from the process that is gone. */
type Logged = { readonly frame: Frame; readonly isLost: boolean }

/** A run as a program could have it, from what chance decides. */
class Telling {
  readonly log: Logged[] = []
  readonly #said = new Set<string>()
  readonly #done = new Set<string>()
  readonly #failed = new Set<string>()
  readonly #begun = new Set<string>()
  #isOver = false

  step({ kind, which, text, isLost }: Step): void {
    if (this.#isOver) return
    if (kind === 'takeover') {
      this.#takeOver(which)
      return
    }
    const open = this.#open()
    const call = open[which % Math.max(1, open.length)]
    if (!call) {
      this.#end()
      return
    }
    this.#begin(call.predictor.split('.', 1)[0] as string)
    if (isLost) this.#add(token(call, text, false), true)
    else if (kind === 'fail' && call !== LAST) this.#fail(call, text.length > 2)
    else if (kind === 'again' && this.#said.has(keyOf(call))) this.#askAgain(call)
    else this.#say(call, text, kind === 'last')
  }

  #open(): Call[] {
    const branches = BRANCHES.filter((call) => !this.#done.has(keyOf(call)) && !this.#failed.has(keyOf(call)))
    if (branches.length > 0) return branches
    return this.#done.has(keyOf(LAST)) ? [] : [LAST]
  }

  #begin(module: string): void {
    if (this.#begun.has(module)) return
    this.#begun.add(module)
    this.#add({ type: 'status', message: `${module}…`, module, phase: 'start' })
  }

  #say(call: Call, text: string, isLast: boolean): void {
    this.#said.add(keyOf(call))
    if (isLast) this.#done.add(keyOf(call))
    this.#add(token(call, text, isLast))
    if (isLast) {
      const counts = { model: 'm', input_tokens: 1, output_tokens: 1, first_token_ms: 1, duration_ms: 1 }
      this.#add(frameOf(call, { type: 'usage' as const, ...counts }))
    }
  }

  /** The run goes on without a call, or without all that isn't over of its module. */
  #fail({ predictor, call }: Call, isModule: boolean): void {
    const module = predictor.split('.', 1)[0] as string
    const failed = this.#open().filter((one) =>
      isModule ? one.predictor.startsWith(`${module}.`) : one.predictor === predictor && one.call === call,
    )
    for (const one of failed) this.#failed.add(keyOf(one))
    const status = {
      type: 'status' as const,
      message: `Without ${module}.`,
      module,
      phase: 'failed' as const,
    }
    this.#add(isModule ? status : frameOf({ predictor, call }, status))
  }

  #askAgain(call: Call): void {
    this.#said.delete(keyOf(call))
    const keep = CALLS.filter((one) => this.#said.has(keyOf(one)))
    this.#add({ type: 'reset', keep, message: 'Not that.' })
  }

  /** Another process goes on, with the calls that have ended; or, by chance, with fewer. */
  #takeOver(which: number): void {
    const keep = CALLS.filter((one) => this.#done.has(keyOf(one))).slice(0, which)
    for (const known of [this.#said, this.#done]) {
      known.clear()
      for (const call of keep) known.add(keyOf(call))
    }
    this.#failed.clear()
    this.#begun.clear()
    this.#add({ type: 'reset', keep })
  }

  #end(): void {
    this.#isOver = true
    this.#add({ type: 'prediction', data: { f: 'so' } })
  }

  #add(frame: Frame, isLost = false): void {
    this.log.push({ frame, isLost })
  }
}

const token = (call: Call, chunk: string, is_last: boolean) =>
  frameOf(call, { type: 'token' as const, field: 'f', chunk, is_last })

type Step = {
  readonly kind: 'more' | 'last' | 'again' | 'fail' | 'takeover'
  readonly which: number
  readonly text: string
  readonly isLost: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant('more' as const) },
    { weight: 4, arbitrary: fc.constant('last' as const) },
    { weight: 1, arbitrary: fc.constant('again' as const) },
    { weight: 1, arbitrary: fc.constant('fail' as const) },
    { weight: 1, arbitrary: fc.constant('takeover' as const) },
  ),
  which: fc.nat(5),
  text: fc.string({ maxLength: 4 }),
  isLost: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

/** A reader that has nothing reads in short, and may be cut off in the midst of it. */
type Cut = { readonly at: number; readonly seen: number }

const cut: fc.Arbitrary<Cut> = fc.record({ at: fc.nat(60), seen: fc.nat(20) })

/** Frames that are lost are followed by a takeover: who owned the run is gone. */
function logOf(steps: readonly Step[]): Logged[] {
  const telling = new Telling()
  for (const one of steps) {
    telling.step(one)
    if (one.isLost) telling.step({ ...one, kind: 'takeover', isLost: false })
  }
  return telling.log
}

const inShort = (log: readonly Logged[]): Frame[] => [
  { type: 'reset', keep: [] } satisfies ResetFrame,
  ...snapshot(log.filter(({ isLost }) => !isLost).map(({ frame }) => frame)),
]

/** What a reader sees that is cut off without an id at some places. */
function seenWith(log: readonly Logged[], cuts: readonly Cut[]): Frame[] {
  return log.flatMap(({ frame }, index) => [
    frame,
    ...cuts
      .filter(({ at }) => at === index)
      .flatMap(({ seen }) => {
        const short = inShort(log.slice(0, index + 1))
        return [...short.slice(0, seen), ...short]
      }),
  ])
}

const fold = (frames: readonly Frame[]) =>
  frames.reduce((state, frame, index) => reduceRun(state, frame, index + 1), startRun(program, 0))

/** What people see. A further call shows once it has said something. */
const essence = ({ phase, lanes, prediction, error }: RunState) => ({
  phase,
  prediction,
  error,
  lanes: lanes
    .filter(({ call, firstTokenAt }) => call === 1 || firstTokenAt !== undefined)
    .map(({ predictor, call, phase, fields, usage }) => [predictor, call, phase, fields, usage]),
})

test('whatever is cut where, texts, phases and prediction are those of a run that was never cut', () => {
  const seen = { cuts: 0, takeovers: 0, failures: 0, ends: 0 }
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(cut, { maxLength: 4 }), (steps, cuts) => {
      const log = logOf(steps)
      const never = log.filter(({ isLost }) => !isLost).map(({ frame }) => frame)
      const expected = essence(fold(never))
      assert.deepEqual(essence(fold(seenWith(log, cuts))), expected)
      assert.deepEqual(essence(fold(inShort(log))), expected, 'read in short')
      seen.cuts += cuts.filter(({ at }) => at < log.length).length
      seen.takeovers += never.filter((frame) => frame.type === 'reset' && frame.message === undefined).length
      seen.failures += never.filter((frame) => frame.type === 'status' && frame.phase === 'failed').length
      seen.ends += never.at(-1)?.type === 'prediction' ? 1 : 0
    }),
    { numRuns: 500 },
  )
  assert.ok(
    seen.cuts > 20 && seen.takeovers > 20 && seen.failures > 20 && seen.ends > 5,
    JSON.stringify(seen),
  )
})

test('a lane counts what begins anew: no face takes its text for the old one going on', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(cut, { maxLength: 4 }), (steps, cuts) => {
      let state = startRun(program, 0)
      for (const frame of seenWith(logOf(steps), cuts)) {
        const before = state
        state = reduceRun(state, frame, 1)
        for (const lane of state.lanes) {
          const old = before.lanes.find(
            ({ predictor, call, attempt }) =>
              keyOf({ predictor, call }) === keyOf(lane) && attempt === lane.attempt,
          )
          const goesOn = (lane.fields.f?.text ?? '').startsWith(old?.fields.f?.text ?? '')
          assert.ok(goesOn, `${keyOf(lane)} changed within an attempt`)
        }
      }
    }),
    { numRuns: 200 },
  )
})
