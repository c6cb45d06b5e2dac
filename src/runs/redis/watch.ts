/** The logs that are written elsewhere and read here: one blocking read of all of them, on a connection of its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { written } from '../position.ts'
import type { Tail } from '../tail.ts'
import { entryOf, type StreamEntry } from './codec.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { runKey } from './keys.ts'

/** Milliseconds that a read waits for something to come. The connection's own timeout is longer. */
const BLOCK_MS = 5_000
/** Entries of one log in one read. */
const COUNT = 200
/** Milliseconds from one read to the next. Even an empty read costs Redis time for each log: 28 µs for one, 315 for 1,000. */
const PACE_MS = 10
const PACE_PER_LOG_MS = 0.02
/** Milliseconds after which logs that say nothing are looked for: they may have been forgotten. */
const LOOK_MS = 10_000

export type WatchOptions = Pick<ConnectionOptions, 'url'> & {
  /** For commands that don't block. */
  readonly connection: Connection
}

export class Watch {
  readonly #options: WatchOptions
  readonly #tails = new Map<string, Tail>()
  readonly #heardAt = new Map<string, number>()
  #reader: Connection | undefined
  /** What the server calls the reader's connection, once it has been asked. */
  #name: number | undefined
  #isBlocked = false
  #isClosed = false
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** Keeps a log up to date, from where it is. */
  join(tail: Tail): void {
    this.#tails.set(tail.id, tail)
    this.#heardAt.set(tail.id, performance.now())
    this.#reader ??= new Connection({ url: this.#options.url, onUp: () => this.#isUp() })
    this.#loop ??= this.#watch()
    this.#wake?.()
    this.#unblock()
  }

  leave({ id }: Tail): void {
    this.#tails.delete(id)
    this.#heardAt.delete(id)
  }

  close(): void {
    this.#isClosed = true
    this.#reader?.close()
    this.#wake?.()
  }

  /** Ends the read under way, which doesn't know of the newest log. */
  #unblock(): void {
    if (!this.#isBlocked) return
    this.#options.connection.send('CLIENT', 'UNBLOCK', String(this.#name)).catch(() => {})
  }

  #isUp(): void {
    this.#name = undefined
    this.#wake?.()
  }

  async #watch(): Promise<void> {
    while (!this.#isClosed) {
      const began = performance.now()
      if (this.#tails.size === 0 || !this.#reader?.isUp) {
        await new Promise<void>((wake) => {
          this.#wake = wake
        })
        continue
      }
      try {
        await this.#read(this.#reader)
        await this.#look()
      } catch {
        await sleep(100) // until the connection is back
      }
      const pace = Math.max(PACE_MS, PACE_PER_LOG_MS * this.#tails.size)
      const left = pace - (performance.now() - began)
      if (left > 0) await sleep(left)
    }
  }

  async #read(reader: Connection): Promise<void> {
    this.#name ??= await reader.send<number>('CLIENT', 'ID')
    const tails = [...this.#tails.values()]
    this.#isBlocked = true
    const reply = await reader
      .send<[key: string, entries: StreamEntry[]][] | null>(
        ...['XREAD', 'COUNT', String(COUNT), 'BLOCK', String(BLOCK_MS), 'STREAMS'],
        ...tails.map(({ id }) => runKey(id)),
        ...tails.map(({ position }) => written(position)),
      )
      .finally(() => {
        this.#isBlocked = false
      })
    const byKey = new Map(tails.map((tail) => [runKey(tail.id), tail]))
    for (const [key, entries] of reply ?? []) {
      const tail = byKey.get(key)
      if (!tail || this.#tails.get(tail.id) !== tail) continue
      this.#heardAt.set(tail.id, performance.now())
      take(tail, entries)
      if (tail.endedAt !== undefined) this.leave(tail)
    }
  }

  /** Cuts off the readers of logs that aren't there any more. */
  async #look(): Promise<void> {
    const now = performance.now()
    const silent = [...this.#tails.values()].filter(
      ({ id }) => now - (this.#heardAt.get(id) ?? now) > LOOK_MS,
    )
    for (const tail of silent) {
      this.#heardAt.set(tail.id, now)
      const isThere = await this.#options.connection.send<number>('EXISTS', runKey(tail.id))
      if (isThere === 1) continue
      this.leave(tail)
      tail.cut()
    }
  }
}

/** Adds entries of a stream to the log that they are of. */
export function take(tail: Tail, entries: readonly StreamEntry[]): void {
  for (const one of entries) {
    const entry = entryOf(one, tail.position, tail.header.lanes)
    if (entry) tail.append(entry)
  }
}
