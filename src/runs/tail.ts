/**
 * A run's log in this process: whoever owns the run writes it, and any number of readers read it, each at a pace of its
 * own. There is no queue for each of them, only a place in the one list.
 */
import type { Frame } from '../core/frame.ts'
import { type Entry, type Lanes, packed, unpacked } from './entry.ts'
import type { RunHeader } from './header.ts'
import { isAfter, type Position } from './position.ts'

/** Bytes that entries may have together. Readers get them as a whole, in several times as many bytes. */
const COMPACT = 4 * 1024

export class Tail {
  readonly id: string
  readonly header: RunHeader
  #entries: Entry[] = []
  readonly #waiting = new Set<() => void>()
  #position: Position = { attempt: 1, count: 0 }
  #size = 0
  #isCut = false

  constructor(id: string, header: RunHeader) {
    this.id = id
    this.header = header
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** Of its last event. */
  get position(): Position {
    return this.#position
  }

  /** Bytes of its frames, packed. */
  get size(): number {
    return this.#size
  }

  /** When the run was over, in milliseconds since 1970; undefined while it isn't. */
  get endedAt(): number | undefined {
    return this.#entries.at(-1)?.endedAt
  }

  /** Whether nothing more comes here, although the run may go on elsewhere. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** What it ended with. */
  get end(): Frame | undefined {
    const last = this.#entries.at(-1)
    return last?.endedAt === undefined ? undefined : unpacked(last.packed, this.header.lanes).at(-1)
  }

  /** Everything so far. */
  frames(): Frame[] {
    return this.#entries.flatMap(({ packed }) => unpacked(packed, this.header.lanes))
  }

  /** Takes what comes next; what is here already is passed over. */
  append(entry: Entry): void {
    if (!isAfter(entry.at, this.#position)) return
    this.#position = entry.at
    if (entry.frames === 0 && entry.endedAt === undefined) return // a new owner, of whom nothing has been heard
    this.#entries.push(entry)
    this.#size += Buffer.byteLength(entry.packed)
    this.#wake()
  }

  /**
   * Puts entries together, where nobody needs to know how the calls ended: one of a single token takes five times as much
   * memory as its share of a large one.
   */
  compact(): void {
    const last = this.#entries.at(-1)
    if (!last) return
    const compacted: Entry[] = []
    let together: Entry[] = []
    let size = 0
    const put = () => {
      const [first] = together
      if (first) compacted.push(together.length === 1 ? first : merged(together, this.header.lanes))
      together = []
      size = 0
    }
    for (const entry of this.#entries) {
      if (entry === last || size > COMPACT || entry.at.attempt !== together[0]?.at.attempt) put()
      together.push(entry)
      size += entry.packed.length
    }
    put()
    this.#entries = compacted
    this.#size = compacted.reduce((sum, entry) => sum + Buffer.byteLength(entry.packed), 0)
  }

  /** Readers are to look elsewhere. */
  cut(): void {
    this.#isCut = true
    this.#wake()
  }

  /**
   * Calls back once, when there is more or nothing more comes.
   *
   * @returns takes the callback back
   */
  whenMore(callback: () => void): () => void {
    this.#waiting.add(callback)
    return () => this.#waiting.delete(callback)
  }

  /** The index of the first entry that has something after a position. */
  indexAfter(position: Position): number {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isAfter((this.#entries[middle] as Entry).at, position)) high = middle
      else low = middle + 1
    }
    return low
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

/** @param entries of one owner, in order */
function merged(entries: readonly Entry[], lanes: Lanes | undefined): Entry {
  const frames = entries.flatMap((entry) => unpacked(entry.packed, lanes))
  const { at } = entries.at(-1) as Entry
  return { at, frames: frames.length, packed: packed(frames, lanes), results: [], endedAt: undefined }
}
