/**
 * Frames -> the state of a run, so that a UI only has to render it. The reducer has no clock of its own: the caller
 * says when each frame came.
 */
import type { PredictorDescription, ProgramDescription } from '../core/description.ts'
import type {
  ErrorFrame,
  Frame,
  PredictionFrame,
  ResetFrame,
  StatusFrame,
  UsageFrame,
} from '../core/frame.ts'
import type { AnyProgram, PredictorOf, ProgramTypes } from './program-types.ts'

/**
 * A lane is `pending` until the lanes it waits for are over, then `waiting` for its model, then `streaming`, and
 * finally `done`, `failed` (the run's error is its own, or the run goes on without it), `stopped` (the run ended first) or
 * `cut` (its reader lost the run, which may go on).
 */
export type LanePhase = 'pending' | 'waiting' | 'streaming' | 'done' | 'failed' | 'stopped' | 'cut'

export type FieldState = { readonly text: string; readonly isClosed: boolean }

/** One call of one predictor. Times are the caller's, in milliseconds. */
export type Lane<Name extends string = string> = {
  readonly predictor: Name
  /** From 1. */
  readonly call: number
  readonly module: string
  readonly phase: LanePhase
  /** 1, and one more each time that the call began anew: then none of its earlier texts stays. */
  readonly attempt: number
  /** The last status message about it or its module, such as the start message. */
  readonly message: string | undefined
  /** How often this attempt was held up: in a queue, or until its endpoint is asked again. */
  readonly waits: number
  /** Whether it has failed, and the run goes on without it. */
  readonly failedAlone: boolean
  /** The fields' texts: in the order in which they are written, then those that are still expected. */
  readonly fields: Readonly<Record<string, FieldState>>
  /** The type of each field that the description has: the text of a `str` is the value, any other text is its JSON. */
  readonly types: Readonly<Record<string, string>>
  readonly waitsFor: readonly string[]
  readonly startedAt: number | undefined
  readonly firstTokenAt: number | undefined
  readonly endedAt: number | undefined
  readonly usage: UsageFrame | undefined
}

export type RunPhase = 'running' | 'done' | 'failed' | 'stopped' | 'incomplete'

export type RunState<Of extends ProgramTypes = AnyProgram> = {
  readonly phase: RunPhase
  readonly lanes: readonly Lane<PredictorOf<Of>>[]
  readonly startedAt: number
  readonly endedAt: number | undefined
  readonly prediction: Of['outputs'] | undefined
  /** Predictors whose model ran into its token limit. */
  readonly truncated: readonly string[]
  /** Modules, predictors and tools that the run went on without. */
  readonly degraded: readonly string[]
  readonly error: ErrorFrame | undefined
}

const isOver = ({ phase }: Lane) => !['pending', 'waiting', 'streaming'].includes(phase)

/** What holds of a run that has nothing to show yet. */
const BEGUN = {
  phase: 'running',
  endedAt: undefined,
  prediction: undefined,
  truncated: [],
  degraded: [],
  error: undefined,
} as const

/** The state of a run that has just been asked for. */
export function startRun(program: Pick<ProgramDescription, 'predictors'>, at: number): RunState {
  const lanes = program.predictors.map((one) => newLane(one, 1))
  return advance({ ...BEGUN, lanes, startedAt: at }, at)
}

/**
 * The state after one more frame.
 *
 * @param at when it came, in milliseconds of the caller's clock
 */
export function reduceRun(state: RunState, frame: Frame, at: number): RunState {
  switch (frame.type) {
    case 'status':
      return reduceStatus(state, frame, at)
    case 'token':
      return advance(
        withLane(state, frame, at, (lane) => {
          const before = lane.fields[frame.field]
          const field = { text: (before?.text ?? '') + frame.chunk, isClosed: frame.is_last }
          const fields = asWritten(lane.fields, frame.field, field)
          const isDone = Object.values(fields).every(({ isClosed }) => isClosed)
          return {
            ...lane,
            fields,
            failedAlone: false,
            phase: isDone ? 'done' : 'streaming',
            startedAt: lane.startedAt ?? at,
            firstTokenAt: lane.firstTokenAt ?? at,
            endedAt: isDone ? at : undefined,
          }
        }),
        at,
      )
    case 'value': // the lane already has its text, which `PartialValue` reads
      return state
    case 'reset':
      return reduceReset(state, frame, at)
    case 'usage':
      return withLane(state, frame, at, (lane) => ({ ...lane, usage: frame }))
    case 'prediction':
      return endRun(reducePrediction(state, frame, at), 'done', at)
    case 'error': {
      const lanes = state.lanes.map((lane) =>
        lane.predictor === frame.predictor && !isOver(lane)
          ? { ...lane, phase: 'failed' as const, message: frame.message, endedAt: at }
          : lane,
      )
      return endRun({ ...state, lanes, error: frame }, 'failed', at)
    }
  }
}

