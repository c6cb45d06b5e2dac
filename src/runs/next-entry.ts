/** What an owner adds to its run's log. */
import type { Frame } from '../core/frame.ts'
import { type Entry, type KeptResult, packed } from './entry.ts'
import type { Tail } from './tail.ts'

/**
 * @param attempt of the owner
 * @param frames one at least
 * @param endedAt of the last entry alone: milliseconds since 1970
 */
export function nextEntry(
  tail: Tail,
  attempt: number,
  frames: readonly Frame[],
  results: readonly KeptResult[],
  endedAt?: number,
): Entry {
  const { position } = tail
  const before = position.attempt === attempt ? position.count : 0
  const count = before + frames.length + (endedAt === undefined ? 0 : 1)
  return {
    at: { attempt, count },
    frames: frames.length,
    packed: packed(frames, tail.header.lanes),
    results,
    endedAt,
  }
}
