/** How a run ends or changes hands by its log alone, whoever owns it. The owner learns of it from its next write. */
import { RunError } from '../../core/errors.ts'
import type { Frame } from '../../core/frame.ts'
import { errorFrame } from '../../core/streamify.ts'
import { positionOf } from '../position.ts'
import {
  claimCommand,
  endCommand,
  eraseCommand,
  firstCommand,
  isEnd,
  isTaken,
  lastCommand,
  openingOf,
  type StreamEntry,
} from './codec.ts'
import type { Command, Connection } from './connection.ts'
import { erasedKey, idempotencyKey, runKey } from './keys.ts'
import type { Lease, Leases } from './leases.ts'

/** Milliseconds that the end of a run that is to be forgotten can still be read. */
const ERASED_MS = 5_000

export type EndsOptions = {
  readonly connection: Connection
  readonly leases: Leases
  /** Milliseconds that a run is kept after its end. */
  readonly retentionMs: number
  /** Milliseconds that anything of a run is kept at most. */
  readonly keepMs: number
}

/** All of it throws LogUnavailable; Refused. */
export class Ends {
  readonly #options: EndsOptions

  constructor(options: EndsOptions) {
    this.#options = options
  }

  /** Ends a run that isn't over, with these frames. */
  async cancel(id: string, frames: readonly Frame[]): Promise<void> {
    for (;;) {
      const top = await this.#top(id)
      if (!top || isEnd(top)) return
      if ((await this.#unlessTaken(endCommand(id, attemptOf(top) + 1, frames))) === 'taken') continue
      const opening = await this.#first(id)
      if (opening) await this.finish(id, openingOf(opening))
      return
    }
  }

  /** Ends a run that no process here can go on with. */
  async lose(lease: Lease): Promise<void> {
    const { run } = lease
    const top = await this.#top(run)
    if (top && !isEnd(top)) {
      const opening = await this.#first(run)
      if (!opening) return
      const { requestId } = openingOf(opening).header
      const frames: Frame[] = [errorFrame(new RunError('run_lost'), requestId)]
      if ((await this.#unlessTaken(endCommand(run, attemptOf(top) + 1, frames))) === 'taken') return
    }
    await this.finish(run, lease)
  }

  /** Takes note that a run is over: it is nobody's work, and is forgotten in time. */
  async finish(id: string, lease: Pick<Lease, 'fingerprint' | 'work'>): Promise<void> {
    const { connection, leases, retentionMs } = this.#options
    await connection.transaction([...leases.endOf(lease), ['PEXPIRE', runKey(id), String(retentionMs)]])
  }

  /** Forgets a run that is over. */
  async erase(id: string): Promise<void> {
    const [opening, top] = [await this.#first(id), await this.#top(id)]
    if (!opening || !top) return
    const { key } = openingOf(opening)
    await this.#options.connection.transaction([
      eraseCommand(id, attemptOf(top) + 1),
      ['PEXPIRE', runKey(id), String(ERASED_MS)],
      ['SET', erasedKey(id), '1', 'PX', String(this.#options.keepMs)],
      ...(key === undefined ? [] : [['UNLINK', idempotencyKey(key)]]),
    ])
  }

  /**
   * Makes a process the owner of a run. Only once this is done is it certain that nothing older follows in its log.
   *
   * @returns the attempt that is now its own; `over` for a run that is over or isn't there; undefined where somebody has
   *   been faster
   */
  async claim(id: string, by: string): Promise<number | 'over' | undefined> {
    const top = await this.#top(id)
    if (!top || isEnd(top)) return 'over'
    const attempt = attemptOf(top) + 1
    const reply = await this.#unlessTaken(claimCommand(id, attempt, by))
    return reply === 'taken' || reply === null ? undefined : attempt
  }

  async #first(id: string): Promise<StreamEntry | undefined> {
    const [first] = await this.#options.connection.send<StreamEntry[]>(...firstCommand(id))
    return first
  }

  async #top(id: string): Promise<StreamEntry | undefined> {
    const [top] = await this.#options.connection.send<StreamEntry[]>(...lastCommand(id))
    return top
  }

  /** Appends, unless somebody else has written what comes after it. */
  async #unlessTaken(command: Command): Promise<string | null | 'taken'> {
    try {
      return await this.#options.connection.send<string | null>(...command)
    } catch (error) {
      if (isTaken(error)) return 'taken'
      throw error
    }
  }
}

const attemptOf = ([id]: StreamEntry) => positionOf(id)?.attempt ?? 1
