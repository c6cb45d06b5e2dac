/**
 * Where a reader of a run is. Each owner of a run begins an attempt of its own and counts its events from 1, so a
 * position is `<attempt>-<number of the last event>`. Clients take it for opaque; Redis takes it as an entry's id.
 */

export type Position = {
  readonly attempt: number
  /** Events of the attempt up to here. */
  readonly count: number
}

/** Before everything. */
export const START: Position = { attempt: 0, count: 0 }

export const written = ({ attempt, count }: Position): string => `${attempt}-${count}`

/** Digits that are always a whole number in JavaScript. */
const FORM = /^(\d{1,15})-(\d{1,15})$/

/** @returns undefined for a text that is no position */
export function positionOf(text: string): Position | undefined {
  const [, attempt, count] = FORM.exec(text) ?? []
  return attempt === undefined ? undefined : { attempt: Number(attempt), count: Number(count) }
}

/** Whether a position comes after another. */
export const isAfter = (one: Position, other: Position): boolean =>
  one.attempt > other.attempt || (one.attempt === other.attempt && one.count > other.count)
