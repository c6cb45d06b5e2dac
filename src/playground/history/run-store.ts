/**
 * The runs that this browser keeps, in IndexedDB: an entry for each, and its frames in pieces, so that a run that goes
 * on is kept as it comes without being written again from its beginning.
 */
import type { RunRecord, TimedFrame } from '../run-record.ts'

/** The most runs, and the most UTF-16 units of their frames, that are kept. The oldest go first. */
export const MOST_RUNS = 100
const MOST_CHARS = 32_000_000
/** Of one run. A longer one is kept up to here. */
export const MOST_CHARS_OF_RUN = 8_000_000

export type RunEntry = Omit<RunRecord, 'frames'> & {
  readonly title: string
  /** The answer, or what else it wrote: what a search looks in. */
  readonly text: string
  /** How it stands, in a word. */
  readonly standing: string
  /** UTF-16 units of its frames. */
  readonly chars: number
}

type Piece = { readonly id: string; readonly from: number; readonly frames: readonly TimedFrame[] }

const ENTRIES = 'entries'
const PIECES = 'pieces'

export class RunStore {
  readonly #name: string
  #opened: Promise<IDBDatabase> | undefined

  /** @param name two services at one origin, under different paths, have a store each */
  constructor(name: string) {
    this.#name = name
  }

  /** The newest first. */
  async entries(): Promise<RunEntry[]> {
    const all: RunEntry[] = await this.#read((entries) => entries.getAll())
    return all.sort((one, other) => (one.askedAt < other.askedAt ? 1 : -1))
  }

  async record(id: string): Promise<RunRecord | undefined> {
    const entry: RunEntry | undefined = await this.#read((entries) => entries.get(id))
    if (!entry) return undefined
    const pieces: Piece[] = await this.#read((_, pieces) => pieces.getAll(ofRun(id)))
    const { isKept = false, isOthers = false, program, asked, askedAt, end } = entry
    return { id, isKept, isOthers, program, asked, askedAt, end, frames: joined(pieces) }
  }

  /** Keeps an entry, in place of the last of this id, and more frames of its run. */
  save(entry: RunEntry, from: number, frames: readonly TimedFrame[]): Promise<void> {
    return this.#write((entries, pieces) => {
      entries.put(entry)
      const piece: Piece = { id: entry.id, from, frames }
      if (frames.length > 0) pieces.put(piece)
    })
  }

  delete(...ids: readonly string[]): Promise<void> {
    return this.#write((entries, pieces) => {
      for (const id of ids) {
        entries.delete(id)
        pieces.delete(ofRun(id))
      }
    })
  }

  clear(): Promise<void> {
    return this.#write((entries, pieces) => {
      entries.clear()
      pieces.clear()
    })
  }

  /** Deletes the oldest runs that are too much. */
  async prune(): Promise<void> {
    let chars = 0
    const old = (await this.entries()).filter((entry, index) => {
      chars += entry.chars
      return index >= MOST_RUNS || (index > 0 && chars > MOST_CHARS)
    })
    if (old.length > 0) await this.delete(...old.map(({ id }) => id))
  }

  async #read<T>(ask: (entries: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = (await this.#open()).transaction([ENTRIES, PIECES])
    return settled(ask(transaction.objectStore(ENTRIES), transaction.objectStore(PIECES)))
  }

  async #write(change: (entries: IDBObjectStore, pieces: IDBObjectStore) => void): Promise<void> {
    const transaction = (await this.#open()).transaction([ENTRIES, PIECES], 'readwrite')
    change(transaction.objectStore(ENTRIES), transaction.objectStore(PIECES))
    transaction.commit() // a page that goes away is not there to let it commit by itself
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    })
  }

  #open(): Promise<IDBDatabase> {
    this.#opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1)
      request.onupgradeneeded = () => {
        request.result.createObjectStore(ENTRIES, { keyPath: 'id' })
        request.result.createObjectStore(PIECES, { keyPath: ['id', 'from'] })
      }
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    return this.#opened
  }
}

/** Two tabs that keep the same run keep the same frames, in pieces that overlap. What comes after a gap is nothing. */
function joined(pieces: readonly Piece[]): TimedFrame[] {
  const all: TimedFrame[] = []
  for (const { from, frames } of pieces) {
    if (from > all.length) break
    for (const frame of frames.slice(all.length - from)) all.push(frame)
  }
  return all
}

const ofRun = (id: string) => IDBKeyRange.bound([id], [id, []])

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
