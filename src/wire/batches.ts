/**
 * When to take a run's frames: only when their reader asks for more, so a reader who takes nothing holds up the run. A few
 * frames that come within one turn of the event loop leave in one batch at its end, after the upstreams have been asked
 * for more. Many that come together leave at once.
 */
import type { Outlet } from '../async/channel.ts'
import { Silence } from '../async/silence.ts'
import type { Frame } from '../core/frame.ts'

/**
 * Frames that are worth a write of their own at once. Kept until the end of the turn, along with those of many other
 * streams, they would fall out of the processor's caches and survive a garbage collection.
 */
const MANY = 32

const isText = ({ type }: Frame) => type === 'token'

export type BatchesOptions = {
  /** Gets what was asked for, in order. It is empty if the run ended without another frame. */
  readonly onBatch: (frames: readonly Frame[]) => void
  /** Called after each silence. It isn't silence while nothing is asked for. */
  readonly onSilence: () => void
  /** Milliseconds of silence. */
  readonly silenceMs: number
}

export class Batches {
  readonly #frames: Outlet<Frame>
  readonly #onBatch: (frames: readonly Frame[]) => void
  readonly #silenceMs: number
  readonly #silence: Silence
  /** Whether one has been asked for and hasn't come yet. */
  #isAsking = false
  #isEnded = false
  /** Whether any text has left. The first is what people wait for. */
  #hasText = false

  constructor(frames: Outlet<Frame>, { onBatch, onSilence, silenceMs }: BatchesOptions) {
    this.#frames = frames
    this.#onBatch = onBatch
    this.#silenceMs = silenceMs
    this.#silence = new Silence(() => {
      onSilence()
      this.#silence.start(silenceMs)
    })
  }

  /** Whether all has been taken. */
  get isOver(): boolean {
    return this.#frames.isOver
  }

  /** Asks for one batch; asking again before it has come does nothing. */
  ask(): void {
    if (this.#isAsking || this.#isEnded) return
    this.#isAsking = true
    this.#wait()
  }

  /** Takes nothing more. */
  end(): void {
    this.#isEnded = true
    this.#silence.end()
  }

  readonly #wait = (): void => {
    if (this.#isEnded) return
    const frames = this.#frames
    if (frames.waiting === 0 && !frames.isOver) {
      this.#silence.start(this.#silenceMs)
      frames.whenMore(this.#wait)
      return
    }
    const isFirstText = !this.#hasText && frames.holds(isText)
    this.#hasText ||= isFirstText
    if (frames.waiting >= MANY || isFirstText) queueMicrotask(this.#take)
    else setImmediate(this.#take)
  }

  readonly #take = (): void => {
    if (this.#isEnded) return
    this.#isAsking = false
    this.#silence.pause()
    this.#onBatch(this.#frames.takeNow())
  }
}
