/**
 * Runs that any process can read, and that another goes on with when their own dies. Redis has a replica of each log,
 * which its owner writes; there is no lock, no script and no message: a claim is an entry of the log, after which the
 * server accepts nothing of an earlier owner.
 */
import { randomBytes } from 'node:crypto'
import type { Frame } from '../../core/frame.ts'
import type { RunHeader } from '../header.ts'
import { type Adopter, LogUnavailable, type Opened, type OwnLog, type RunStore } from '../log.ts'
import { Tail } from '../tail.ts'
import { isErased, type Opening, openingCommand, openingOf, type StreamEntry } from './codec.ts'
import { Connection, Refused, WrongServer } from './connection.ts'
import { Ends } from './ends.ts'
import { EPOCH, erasedKey, idempotencyKey, newestKey, runKey } from './keys.ts'
import { type Lease, Leases } from './leases.ts'
import { take, Watch } from './watch.ts'
import { Writer } from './writer.ts'

/** Milliseconds that a log is held after its end: a replica that takes the server's place may not have got that far. */
const SETTLED_MS = 5_000
/** Milliseconds that the mark is kept by which an emptied server is known. */
const EPOCH_MS = 7 * 24 * 3_600_000

export type RedisStoreOptions = {
  readonly url: string
  /** Milliseconds that a run is kept after its end. */
  readonly retentionMs: number
  /** Milliseconds that an owner may be silent. */
  readonly leaseMs: number
  /** Milliseconds that a run may take. */
  readonly timeoutMs: number
  /** The version of each program that can run here, by its name. */
  readonly fingerprints: ReadonlyMap<string, string>
  /** Gets a line when Redis goes, and when it comes back. */
  readonly log: (message: string) => void
}

/** A log in this process. */
type Held = {
  readonly tail: Tail
  /** Of a run that this process owns. */
  own: Own | undefined
  readers: number
}

type Own = {
  readonly writer: Writer
  opening: Opening
  /** The mark of the server that has the run: one that has been emptied has another. */
  epoch: string
  /** When it was last known that nobody else could have ended it, in milliseconds since 1970. */
  heldAt: number
}

export class RedisStore implements RunStore {
  readonly isShared = true
  readonly #options: RedisStoreOptions
  readonly #me = randomBytes(12).toString('base64url')
  readonly #connection: Connection
  readonly #watch: Watch
  readonly #leases: Leases
  readonly #ends: Ends
  readonly #held = new Map<string, Held>()
  /** Those that this process has just ended. */
  readonly #ended = new Map<string, Own>()
  #adopter: Adopter | undefined
  /** The runs that are just being begun or taken over here. */
  readonly #busy = new Set<string>()
  #isAway = false
  #cutTimer: NodeJS.Timeout | undefined