/**
 * The state of a run that is over: lanes that were still running have stopped, or are cut where the run is `incomplete`.
 * After a prediction or an error the reducer does this itself; the caller does it for `stopped` and `incomplete`.
 */
export function endRun(state: RunState, phase: Exclude<RunPhase, 'running'>, at: number): RunState {
  if (state.phase !== 'running') return state
  const laneEnd = phase === 'incomplete' ? 'cut' : 'stopped'
  const lanes = state.lanes.map((lane): Lane => {
    if (isOver(lane)) return lane
    // It could have begun, but the program had no use for it.
    const wasNeverCalled = phase === 'done' && lane.firstTokenAt === undefined
    const startedAt = wasNeverCalled ? undefined : lane.startedAt
    return { ...lane, phase: laneEnd, startedAt, endedAt: at }
  })
  return { ...state, lanes, phase, endedAt: at }
}

function reducePrediction(
  state: RunState,
  { data, truncated = [], degraded = [] }: PredictionFrame,
  at: number,
) {
  // A failure that nothing was said of is known only now.
  const lanes = state.lanes.map((lane) =>
    !isOver(lane) && (degraded.includes(lane.module) || degraded.includes(lane.predictor))
      ? { ...lane, phase: 'failed' as const, message: undefined, failedAlone: true, endedAt: at }
      : lane,
  )
  return { ...state, lanes, prediction: data, truncated, degraded }
}

function reduceStatus(state: RunState, frame: StatusFrame, at: number): RunState {
  const { message, module, predictor, call = 1, phase } = frame
  if (phase === 'failed') {
    const isMeant = (lane: Lane) =>
      predictor === undefined
        ? lane.module === module
        : (lane.predictor === predictor && lane.call === call) || lane.predictor.startsWith(`${predictor}.`)
    const lanes = (
      predictor === undefined ? state : withLane(state, { predictor, call }, at, same)
    ).lanes.map((lane) =>
      isMeant(lane) && !isOver(lane) ? { ...lane, phase, message, failedAlone: true, endedAt: at } : lane,
    )
    return advance({ ...state, lanes }, at)
  }
  if (predictor !== undefined)
    return withLane(state, { predictor, call }, at, (lane) => ({ ...lane, message }))
  const lanes = state.lanes.map((lane) =>
    lane.module === module && lane.phase !== 'failed'
      ? { ...lane, message, waits: lane.waits + (phase === 'waiting' && lane.phase === 'waiting' ? 1 : 0) }
      : lane,
  )
  return { ...state, lanes }
}

/** The fields with this one as it is now. Where it has just begun, it comes before those that haven't. */
function asWritten(fields: Lane['fields'], name: string, field: FieldState): Lane['fields'] {
  if (hasBegun(fields[name])) return { ...fields, [name]: field }
  const others = Object.entries(fields).filter(([other]) => other !== name)
  return Object.fromEntries([
    ...others.filter(([, other]) => hasBegun(other)),
    [name, field],
    ...others.filter(([, other]) => !hasBegun(other)),
  ])
}

const hasBegun = (field: FieldState | undefined) =>
  field !== undefined && (field.text !== '' || field.isClosed)

const same = (lane: Lane) => lane

function newLane(
  {
    predictor,
    module,
    fields,
    types,
    waits_for,
  }: Pick<PredictorDescription, 'predictor' | 'module' | 'fields' | 'types' | 'waits_for'>,
  call: number,
): Lane {
  return {
    predictor,
    call,
    module,
    phase: 'pending',
    attempt: 1,
    message: undefined,
    waits: 0,
    failedAlone: false,
    fields: Object.fromEntries(fields.map((name) => [name, { text: '', isClosed: false }])),
    types,
    waitsFor: waits_for,
    startedAt: undefined,
    firstTokenAt: undefined,
    endedAt: undefined,
    usage: undefined,
  }
}

/**
 * Changes the lane that a frame belongs to. Each further call of a predictor gets a lane of its own, after the last.
 */
