/** A run that is over, from its record: shown as it ended, or played at the speed at which it came. */
import { Folding } from './folding.ts'
import type { RunEnd, RunRecord } from './run-record.ts'
import type { ShownRun } from './shown-run.ts'

export class RecordedRun implements ShownRun {
  readonly isCut = false
  readonly record: RunRecord
  readonly events: string[] = []
  readonly folding: Folding
  readonly #length: number
  /** When it began to be played, on the browser's clock; undefined where all of it is shown at once. */
  readonly #playedAt: number | undefined
  #isSkipped = false
  #taken = 0

  /**
   * @param isPlayed whether its frames come at their own speed; otherwise all are taken now
   * @throws whatever frames that aren't like the protocol's cause
   */
  constructor(record: RunRecord, isPlayed = false) {
    this.record = record
    this.folding = new Folding(record.program)
    this.#length = record.end?.at ?? record.frames.at(-1)?.at ?? 0
    this.#playedAt = isPlayed ? performance.now() : undefined
    this.tick()
  }

  get isPlayed(): boolean {
    return this.#playedAt !== undefined
  }

  get isOn(): boolean {
    return this.folding.state.phase === 'running'
  }

  get now(): number {
    const isAtItsEnd = this.#playedAt === undefined || this.#isSkipped
    return isAtItsEnd ? this.#length : Math.min(this.#length, performance.now() - this.#playedAt)
  }

  tick(): void {
    const { record, folding, now } = this
    for (let next = record.frames[this.#taken]; next && next.at <= now; next = record.frames[++this.#taken]) {
      this.events.push(next.data)
      folding.take(next)
    }
    if (now < this.#length || folding.state.phase !== 'running') return
    folding.end(record.end ?? untold(this.#length))
  }

  stop(): void {
    this.#isSkipped = true
    this.tick()
  }

  dismiss(): void {
    this.stop()
  }

  leave(): void {}
}

/** The end of a record that doesn't say how it ended: whoever kept it was gone by then. */
const untold = (at: number): RunEnd => ({ by: 'leaving', at })
