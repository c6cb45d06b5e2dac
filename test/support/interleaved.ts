/** Random runs as the core would tell them, for the dialects' encoders: and what a reader has to make of one. */
import fc from 'fast-check'
import type { Frame, StatusFrame, TokenFrame } from '../../src/core/frame.ts'
import type { Encoder } from '../../src/wire/dialect.ts'

export const ANSWER = { predictor: 'compose', field: 'answer' }

/** Whole characters, as the core cuts them, and what breaks naive encoders. */
const chunk = fc.string({
  unit: fc.constantFrom(
    'a',
    'é',
    '😀',
    '"',
    '\\',
    '\n',
    '\r',
    '\u2028',
    '\u0085',
    '\0',
    'data: [DONE]',
    '"}\n\n',
    '"delta":""',
  ),
  maxLength: 4,
})

/** `act` is made of others, and called as one: what is below it fails with it. */
const PREDICTORS = ['ideas.brainstorm', 'evidence.probe', 'act', 'act.search', 'compose'] as const

/** One call: its fields, of which the last may be cut where the call fails alone. */
const call = fc.record({
  predictor: fc.constantFrom(...PREDICTORS),
  fields: fc.array(fc.array(chunk, { maxLength: 3 }), { minLength: 1, maxLength: 2 }),
  hasUsage: fc.boolean(),
  failsAfter: fc.option(fc.record({ frames: fc.nat(4), isModule: fc.boolean() }), {
    nil: undefined,
    freq: 4,
  }),
})

type Call = typeof call extends fc.Arbitrary<infer One> ? One : never

/** Calls at the same time, and what picks whose frame comes next. */
const phase = fc.record({
  calls: fc.array(call, { maxLength: 4 }),
  picks: fc.array(fc.nat(99), { maxLength: 12 }),
})

const end = fc.oneof(
  { weight: 3, arbitrary: fc.record({ isCut: fc.boolean(), error: fc.constant(undefined) }) },
  fc.record({
    isCut: fc.constant(false),
    error: fc.record({ at: fc.nat(40), predictor: fc.constantFrom(undefined, ...PREDICTORS) }),
  }),
)

/** A run's frames, from its first to its prediction or error. */
export const interleaved: fc.Arbitrary<Frame[]> = fc
  .record({ phases: fc.array(phase, { minLength: 1, maxLength: 3 }), end })
  .map(({ phases, end: { isCut, error } }) => {
    const counts = new Map<string, number>()
    const frames = phases.flatMap(({ calls, picks }) => told(calls, picks, counts))
    if (error) {
      const { at, predictor } = error
      const base = { type: 'error', code: 'upstream_error', message: 'It is "broken".' } as const
      const rest = { retryable: true, request_id: 'r-1', ...(predictor && { predictor }) }
      return [...frames.slice(0, at), { ...base, ...rest }]
    }
    const degraded = frames.flatMap((one) =>
      one.type === 'status' && one.phase === 'failed' ? [one.predictor ?? one.module] : [],
    )
    const data = { reasoning: 'r', answer: 'whole "answer"', lines: ['a', { b: null }], count: 3 }
    return [
      ...frames,
      {
        type: 'prediction',
        data,
        ...(isCut && { truncated: ['compose'] }),
        ...(degraded.length > 0 && { degraded: [...new Set(degraded)] }),
      },
    ]
  })

/** What is told only to those who ask for it, and to those who can take text back, and where. */
const aside = fc.record({
  at: fc.nat(40),
  kind: fc.constantFrom('value', 'reset', 'retelling'),
  value: fc.jsonValue(),
  /** A bit for each call so far. */
  keep: fc.nat(255),
})

/** The same runs as native readers get them: with values, and calls that begin anew. */
export const retold: fc.Arbitrary<Frame[]> = fc
  .record({ frames: interleaved, asides: fc.array(aside, { maxLength: 4 }) })
  .map(({ frames: [...frames], asides }) => {
    for (const { at, kind, value, keep } of asides) {
      const place = at % frames.length
      const calls = callsIn(frames.slice(0, place)).filter((_, nth) => keep & (1 << nth))
      const of = { predictor: 'evidence.probe', field: 'lines', path: '/0' }
      frames.splice(
        place,
        0,
        kind === 'value'
          ? { type: 'value', ...of, value }
          : { type: 'reset', keep: calls, ...(kind === 'reset' && { message: 'Not that.' }) },
      )
    }
    return frames
  })

/** The calls that have said something. */
function callsIn(frames: readonly Frame[]): { predictor: string; call: number }[] {
  const names = frames.flatMap((one) => (one.type === 'token' ? [`${one.predictor} ${one.call ?? 1}`] : []))
  return [...new Set(names)].map((name) => {
    const [predictor = '', call] = name.split(' ')
    return { predictor, call: Number(call) }
  })
}

const FIELDS = {
  'ideas.brainstorm': 'brainstorm',
  'evidence.probe': 'lines',
  act: 'next_thought',
  'act.search': 'pages',
  compose: 'answer',
} as const

