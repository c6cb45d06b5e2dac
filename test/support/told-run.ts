/** Runs for dialects: frames in any order that a run may have, and what a reader must have of them in the end. */
import fc from 'fast-check'
import type { ErrorFrame, Frame, PredictionFrame, TokenFrame } from '../../src/core/frame.ts'
import type { Dialect, RunInfo } from '../../src/wire/dialect.ts'

export const ANSWER = { predictor: 'compose', field: 'answer' }

export const RUN: RunInfo = {
  id: 'run-1',
  program: 'parallel-composer',
  answer: ANSWER,
  createdAt: 1_790_000_000,
}

/** What a lane says until now, by the frames so far. */
export type ToldLane = {
  readonly predictor: string
  readonly field: string
  readonly call: number | undefined
  text: string
  isOver: boolean
}

export type ToldRun = {
  readonly frames: readonly Frame[]
  readonly end: PredictionFrame | ErrorFrame
  /** Sums of what the usage frames say; undefined where there are none. */
  readonly usage: { readonly input: number; readonly output: number } | undefined
}

/**
 * The lanes with text, in the order in which they began. A failure that a run goes on without ends its lanes, and is a
 * lane with an empty field that says its message.
 */
export function lanesOf(frames: readonly Frame[]): ToldLane[] {
  const lanes: ToldLane[] = []
  for (const frame of frames) {
    if (frame.type === 'token') tell(lanes, frame)
    if (frame.type === 'prediction' || frame.type === 'error') for (const lane of lanes) lane.isOver = true
    if (frame.type !== 'status' || frame.phase !== 'failed') continue
    const { predictor = frame.module, call, message } = frame
    for (const lane of lanes) {
      const isIts = lane.predictor === predictor && (frame.predictor === undefined || lane.call === call)
      lane.isOver ||= isIts || lane.predictor.startsWith(`${predictor}.`)
    }
    if (message !== '') lanes.push({ predictor, field: '', call, text: message, isOver: true })
  }
  return lanes
}

function tell(lanes: ToldLane[], { predictor, field, call, chunk, is_last }: TokenFrame): void {
  const known = lanes.find(
    (lane) => lane.predictor === predictor && lane.field === field && lane.call === call,
  )
  if (known) {
    known.text += chunk
    known.isOver ||= is_last
  } else if (chunk !== '') lanes.push({ predictor, field, call, text: chunk, isOver: is_last })
}

export const isAnswer = ({ predictor, field }: Pick<ToldLane, 'predictor' | 'field'>) =>
  predictor === ANSWER.predictor && field === ANSWER.field

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'ideas.brainstorm': ['brainstorm'],
  'evidence.probe': ['reasoning', 'evidence'],
  // Made of others, and called as one: what is below it fails with it.
  search: ['pages'],
  'search.fetch': ['page'],
  compose: ['reasoning', 'answer'],
}

/** Pieces that end in no half of a character, as the core's do. */
const piece = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.string({
      unit: fc.constantFrom('a', ' ', '"', '\\', '\n', '\u2028', '\u0085', 'é', '😀', '**'),
      maxLength: 6,
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom('\ud83dx', '\ude00', 'data: [DONE]\n\n', '{"error":{}}') },
)

type Call = {
  readonly predictor: string
  readonly pieces: readonly (readonly string[])[]
  readonly isLastEmpty: boolean
  readonly cut: number | undefined
  readonly failure: 'predictor' | 'module'
  readonly hasUsage: boolean
}

const call: fc.Arbitrary<Call> = fc.record({
  predictor: fc.constantFrom(...Object.keys(FIELDS)),
  pieces: fc.array(fc.array(piece, { maxLength: 4 }), { minLength: 2, maxLength: 2 }),
  isLastEmpty: fc.boolean(),
  cut: fc.option(fc.nat(4), { nil: undefined, freq: 5 }),
  failure: fc.constantFrom('predictor', 'module'),
  hasUsage: fc.boolean(),
})

const moduleOf = (predictor: string) => predictor.split('.', 1)[0] as string

