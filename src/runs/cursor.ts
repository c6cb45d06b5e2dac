/** A reader's place in a run's log. */
import type { Frame } from '../core/frame.ts'
import { type Entry, firstOf, unpacked } from './entry.ts'
import { type Position, START } from './position.ts'
import type { Tail } from './tail.ts'

export class Cursor {
  readonly #tail: Tail
  readonly #after: Position
  #index: number

  /** @param after what the reader has already; it may be ahead of the log */
  constructor(tail: Tail, after: Position = START) {
    this.#tail = tail
    this.#after = after
    this.#index = tail.indexAfter(after)
  }

  /** Whether there is anything to take. */
  get hasMore(): boolean {
    return this.#index < this.#tail.entries.length
  }

  /** @returns the next entry, and how many of its frames the reader has; undefined where nothing has come */
  take(): { readonly entry: Entry; readonly skip: number } | undefined {
    // The log may have been behind the reader, and have come up to where it is only now.
    const { entries } = this.#tail
    if (this.#index < entries.length) {
      this.#index = Math.max(this.#index, this.#tail.indexAfter(this.#after))
    }
    const entry = entries[this.#index]
    if (!entry) return undefined
    this.#index++
    const isInside = entry.at.attempt === this.#after.attempt
    return { entry, skip: isInside ? Math.max(0, this.#after.count - firstOf(entry) + 1) : 0 }
  }
}

/** The frames of an entry that a reader hasn't. */
export const framesAfter = ({ entry, skip }: { readonly entry: Entry; readonly skip: number }): Frame[] =>
  unpacked(entry.packed).slice(skip)
