/** A reader's place in a run's log. */
import type { Frame } from '../core/frame.ts'
import { type Entry, firstOf, type Lanes, unpacked } from './entry.ts'
import { type Position, START } from './position.ts'
import type { Tail } from './tail.ts'

/** An entry, and how many of its frames its reader has. */
export type Taken = { readonly entry: Entry; readonly skip: number; readonly lanes: Lanes | undefined }

export class Cursor {
  readonly #tail: Tail
  /** What the reader has. */
  #at: Position
  /** Where its next entry was, as long as nobody has put the log's entries together. */
  #index: number

  /** @param after what the reader has already; it may be ahead of the log */
  constructor(tail: Tail, after: Position = START) {
    this.#tail = tail
    this.#at = after
    this.#index = tail.indexAfter(after)
  }

  /** Whether there is anything to take. */
  get hasMore(): boolean {
    return this.#next() < this.#tail.entries.length
  }

  /** @returns the next entry; undefined where nothing has come */
  take(): Taken | undefined {
    this.#index = this.#next()
    const entry = this.#tail.entries[this.#index]
    if (!entry) return undefined
    const { attempt, count } = this.#at
    this.#index++
    this.#at = entry.at
    const skip = entry.at.attempt === attempt ? Math.max(0, count - firstOf(entry) + 1) : 0
    return { entry, skip, lanes: this.#tail.header.lanes }
  }

  #next(): number {
    const isKnown = this.#tail.entries[this.#index - 1]?.at === this.#at
    return isKnown ? this.#index : this.#tail.indexAfter(this.#at)
  }
}

/** The frames of an entry that a reader hasn't. */
export const framesAfter = ({ entry, skip, lanes }: Taken): Frame[] =>
  unpacked(entry.packed, lanes).slice(skip)
