/**
 * Who owns which run. A run that is under way has an entry in its program's work stream, which is pending at its owner:
 * that is the lease. An owner renews its leases, and everybody looks for those that nobody has renewed in time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Connection } from './connection.ts'
import { LONGEST_WAIT_MS, Refused } from './connection.ts'
import { lookKey, OWNERS, VERSIONS, workKey } from './keys.ts'

/** Milliseconds between renewals: a second, or a third of a shorter lease. */
const RENEW_MS = 1_000
/** Milliseconds between looks for what was left behind, whoever it is that looks. */
const LOOK_MS = 500
/** The share of that time for which nobody else looks: whoever looked is to find it over when it asks again. */
const SPARED = 0.8
/** Leases of a version that nobody here knows have to have been left for so long: a deploy may be under way. */
const FOREIGN_LEASES = 6
/** Leases that are taken over by one command. Redis looks at ten times as many, and says where to go on. */
const COUNT = 100
/** Where a look begins, and what Redis says at the end of them all. */
const BEGINNING = '0-0'

/** Who holds what was released: it isn't renewed. */
const NOBODY = 'nobody'

/** An entry of a work stream. */
export type Lease = { readonly fingerprint: string; readonly work: string; readonly run: string }

export type LeasesOptions = {
  readonly connection: Connection
  /** This process. */
  readonly me: string
  /** The versions of programs that can run here. */
  readonly fingerprints: readonly string[]
  readonly leaseMs: number
  /** Milliseconds that a work stream is kept after its last run began. */
  readonly keepMs: number
  /** Whether another run could be taken over here. */
  readonly hasRoom: () => boolean
  /** Called with what this process holds, once in a while. */
  readonly onRenewed: (held: readonly Lease[]) => Promise<void>
  /** Called with a lease that was left behind. */
  readonly onLeft: (lease: Lease) => Promise<void>
  /** The same, of a version that nobody knows. */
  readonly onForeign: (lease: Lease) => Promise<void>
}

export class Leases {
  readonly #options: LeasesOptions
  readonly #stopping = new AbortController()
  #isScanning = false
  #renewedAt = performance.now()
  /** Until when nothing is taken from others. */
  #sparesUntil = 0

  constructor(options: LeasesOptions) {
    this.#options = options
    this.#repeat(Math.min(RENEW_MS, options.leaseMs / 3), () => this.renew())
  }

  /** Looks for runs whose owners are gone, from now on. */
  scan(): void {
    if (this.#isScanning) return
    this.#isScanning = true
    this.#repeat(LOOK_MS, () => this.#scan())
    this.#repeat(this.#options.leaseMs, () => this.#scanForeign())
  }

  /**
   * Takes a new lease.
   *
   * @returns the entry of the work stream
   * @throws LogUnavailable; Refused
   */
  async take(fingerprint: string, run: string): Promise<string> {
    const { connection, me, keepMs } = this.#options
    const key = workKey(fingerprint)
    for (;;) {
      // Together, so that no other process can be given the entry in between.
      const [work, , read] = await connection.transaction([
        ['XADD', key, 'NOMKSTREAM', '*', 'run', run],
        ['PEXPIRE', key, String(keepMs)],
        ['XREADGROUP', 'GROUP', OWNERS, me, 'COUNT', '1', 'STREAMS', key, '>'],
      ])
      if (typeof work === 'string' && !(read instanceof Refused)) return work
      if (typeof work === 'string') await connection.send('XDEL', key, work)
      await this.#createGroup(fingerprint)
    }
  }

  /** The commands that give a lease up for good, for a run that is over. */
  endOf({ fingerprint, work }: Pick<Lease, 'fingerprint' | 'work'>): Command[] {
    const key = workKey(fingerprint)
    return [
      ['XACK', key, OWNERS, work],
      ['XDEL', key, work],
    ]
  }

  /**
   * Lets another process take a lease up at once.
   *
   * @throws LogUnavailable; Refused
   */
  async release({ fingerprint, work }: Pick<Lease, 'fingerprint' | 'work'>): Promise<void> {
    const { connection, leaseMs } = this.#options
    const key = workKey(fingerprint)
    await connection.send('XCLAIM', key, OWNERS, NOBODY, '0', work, 'IDLE', String(leaseMs), 'JUSTID')
  }

  /** Takes this process off the lists, where it holds nothing. */
  async close(): Promise<void> {
    this.#stopping.abort()
    const { connection, me, fingerprints } = this.#options
    if (!connection.isUp) return
    for (const fingerprint of fingerprints) {
      const key = workKey(fingerprint)
      try {
        const held = await connection.send<unknown[]>('XPENDING', key, OWNERS, '-', '+', '1', me)
        if (held.length === 0) await connection.send('XGROUP', 'DELCONSUMER', key, OWNERS, me)
      } catch {
        return // it is gone, and so is the list
      }
    }
  }

  async #createGroup(fingerprint: string): Promise<void> {
    const { connection, keepMs } = this.#options
    const key = workKey(fingerprint)
    try {
      await connection.send('XGROUP', 'CREATE', key, OWNERS, '$', 'MKSTREAM')
    } catch (error) {
      if (!(error instanceof Refused && error.is('BUSYGROUP'))) throw error
    }
    await connection.transaction([
      ['PEXPIRE', key, String(keepMs)],
      ['SADD', VERSIONS, fingerprint],
      ['PEXPIRE', VERSIONS, String(keepMs)],
    ])
  }

