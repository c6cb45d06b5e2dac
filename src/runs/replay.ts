/** What a run's log says, for whoever comes late: the frames in short, and the calls that need not be made again. */
import type { Frame, ResetFrame, TokenFrame } from '../core/frame.ts'
import { type CallName, callKey } from '../core/memory.ts'
import { type KeptResult, unpacked } from './entry.ts'
import { wholeResult } from './said-values.ts'
import type { Tail } from './tail.ts'

/**
 * The frames in short: a token frame for each field, and nothing that is void.
 *
 * @param place where the token frame of a field stands: where its last chunk did, or its first
 * @returns frames that leave a reader with the same text, values, usage and end as all of them would
 */
export function snapshot(frames: readonly Frame[], place: 'last' | 'first' = 'last'): Frame[] {
  let short = new Set<Frame>()
  /** For each field, the frame that it has in there, its last one, and its chunks. */
  let fields = new Map<string, { standing: TokenFrame; last: TokenFrame; chunks: string[] }>()
  for (const frame of frames) {
    if (frame.type === 'reset') {
      const isKept = keptBy(frame)
      short = new Set([...short].filter(isKept))
      fields = new Map([...fields].filter(([, { last }]) => isKept(last)))
    } else if (frame.type === 'token') {
      const key = JSON.stringify([frame.predictor, frame.call, frame.field])
      const { standing: before, chunks = [] } = fields.get(key) ?? {}
      const standing = before && place === 'first' ? before : frame
      if (before && before !== standing) short.delete(before)
      chunks.push(frame.chunk)
      short.add(standing)
      fields.set(key, { standing, last: frame, chunks })
    } else {
      short.add(frame)
    }
  }
  const whole = new Map<Frame, Frame>(
    [...fields.values()].map(({ standing, last, chunks }) => [standing, { ...last, chunk: chunks.join('') }]),
  )
  return [...short].map((frame) => whole.get(frame) ?? frame)
}

/**
 * What stays: what was said of the calls that a reset keeps. With a message, the program asks a call again, and statuses
 * stay too. Without one, the run is told anew: then only those stay that aren't of what is told again, and no failure does,
 * since what has failed is tried again.
 */
function keptBy({ keep, message }: ResetFrame): (frame: Frame) => boolean {
  const calls = new Set(keep.map(({ predictor, call }) => callKey(predictor, call)))
  const modules = new Set(keep.map(({ predictor }) => moduleOf(predictor)))
  return (frame) => {
    switch (frame.type) {
      case 'status':
        if (message !== undefined) return true
        if (frame.predictor !== undefined) return calls.has(callKey(frame.predictor, frame.call))
        return modules.has(frame.module) && frame.phase !== 'failed'
      case 'token':
      case 'value':
      case 'usage':
        return calls.has(callKey(frame.predictor, frame.call))
      default:
        return true
    }
  }
}

/** What need not be done again by whoever goes on with a run. */
export type Replay = {
  /** How the calls ended that are over, and of which nothing is void. */
  readonly results: readonly KeptResult[]
  /** Those of them that have said something: readers keep it. */
  readonly kept: readonly CallName[]
}

export function replayOf(tail: Tail): Replay {
  const said = new Map<string, Map<string, string>>()
  for (const frame of snapshot(tail.frames())) {
    if (frame.type !== 'token' && frame.type !== 'value') continue
    const key = callKey(frame.predictor, frame.call)
    const texts = said.get(key) ?? new Map<string, string>()
    if (frame.type === 'token') texts.set(frame.field, frame.chunk)
    said.set(key, texts)
  }
  const results = resultsIn(tail).flatMap(
    (result) => wholeResult(result, said.get(callKey(result.predictor, result.call))) ?? [],
  )
  const kept = results
    .filter(({ predictor, call }) => said.has(callKey(predictor, call)))
    .map(({ predictor, call }) => ({ predictor, call }))
  return { results, kept }
}

function resultsIn({ entries, header }: Tail): KeptResult[] {
  const results = new Map<string, KeptResult>()
  for (const entry of entries) {
    // Only where a reset can be: these are thousands.
    const resets = entry.packed.includes('"reset"')
      ? unpacked(entry.packed, header.lanes).filter((frame) => frame.type === 'reset')
      : []
    for (const { keep } of resets) {
      const kept = new Set(keep.map(({ predictor, call }) => callKey(predictor, call)))
      for (const key of results.keys()) if (!kept.has(key)) results.delete(key)
    }
    for (const one of entry.results) results.set(callKey(one.predictor, one.call), one)
  }
  return [...results.values()]
}

/** A lane's name begins with its module's. */
const moduleOf = (predictor: string) => predictor.split('.', 1)[0] as string