  constructor(options: RedisStoreOptions) {
    this.#options = options
    const { url, leaseMs, fingerprints } = options
    this.#connection = new Connection({
      url,
      onUp: () => this.#isBack(),
      onDown: (cause) => this.#isGone(cause),
    })
    this.#watch = new Watch({ url, connection: this.#connection })
    this.#leases = new Leases({
      connection: this.#connection,
      me: this.#me,
      fingerprints: [...new Set(fingerprints.values())],
      leaseMs,
      keepMs: this.#keepMs,
      hasRoom: () => this.#adopter?.hasRoom() ?? false,
      onRenewed: (held) => this.#compare(held),
      onLeft: (lease) => this.#claim(lease),
      onForeign: (lease) => this.#ends.lose(lease),
    })
    this.#ends = new Ends({
      connection: this.#connection,
      leases: this.#leases,
      retentionMs: options.retentionMs,
      keepMs: this.#keepMs,
    })
  }

  get isAvailable(): boolean {
    return this.#connection.isUsable
  }

  serve(adopter: Adopter): void {
    this.#adopter = adopter
    this.#leases.scan()
  }

  async create(
    id: string,
    header: RunHeader,
    key: string | undefined,
  ): Promise<OwnLog | { readonly existing: string }> {
    let own = id
    try {
      own = await this.#idOf(id, key)
      this.#busy.add(own)
      return await this.#create(own, header, key)
    } catch (error) {
      throw unavailable(error)
    } finally {
      this.#busy.delete(own)
    }
  }

  async open(id: string): Promise<Opened | undefined> {
    const known = this.#held.get(id)
    if (known) return this.#opened(known)
    try {
      const entries = await this.#connection.send<StreamEntry[]>('XRANGE', runKey(id), '-', '+')
      // Somebody else may have asked for it too, and been faster.
      const held = this.#held.get(id) ?? this.#holdRead(id, entries)
      return held && this.#opened(held)
    } catch (error) {
      throw unavailable(error)
    }
  }

  async newest(conversation: string): Promise<string | undefined> {
    try {
      return (await this.#connection.send<string | null>('GET', newestKey(conversation))) ?? undefined
    } catch (error) {
      throw unavailable(error)
    }
  }

  async cancel(id: string, frames: readonly Frame[]): Promise<void> {
    try {
      await this.#ends.cancel(id, frames)
    } catch (error) {
      throw unavailable(error)
    }
  }

  async erase(id: string): Promise<void> {
    try {
      await this.#ends.erase(id)
      this.#held.delete(id)
    } catch (error) {
      throw unavailable(error)
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#cutTimer)
    this.#watch.close()
    await this.#leases.close()
    this.#connection.close()
  }

  /** Milliseconds that anything of a run is kept at most. */
  get #keepMs(): number {
    return this.#options.timeoutMs + this.#options.retentionMs
  }

  /** The id of the run that has the key, or the new one, which then has it. */
  async #idOf(id: string, key: string | undefined): Promise<string> {
    if (key === undefined) return id
    const name = idempotencyKey(key)
    const set = await this.#connection.send<string | null>('SET', name, id, 'NX', 'PX', String(this.#keepMs))
    return set === null ? ((await this.#connection.send<string | null>('GET', name)) ?? id) : id
  }

  async #create(id: string, header: RunHeader, key: string | undefined) {
    const epoch = await this.#epoch()
    const fingerprint = this.#options.fingerprints.get(header.program) as string
    const isThere = key !== undefined && (await this.#connection.send<number>('EXISTS', runKey(id))) === 1
    if (isThere) return { existing: id }
    const work = await this.#leases.take(fingerprint, id)
    const opening = { header, fingerprint, work, key }
    const [reply] = await this.#connection.transaction([
      openingCommand(id, opening),
      ['PEXPIRE', runKey(id), String(this.#keepMs)],
      ...this.#newestCommands(id, header),
    ])
    if (reply instanceof Refused) {
      await this.#connection.transaction(this.#leases.endOf(opening))
      return { existing: id }
    }
    const held: Held = { tail: new Tail(id, header), own: undefined, readers: 0 }
    this.#held.set(id, held)
    return this.#own(held, 1, opening, epoch)
  }

  #newestCommands(id: string, { conversation }: RunHeader, ...options: string[]): readonly string[][] {
    if (conversation === undefined) return []
    return [['SET', newestKey(conversation), id, ...options, 'PX', String(this.#keepMs)]]
  }

  #own(held: Held, attempt: number, opening: Opening, epoch: string): Writer {
    const { tail } = held
    const writer = new Writer(tail, {
      connection: this.#connection,
      attempt,
      onEnd: async () => {
        held.own = undefined
        this.#dropUnread(held)
        own.heldAt = Date.now()
        this.#ended.set(tail.id, own)
        await this.#ends.finish(tail.id, own.opening)
      },
      onLost: () => {
        held.own = undefined
        if (held.readers > 0) this.#watch.join(tail)
        this.#dropUnread(held)
      },
      onRelease: async () => {
        this.#held.delete(tail.id)
        this.#watch.leave(tail)
        tail.cut()
        await this.#leases.release(own.opening).catch(() => {}) // it is left behind in time
      },
      onMissing: () => this.#rewrite(own),
    })
    const own: Own = { writer, opening, epoch, heldAt: Date.now() }
    held.own = own
    return writer
  }

  #holdRead(id: string, entries: readonly StreamEntry[]): Held | undefined {
    const [first, last] = [entries[0], entries.at(-1)]
    if (!first || !last || isErased(last)) return undefined
    const tail = new Tail(id, openingOf(first).header)
    take(tail, entries)
    const held: Held = { tail, own: undefined, readers: 0 }
    if (tail.endedAt !== undefined) return held // nothing more comes: nobody else need know of it
    this.#held.set(id, held)
    this.#watch.join(tail)
    return held
  }

  #opened(held: Held): Opened {
    held.readers++
    let hasLeft = false
    const leave = () => {
      if (hasLeft) return
      hasLeft = true
      held.readers--
      this.#dropUnread(held)
    }
    return { tail: held.tail, leave }
  }

  #dropUnread(held: Held): void {
    const { tail, own, readers } = held
    if (own || readers > 0 || this.#held.get(tail.id) !== held) return
    this.#held.delete(tail.id)
    this.#watch.leave(tail)
  }

  /** What this process holds, against what it thinks it owns. */
  async #compare(leases: readonly Lease[]): Promise<void> {
    const held = new Set(leases.map(({ work }) => work))
    for (const { own } of this.#held.values()) {
      if (!own) continue
      if (held.has(own.opening.work)) {
        own.heldAt = Date.now()
        own.writer.flush()
      } else {
        own.writer.doubt() // somebody has taken it over, or the server has lost it
      }
    }
    // What was left half done, such as a claim that was refused.
    for (const lease of leases) await this.#claim(lease)
    for (const [id, { heldAt }] of this.#ended) {
      if (Date.now() - heldAt > SETTLED_MS) this.#ended.delete(id)
    }
  }

  /** Goes on with a run whose owner is gone. */
  async #claim(lease: Lease): Promise<void> {
    const { run } = lease
    if (this.#busy.has(run) || this.#held.get(run)?.own || this.#ended.has(run)) return
    this.#busy.add(run)
    try {
      await this.#goOn(lease)
    } finally {
      this.#busy.delete(run)
    }
  }

  async #goOn(lease: Lease): Promise<void> {
    if (!this.#adopter?.hasRoom()) return this.#leases.release(lease)
    const attempt = await this.#ends.claim(lease.run, this.#me)
    if (attempt === undefined) return
    if (attempt === 'over') {
      await this.#connection.transaction(this.#leases.endOf(lease))
      return
    }
    const epoch = await this.#epoch()
    const entries = await this.#connection.send<StreamEntry[]>('XRANGE', runKey(lease.run), '-', '+')
    const held = this.#held.get(lease.run) ?? this.#holdRead(lease.run, entries)
    const [first] = entries
    if (!held || !first) return
    this.#watch.leave(held.tail)
    take(held.tail, entries)
    held.tail.append({ at: { attempt, count: 0 }, frames: 0, packed: '[]', results: [], endedAt: undefined })
    this.#adopter.adopt(this.#own(held, attempt, { ...openingOf(first), ...lease }, epoch))
  }

  #isBack(): void {
    if (this.#isAway) this.#options.log('Redis is back: resumable runs are kept in it again.')
    this.#isAway = false
    clearTimeout(this.#cutTimer)
    this.#cutTimer = undefined
    for (const { own } of this.#held.values()) own?.writer.doubt()
    // Where it fails, somebody has been faster, or Redis is gone again.
    for (const { writer } of this.#ended.values()) writer.confirm().catch(() => {})
    this.#leases.renew().catch(() => {}) // the next time, then
  }

  #isGone(cause: Error): void {
    if (!this.#isAway) {
      const why = cause.message || (cause as NodeJS.ErrnoException).code || cause.name
      const what = cause instanceof WrongServer ? why : `Redis can't be reached (${why}).`
      this.#options.log(`${what} No resumable run begins, and those of other instances can't be read.`)
    }
    this.#isAway = true
    // Readers of runs of other processes had better ask one that can be reached.
    this.#cutTimer ??= setTimeout(() => {
      for (const held of [...this.#held.values()]) {
        if (held.own) continue
        this.#held.delete(held.tail.id)
        this.#watch.leave(held.tail)
        held.tail.cut()
      }
    }, this.#options.leaseMs).unref()
  }

  /** The server's mark, which it is given now if it has none. */
  async #epoch(): Promise<string> {
    const mark = randomBytes(12).toString('base64url')
    const before = await this.#connection.send<string | null>(
      ...['SET', EPOCH, mark, 'NX', 'GET', 'PX', String(EPOCH_MS)],
    )
    return before ?? mark
  }

  /**
   * Gives a server a run that it has lost.
   *
   * @returns false where the run has been erased, or has expired
   */
  async #rewrite(own: Own): Promise<boolean> {
    const epoch = await this.#epoch()
    if (epoch === own.epoch && (await this.#isForgotten(own))) return false
    const { fingerprint, key } = own.opening
    const { id, header } = own.writer.tail
    const work = await this.#leases.take(fingerprint, id)
    const opening = { header, fingerprint, work, key }
    await this.#connection.transaction([
      openingCommand(id, opening),
      ['PEXPIRE', runKey(id), String(this.#keepMs)],
      ...own.writer.commands(),
      ...(key === undefined ? [] : [['SET', idempotencyKey(key), id, 'NX', 'PX', String(this.#keepMs)]]),
      ...this.#newestCommands(id, header, 'NX'),
    ])
    own.opening = opening
    own.epoch = epoch
    return true
  }

  /** Whether a run that isn't there is to be gone: somebody has had it erased, or has ended it long ago. */
  async #isForgotten({ writer, heldAt }: Own): Promise<boolean> {
    if (Date.now() - heldAt > this.#options.retentionMs) return true
    return (await this.#connection.send<number>('EXISTS', erasedKey(writer.tail.id))) === 1
  }
}

const unavailable = (error: unknown) => (error instanceof Refused ? new LogUnavailable(error) : error)