  /**
   * Renews what this process holds. Reading what is pending renews it, lists it, and takes nothing from anybody else.
   *
   * @throws LogUnavailable; Refused
   */
  async renew(): Promise<void> {
    const { connection, me, fingerprints, leaseMs, onRenewed } = this.#options
    const held = await Promise.all(
      fingerprints.map(async (fingerprint): Promise<Lease[]> => {
        const key = workKey(fingerprint)
        try {
          const reply = await connection.send<[string, [string, string[] | null][]][] | null>(
            ...['XREADGROUP', 'GROUP', OWNERS, me, 'COUNT', '100000', 'STREAMS', key, '0'],
          )
          return (reply?.[0]?.[1] ?? []).map(([work, fields]) => ({
            fingerprint,
            work,
            run: fields?.[1] ?? '',
          }))
        } catch (error) {
          if (error instanceof Refused && error.is('NOGROUP')) return []
          throw error
        }
      }),
    )
    const now = performance.now()
    // Others may have had no Redis either: all leases have run out, and their owners live. They get time to come back.
    if (this.#isLate(now)) this.#sparesUntil = now + LONGEST_WAIT_MS + leaseMs
    this.#renewedAt = now
    await onRenewed(held.flat())
  }

  /** Whether this process couldn't renew for so long that leases may have run out. */
  #isLate(now: number): boolean {
    return now - this.#renewedAt > this.#options.leaseMs / 2
  }

  /** Whether a lease that has run out says that its owner is gone. */
  #canTell(): boolean {
    const now = performance.now()
    return !this.#isLate(now) && now >= this.#sparesUntil
  }

  async #scan(): Promise<void> {
    const { fingerprints, leaseMs, hasRoom, onLeft } = this.#options
    for (const fingerprint of fingerprints) {
      if (!hasRoom()) return
      for await (const lease of this.#leftBehind(fingerprint, leaseMs, LOOK_MS)) await onLeft(lease)
    }
  }

  async #scanForeign(): Promise<void> {
    const { connection, fingerprints, leaseMs, onForeign } = this.#options
    const versions = await connection.send<string[]>('SMEMBERS', VERSIONS)
    for (const fingerprint of versions.filter((one) => !fingerprints.includes(one))) {
      if ((await connection.send<number>('EXISTS', workKey(fingerprint))) === 0) {
        await connection.send('SREM', VERSIONS, fingerprint)
        continue
      }
      const left = this.#leftBehind(fingerprint, FOREIGN_LEASES * leaseMs, leaseMs)
      for await (const lease of left) await onForeign(lease)
    }
  }

  /**
   * What nobody has renewed for so long is now this process'. One look serves all processes: Redis has to go through all
   * leases for it.
   *
   * @param everyMs milliseconds between looks
   */
  async *#leftBehind(fingerprint: string, ms: number, everyMs: number): AsyncGenerator<Lease> {
    const { connection, me } = this.#options
    const key = workKey(fingerprint)
    if (!(await this.#isNext(lookKey(fingerprint, ms), everyMs))) return
    try {
      let from = BEGINNING
      do {
        if (!this.#canTell()) return
        const [next, entries] = await connection.send<[string, [string, string[]][]]>(
          ...['XAUTOCLAIM', key, OWNERS, me, String(ms), from, 'COUNT', String(COUNT)],
        )
        for (const [work, fields] of entries) yield { fingerprint, work, run: fields[1] ?? '' }
        from = next
      } while (from !== BEGINNING)
    } catch (error) {
      if (!(error instanceof Refused && error.is('NOGROUP'))) throw error
    }
  }

  /** Whether nobody has looked just now. Whoever dies while it looks keeps others from it for no longer than that. */
  async #isNext(key: string, everyMs: number): Promise<boolean> {
    const { connection, me } = this.#options
    const sparedMs = String(Math.floor(SPARED * everyMs))
    return (await connection.send<string | null>('SET', key, me, 'NX', 'PX', sparedMs)) !== null
  }

  async #repeat(ms: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const isOver = await sleep(ms, false, { signal, ref: false }).catch(() => true)
      if (isOver) return
      if (this.#options.connection.isUp) await work().catch(() => {}) // the next time, then
    }
  }
}
