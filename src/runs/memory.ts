/** Runs kept in this process alone, for as long as they may be and as far as there is room for them. */
import type { Frame } from '../core/frame.ts'
import type { KeptResult } from './entry.ts'
import type { RunHeader } from './header.ts'
import type { OwnLog, RunStore } from './log.ts'
import { nextEntry } from './next-entry.ts'
import { Tail } from './tail.ts'

export type MemoryStoreOptions = {
  /** Milliseconds that a run is kept after its end. */
  readonly retentionMs: number
  /** Bytes of all runs that are over: the oldest go first. */
  readonly maxSize: number
}

type Kept = { readonly tail: Tail; readonly key: string | undefined }

export class MemoryStore implements RunStore {
  readonly isShared = false
  readonly isAvailable = undefined
  readonly #options: MemoryStoreOptions
  readonly #runs = new Map<string, Kept>()
  /** Those of them that are over, in the order of their ends. */
  readonly #over = new Set<Kept>()
  /** The run that has a key. */
  readonly #ids = new Map<string, string>()
  /** The newest run of each conversation. */
  readonly #newest = new Map<string, string>()
  #size = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: MemoryStoreOptions) {
    this.#options = options
  }

  /** A run ends with its process: nobody is left to go on. */
  serve(): void {}

  async create(
    id: string,
    header: RunHeader,
    key: string | undefined,
  ): Promise<OwnLog | { readonly existing: string }> {
    if (key !== undefined) {
      const existing = this.#ids.get(key)
      if (existing !== undefined) return { existing }
      this.#ids.set(key, id)
    }
    const tail = new Tail(id, header)
    const kept = { tail, key }
    this.#runs.set(id, kept)
    if (header.conversation !== undefined) this.#newest.set(header.conversation, id)
    return {
      tail,
      attempt: 1,
      lost: new AbortController().signal,
      append: (frames: readonly Frame[], results: readonly KeptResult[]) =>
        tail.append(nextEntry(tail, 1, frames, results)),
      end: async (frames: readonly Frame[]) => {
        tail.append(nextEntry(tail, 1, frames, [], Date.now()))
        this.#keep(kept)
      },
      release: async () => tail.cut(),
    }
  }

  async open(id: string) {
    const kept = this.#runs.get(id)
    return kept && { tail: kept.tail, leave: () => {} }
  }

  async newest(conversation: string) {
    return this.#newest.get(conversation)
  }

  /** All that run are this process' own. */
  async cancel(): Promise<void> {}

  async erase(id: string): Promise<void> {
    const kept = this.#runs.get(id)
    if (!kept) return
    const { tail, key } = kept
    const { conversation } = tail.header
    this.#runs.delete(id)
    if (this.#over.delete(kept)) this.#size -= tail.size
    if (key !== undefined) this.#ids.delete(key)
    if (conversation !== undefined && this.#newest.get(conversation) === id) this.#newest.delete(conversation)
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
  }

  #keep(kept: Kept): void {
    const { tail } = kept
    if (!this.#runs.has(tail.id)) return // it has been erased
    tail.compact()
    this.#over.add(kept)
    this.#size += tail.size
    this.#sweep()
  }

  /** Forgets what is too old or too much, and looks again when the next is too old. */
  #sweep(): void {
    clearTimeout(this.#timer)
    const { retentionMs, maxSize } = this.#options
    for (const { tail } of this.#over) {
      const { id, endedAt = 0 } = tail
      const leftMs = endedAt + retentionMs - Date.now()
      if (leftMs > 0 && this.#size <= maxSize) {
        this.#timer = setTimeout(() => this.#sweep(), leftMs).unref()
        return
      }
      this.erase(id)
    }
  }
}
