/**
 * What is kept of a run: batches of frames, as small as they can be without being unreadable. Of 2,000 tokens, the JSON
 * of their frames has 247 kB and this 34.
 */
import type { Frame, TokenFrame } from '../core/frame.ts'
import type { CallName, Result } from '../core/memory.ts'
import type { Position } from './position.ts'

/** A batch of a run's frames. */
export type Entry = {
  /** The position of its last event. */
  readonly at: Position
  /** How many frames it has. */
  readonly frames: number
  /** The frames, {@link packed}. */
  readonly packed: string
  /** How calls ended whose last frames are here. */
  readonly results: readonly KeptResult[]
  /** When the run was over with it, in milliseconds since 1970: then `[DONE]` is the last of its events. */
  readonly endedAt: number | undefined
}

/** How a call ended, for whoever goes on with the run. */
export type KeptResult = CallName &
  Result & {
    /** Of its inputs. */
    readonly hash: string
    /** Values that the log has as the text of the call's lanes. Here they are null. */
    readonly said?: readonly string[]
  }

/** The number of an entry's first event in its attempt. */
export const firstOf = ({ at, frames, endedAt }: Entry): number =>
  at.count - frames - (endedAt === undefined ? 0 : 1) + 1

/** The lanes that a run's program is known to have: the first calls of predictor and field. */
export type Lanes = readonly (readonly [predictor: string, field: string])[]

/** A lane: predictor, field, and the call's number from the second on. */
type Lane = readonly [predictor: string, field: string, call?: number]

/** In line: a lane or its number, then the chunks of that lane as texts; every other frame as it is. */
type Packed = readonly (number | Lane | string | Frame)[]

/** @param lanes those that have a number: their place in here */
export function packed(frames: readonly Frame[], lanes: Lanes = []): string {
  const line: (number | Lane | string | Frame)[] = []
  let lane: TokenFrame | undefined
  for (const frame of frames) {
    if (frame.type !== 'token' || frame.is_last) {
      line.push(frame)
      continue
    }
    const { predictor, field, call, chunk } = frame
    if (lane?.predictor !== predictor || lane.field !== field || lane.call !== call) {
      const number = lanes.findIndex(([one, other]) => one === predictor && other === field)
      if (call !== undefined) line.push([predictor, field, call])
      else line.push(number === -1 ? [predictor, field] : number)
      lane = frame
    }
    line.push(chunk)
  }
  return JSON.stringify(line)
}

/**
 * @param text what {@link packed} gave
 * @param lanes that it was given
 */
export function unpacked(text: string, lanes: Lanes = []): Frame[] {
  const frames: Frame[] = []
  let lane: Lane = ['', '']
  for (const one of JSON.parse(text) as Packed) {
    if (typeof one === 'string') frames.push(tokenOf(lane, one))
    else if (typeof one === 'number') lane = lanes[one] as Lane
    else if (isLane(one)) lane = one
    else frames.push(one)
  }
  return frames
}

const isLane = (one: Lane | Frame): one is Lane => Array.isArray(one)

/** With its keys in the order that a call gives them: the JSON is the same, byte for byte. */
const tokenOf = ([predictor, field, call]: Lane, chunk: string): TokenFrame =>
  call === undefined
    ? { type: 'token', field, predictor, chunk, is_last: false }
    : { type: 'token', field, predictor, call, chunk, is_last: false }
