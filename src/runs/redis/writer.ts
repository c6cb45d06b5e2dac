/**
 * The owner's end of a run's log, of which Redis has a replica. Readers in this process have everything at once; Redis
 * gets what has come together in a few milliseconds, one write at a time. While Redis is away, what it lacks waits in
 * the log, and is written when it is back.
 */
import { RunError } from '../../core/errors.ts'
import type { Frame } from '../../core/frame.ts'
import type { Entry, KeptResult } from '../entry.ts'
import type { OwnLog } from '../log.ts'
import { nextEntry } from '../next-entry.ts'
import { isAfter, type Position, positionOf } from '../position.ts'
import type { Tail } from '../tail.ts'
import { appendCommand, isEnd, isTaken, lastCommand, type StreamEntry } from './codec.ts'
import type { Connection } from './connection.ts'

/** Milliseconds in which what comes is written together. */
const LINGER_MS = 20
/**
 * Milliseconds between the moments at which writes leave. Each log has one of these moments in every {@link LINGER_MS},
 * so that what many logs have to write leaves in a few packets, and not all of it at once.
 */
const BEAT_MS = 5
/** Milliseconds that the end is kept from readers until Redis has it: whoever sees an end is to see the only one. */
const END_MS = 1_000

export type WriterOptions = {
  readonly connection: Connection
  readonly attempt: number
  /** Called once Redis has the end. */
  readonly onEnd: () => Promise<void>
  /** Called once the log isn't this process' any longer. */
  readonly onLost: () => void
  /** Lets another process go on with the run. */
  readonly onRelease: () => Promise<void>
  /** Called when Redis doesn't know the run. Resolves with whether it has been written anew. */
  readonly onMissing: () => Promise<boolean>
}

export class Writer implements OwnLog {
  readonly tail: Tail
  readonly attempt: number
  readonly #options: WriterOptions
  readonly #lost = new AbortController()
  readonly #beat = BEAT_MS * Math.floor((Math.random() * LINGER_MS) / BEAT_MS)
  /** Entries of the log that Redis has. */
  #written = 0
  /** The last entry, which readers get once Redis has it. */
  #ending: Entry | undefined
  #showEnd: (() => void) | undefined
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined
  /** The work under way. Settles when Redis has everything, or can't be reached. */
  #writing: Promise<void> | undefined
  /** Whether Redis may have less than it said, or more: after a refusal, a silence, another server. */
  #isUnsure = false

  constructor(tail: Tail, options: WriterOptions) {
    this.tail = tail
    this.attempt = options.attempt
    this.#options = options
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  append(frames: readonly Frame[], results: readonly KeptResult[]): void {
    this.tail.append(nextEntry(this.tail, this.attempt, frames, results))
    // What calls gave is worth money: it is written at once.
    if (results.length > 0) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), this.#untilBeat())
  }

  async end(frames: readonly Frame[]): Promise<void> {
    const entry = nextEntry(this.tail, this.attempt, frames, [], Date.now())
    const { promise: isOver, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => this.#showEnd?.(), END_MS)
    this.#ending = entry
    this.#showEnd = () => {
      this.#showEnd = undefined
      clearTimeout(timer)
      this.#ending = undefined
      this.tail.append(entry)
      resolve()
    }
    this.lost.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
    this.flush()
    await isOver
  }

  async release(): Promise<void> {
    await this.flush()
    if (this.lost.aborted || this.#hasEnd) return // it is over, or will be
    this.lose(new RunError('shutting_down'))
    await this.#options.onRelease()
  }

  /** Milliseconds until this log is written. */
  #untilBeat(): number {
    return LINGER_MS - ((performance.now() + this.#beat) % LINGER_MS)
  }

  /** The log is somebody else's: nothing more is written. */
  lose(reason: RunError): void {
    if (this.lost.aborted || this.#hasEnded) return
    clearTimeout(this.#timer)
    this.#lost.abort(reason)
    this.#options.onLost()
  }

  /** Redis may have lost what it had, or be another one. */
  doubt(): void {
    this.#isUnsure = true
    this.flush()
  }

  /** Writes what Redis lacks. Settles when that is done, or when Redis can't be reached. Never rejects. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  /**
   * Redis had the end, and may have lost it: then it gets it again. Whoever saw it is to have seen the only one.
   *
   * @throws LogUnavailable; Refused where somebody has written what isn't older
   */
  async confirm(): Promise<void> {
    const { connection, onEnd, onMissing } = this.#options
    const { id, entries } = this.tail
    const [top] = await connection.send<StreamEntry[]>(...lastCommand(id))
    const at = top && positionOf(top[0])
    if (at && at.attempt !== this.attempt) return // somebody has gone on with it, or has had it forgotten
    const lacking = at ? entries.slice(this.tail.indexAfter(at)) : []
    if (at ? lacking.length === 0 : !(await onMissing())) return
    if (lacking.length > 0) await connection.send(...appendCommand(id, lacking))
    await onEnd()
  }

  /** Writes the whole log, which Redis has lost. */
  commands(): (readonly string[])[] {
    const ending = this.#ending ? [this.#ending] : []
    return [...this.tail.entries, ...ending].map((entry) => appendCommand(this.tail.id, [entry]))
  }

  get #hasEnd(): boolean {
    return this.#ending !== undefined || this.tail.endedAt !== undefined
  }

  /** The next entries that Redis lacks, of one owner. */
  #next(): readonly Entry[] {
    const rest = this.tail.entries.slice(this.#written)
    if (this.#ending) rest.push(this.#ending)
    const other = rest.findIndex(({ at }) => at.attempt !== rest[0]?.at.attempt)
    return other === -1 ? rest : rest.slice(0, other)
  }

  async #write(): Promise<void> {
    while (!this.lost.aborted && !this.#hasEnded) {
      try {
        if (this.#isUnsure) await this.#agree()
        const batch = this.#next()
        if (batch.length === 0 || this.#timer) return // what has come meanwhile has its moment
        await this.#append(batch)
      } catch (error) {
        this.#isUnsure = true
        // Somebody has written what isn't older: us, without hearing of it, or another owner.
        if (!isTaken(error)) return // until the next try
      }
    }
  }

  async #append(batch: readonly Entry[]): Promise<void> {
    const reply = await this.#options.connection.send<string | null>(...appendCommand(this.tail.id, batch))
    if (reply === null) return this.#isMissing()
    await this.#hasUpTo((batch.at(-1) as Entry).at)
  }

  /** Finds out what Redis has. */
  async #agree(): Promise<void> {
    const [top] = await this.#options.connection.send<StreamEntry[]>(...lastCommand(this.tail.id))
    const at = top && positionOf(top[0])
    if (!at) return this.#isMissing()
    if (at.attempt > this.attempt) return this.lose(new RunError(isEnd(top) ? 'cancelled' : 'run_lost'))
    this.#isUnsure = false
    await this.#hasUpTo(at)
  }

  async #hasUpTo(at: Position): Promise<void> {
    this.#written = this.tail.indexAfter(at)
    const hasAll = this.#ending ? !isAfter(this.#ending.at, at) : this.#written === this.tail.entries.length
    if (hasAll && this.#hasEnd) await this.#isOver()
  }

  async #isMissing(): Promise<void> {
    if (!(await this.#options.onMissing())) return this.lose(new RunError('cancelled'))
    this.#isUnsure = true // another owner may have written it first
  }

  /** Redis has the end. */
  async #isOver(): Promise<void> {
    this.#hasEnded = true
    this.#showEnd?.()
    await this.#options.onEnd()
  }
}