function withLane(
  state: RunState,
  { predictor, call = 1 }: { predictor: string; call?: number | undefined },
  at: number,
  change: (lane: Lane) => Lane,
): RunState {
  const lanes = [...state.lanes]
  let index = lanes.findIndex((lane) => lane.predictor === predictor && lane.call === call)
  if (index === -1) {
    const last = lanes.findLastIndex((lane) => lane.predictor === predictor)
    const like = lanes[last]
    const fields = fieldsLike(like)
    const module = like?.module ?? predictor
    index = last === -1 ? lanes.length : last + 1
    lanes.splice(index, 0, {
      ...newLane(
        { predictor, module, fields, types: like?.types ?? {}, waits_for: [...(like?.waitsFor ?? [])] },
        call,
      ),
      startedAt: at,
    })
  }
  lanes[index] = change(lanes[index] as Lane)
  return { ...state, lanes }
}

/**
 * Calls that a reset doesn't keep begin anew. With a message, it is the program that asks again, and what no call has said
 * stays: the module that has failed, what a status said of a lane that is silent. Without one, somebody tells the run anew,
 * to a reader that came in its midst or in place of a process that is gone: then nothing of it stays but what is kept.
 */
function reduceReset(state: RunState, frame: ResetFrame, at: number): RunState {
  if (frame.message !== undefined) return withoutVoid(state, frame, frame.message, at)
  const cleared = state.lanes.map((lane) =>
    isKept(lane, frame) ? lane : { ...anew(lane), phase: 'pending' as const },
  )
  const next = advance({ ...state, ...BEGUN, lanes: cleared }, at)
  const lanes = next.lanes.map((lane, index) => {
    const before = state.lanes[index] as Lane
    const waitsStill = lane.phase === 'waiting' && before.phase === 'waiting'
    return waitsStill ? { ...lane, startedAt: before.startedAt } : lane
  })
  return { ...next, lanes }
}

/** Lanes that were about to read what void calls wrote wait for it again. */
function withoutVoid(state: RunState, frame: ResetFrame, message: string, at: number): RunState {
  const isVoid = (lane: Lane) => hasSaid(lane) && !isKept(lane, frame)
  const cleared = state.lanes.map((lane) =>
    isVoid(lane) ? { ...anew(lane), phase: 'waiting' as const, message, startedAt: at } : lane,
  )
  const wasVoid = new Set(state.lanes.filter(isVoid).map(({ predictor }) => predictor))
  const isGone = (name: string) => wasVoid.has(name) && !isWritten(cleared, name)
  const lanes = cleared.map((lane) =>
    lane.phase === 'waiting' && lane.waitsFor.some(isGone)
      ? { ...lane, phase: 'pending' as const, startedAt: undefined }
      : lane,
  )
  return { ...state, lanes }
}

const isKept = (lane: Lane, { keep }: ResetFrame) =>
  keep.some(({ predictor, call }) => predictor === lane.predictor && call === lane.call)

const hasSaid = (lane: Lane) => lane.firstTokenAt !== undefined || lane.usage !== undefined

/** A lane of which nothing is known yet. The next attempt is counted if it has said something before. */
function anew(lane: Lane): Lane {
  const { predictor, module, types, waitsFor, call, attempt } = lane
  const description = { predictor, module, fields: fieldsLike(lane), types, waits_for: [...waitsFor] }
  return { ...newLane(description, call), attempt: hasSaid(lane) ? attempt + 1 : attempt }
}

/** Without `reasoning`, which a call may or may not have: it is added with its first text. */
const fieldsLike = (lane: Lane | undefined) =>
  Object.keys(lane?.fields ?? {}).filter((name) => name !== 'reasoning')

/** Lanes whose inputs have all come, or never will, now wait for their model. */
function advance(state: RunState, at: number): RunState {
  const mayBegin = (lane: Lane) =>
    lane.phase === 'pending' && lane.waitsFor.every((name) => isWritten(state.lanes, name))
  if (!state.lanes.some(mayBegin)) return state
  const lanes = state.lanes.map((lane) =>
    mayBegin(lane) ? { ...lane, phase: 'waiting' as const, startedAt: at } : lane,
  )
  return { ...state, lanes }
}

/** Whether a predictor has written what others take, or never will. */
const isWritten = (lanes: readonly Lane[], name: string) =>
  lanes.some((lane) => lane.predictor === name && (lane.phase === 'done' || lane.failedAlone))