/** What one call says. One that is cut fails alone. */
function framesOfCall(
  { predictor, pieces, isLastEmpty, cut, failure, hasUsage }: Call,
  nth: number,
): Frame[] {
  const at = { predictor, ...(nth > 1 && { call: nth }) }
  const module = moduleOf(predictor)
  const tokens = (FIELDS[predictor] as readonly string[]).flatMap((field, index): Frame[] => {
    const chunks = [...(pieces[index] ?? []), ...(isLastEmpty ? [''] : [])]
    if (chunks.length === 0) chunks.push('')
    return chunks.map((chunk, place) => ({
      type: 'token',
      field,
      ...at,
      chunk,
      is_last: place === chunks.length - 1,
    }))
  })
  const start: Frame = { type: 'status', message: `${module} begins`, module, phase: 'start' }
  if (cut !== undefined && cut < tokens.length) {
    const of = failure === 'predictor' ? at : {}
    const failed: Frame = {
      type: 'status',
      message: `No ${module}.`,
      module,
      ...of,
      phase: 'failed',
      code: 'upstream_error',
    }
    return [start, ...tokens.slice(0, cut), failed]
  }
  const usage: Frame = {
    type: 'usage',
    ...at,
    model: 'm',
    input_tokens: 10 + nth,
    output_tokens: 30,
    first_token_ms: 1,
    duration_ms: 2,
  }
  const isTyped = predictor === 'search'
  const value: Frame = { type: 'value', ...at, field: 'pages', path: '/0', value: { title: 'A' } }
  return [
    start,
    ...tokens,
    ...(isTyped ? [value] : []),
    { type: 'status', message: `${module} ready`, module, phase: 'end' },
    ...(hasUsage ? [usage] : []),
  ]
}

/** A run of up to five calls that write at the same time; it fails at any place, or succeeds. */
export const toldRun: fc.Arbitrary<ToldRun> = fc
  .record({
    calls: fc.array(call, { maxLength: 5 }),
    order: fc.array(fc.nat(4), { minLength: 1, maxLength: 40 }),
    failsAt: fc.option(fc.nat(30), { nil: undefined, freq: 3 }),
    truncated: fc.subarray(['compose', 'search']),
  })
  .map(({ calls, order, failsAt, truncated }) => {
    const times = new Map<string, number>()
    const open = calls.map((one) => {
      const nth = (times.get(one.predictor) ?? 0) + 1
      times.set(one.predictor, nth)
      // A module fails when nothing in it is at work any longer.
      const isAlone =
        calls.filter(({ predictor }) => moduleOf(predictor) === moduleOf(one.predictor)).length === 1
      const frames = framesOfCall(isAlone ? one : { ...one, failure: 'predictor' }, nth)
      return { predictor: one.predictor, frames }
    })
    const frames: Frame[] = []
    let turn = 0
    for (;;) {
      const left = open.filter(({ frames }) => frames.length > 0)
      const next = left[(order[turn++ % order.length] as number) % left.length]
      if (!next) break
      const frame = next.frames.shift() as Frame
      frames.push(frame)
      if (frame.type !== 'status' || frame.phase !== 'failed') continue
      for (const other of left) if (other.predictor.startsWith(`${next.predictor}.`)) other.frames.length = 0
    }
    const isCut = failsAt !== undefined && failsAt <= frames.length
    const said = isCut ? frames.slice(0, failsAt) : frames
    const answer = lanesOf(said).findLast(isAnswer)?.text ?? 'An answer that nobody wrote.'
    const end: PredictionFrame | ErrorFrame = isCut
      ? {
          type: 'error',
          code: 'upstream_stalled',
          message: 'The model fell silent.',
          retryable: true,
          request_id: 'run-1',
        }
      : {
          type: 'prediction',
          data: { reasoning: 'So.', answer, pages: [{ title: 'A' }] },
          ...(truncated.length > 0 && { truncated }),
        }
    const used = said.flatMap((one) => (one.type === 'usage' ? [one] : []))
    const sum = (key: 'input_tokens' | 'output_tokens') => used.reduce((total, one) => total + one[key], 0)
    return {
      frames: [...said, end],
      end,
      usage: used.length > 0 ? { input: sum('input_tokens'), output: sum('output_tokens') } : undefined,
    }
  })

/** Some frames in batches of so many. */
export function* batches<T>(items: readonly T[], sizes: readonly number[]): Generator<readonly T[]> {
  let at = 0
  for (let nth = 0; at < items.length; nth++) {
    const size = sizes[nth % sizes.length] ?? 1
    yield items.slice(at, at + size)
    at += size
  }
}

export const batchSizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 })

/** What a dialect gets wrong: in what it writes, or in what it makes of a frame. */
export type Mistake = readonly [onText: (text: string) => string, onFrame?: (frame: Frame) => Frame[]]

/** A dialect that makes a mistake, which a check has to see. */
export const mistaken = (dialect: Dialect, ...[onText, onFrame = (frame) => [frame]]: Mistake): Dialect => ({
  headers: dialect.headers,
  open: (run) => {
    const encoder = dialect.open(run)
    return {
      end: onText(encoder.end),
      keepAlive: encoder.keepAlive,
      encode: (frames) => onText(encoder.encode(frames.flatMap(onFrame))),
    }
  },
})

export const CALLS_MIXED: Mistake = [
  (text) => text,
  (frame) => [frame.type === 'token' ? { ...frame, call: undefined } : frame],
]

export const FAILURES_UNSAID: Mistake = [
  (text) => text,
  (frame) => (frame.type === 'status' && frame.phase === 'failed' ? [] : [frame]),
]