/** The frames of calls at the same time, with their modules' statuses around them. */
function told(calls: readonly Call[], picks: readonly number[], counts: Map<string, number>): Frame[] {
  const frames: Frame[] = []
  const failed = new Set<string>()
  const wholes = new Set<string>()
  const lines = calls.map(({ predictor, fields, hasUsage, failsAfter }) => {
    const nth = (counts.get(predictor) ?? 0) + 1
    counts.set(predictor, nth)
    const origin = { predictor, ...(nth > 1 && { call: nth }) }
    const line: Frame[] = fields.flatMap((chunks, index) => {
      const field = index === fields.length - 1 ? FIELDS[predictor] : 'reasoning'
      const all = chunks.length > 0 ? chunks : ['']
      return all.map(
        (chunk, at): Frame => ({ type: 'token', field, ...origin, chunk, is_last: at === all.length - 1 }),
      )
    })
    if (predictor === 'evidence.probe') {
      line.push({ type: 'value', ...origin, field: 'lines', path: '', value: ['a', { b: null }] })
    }
    if (hasUsage) {
      const tokens = { input_tokens: 3, output_tokens: nth, first_token_ms: 1, duration_ms: 2 }
      line.push({ type: 'usage', ...origin, model: 'm', ...tokens })
    }
    return { predictor, origin, line: failsAfter ? line.slice(0, failsAfter.frames) : line, failsAfter }
  })
  const modules = [...new Set(lines.map(({ predictor }) => moduleOf(predictor)))]
  const speaking = modules.filter((module) => module !== 'compose')
  for (const module of speaking) frames.push(status(module, 'start'))
  let at = 0
  for (;;) {
    const left = lines.filter(({ line, predictor }) => line.length > 0 && !hasFailed(predictor))
    const one = left[(picks[at++] ?? 0) % Math.max(1, left.length)]
    if (!one) break
    frames.push(one.line.shift() as Frame)
    if (one.line.length === 0 && one.failsAfter) fail(one)
  }
  for (const one of lines) if (one.failsAfter?.frames === 0) fail(one)
  for (const module of speaking) if (!failed.has(module)) frames.push(status(module, 'end'))
  return frames

  /** With its module, or with a part that it is a part of. */
  function hasFailed(predictor: string): boolean {
    return failed.has(moduleOf(predictor)) || [...wholes].some((whole) => predictor.startsWith(`${whole}.`))
  }

  function fail({ predictor, origin, failsAfter }: (typeof lines)[number]): void {
    const module = moduleOf(predictor)
    if (hasFailed(predictor)) return
    const isModule = failsAfter?.isModule && module !== 'act' // which is a part, and in no module
    if (isModule) failed.add(module)
    else wholes.add(predictor)
    const rest = { message: 'It went on without.', code: 'upstream_auth' }
    frames.push({ type: 'status', module, ...(isModule ? {} : origin), phase: 'failed', ...rest })
  }
}

const status = (module: string, phase: 'start' | 'end'): StatusFrame => ({
  type: 'status',
  message: `${module} ${phase}s`,
  module,
  phase,
})

const moduleOf = (predictor: string) => predictor.split('.', 1)[0] as string

/** Whether a status is about a lane: by the steps of their names, and the call where it is about that. */
export function isAbout({ module, predictor, call = 1 }: StatusFrame, lane: Partial<TokenFrame>): boolean {
  const part = (predictor ?? module).split('.')
  const steps = (lane.predictor ?? '').split('.')
  const isBelow = steps.length > part.length
  return (
    part.every((step, index) => steps[index] === step) &&
    (isBelow || predictor === undefined || (lane.call ?? 1) === call)
  )
}

/** The text of each lane that has a frame, in the order in which they began. */
export function lanesOf(frames: readonly Frame[]): Map<string, { of: TokenFrame; text: string }> {
  const lanes = new Map<string, { of: TokenFrame; text: string }>()
  for (const frame of frames) {
    if (frame.type !== 'token') continue
    const key = `${frame.predictor}.${frame.field}.${frame.call ?? 1}`
    lanes.set(key, { of: frame, text: (lanes.get(key)?.text ?? '') + frame.chunk })
  }
  return lanes
}

/** Encodes frames in batches of so many, with a heartbeat between them. */
export function encoded(encoder: Encoder, frames: readonly Frame[], size: number): string {
  let text = encoder.keepAlive
  for (let at = 0; at < frames.length; at += size) {
    text += encoder.encode(frames.slice(at, at + size)) + encoder.keepAlive
  }
  return text + encoder.end
}

/** The data of each event, which has one line and nothing else. */
export function dataOf(text: string): string[] {
  const events = text.split('\n\n')
  if (events.pop() !== '') throw new Error('an event has no end')
  return events.flatMap((event) => {
    if (event === ': keep-alive') return []
    if (!/^data: [^\r\n\u0085\u2028\u2029]+$/.test(event))
      throw new Error(`no event: ${JSON.stringify(event)}`)
    return [event.slice('data: '.length)]
  })
}
