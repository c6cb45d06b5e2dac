/** What a tool says of its work -> status frames. While the reader is behind, only the newest waits. */
import type { Emit } from './call.ts'
import { shortened } from './status-text.ts'

type Origin = { readonly module: string; readonly predictor: string; readonly call?: number }

export class ToolStatus {
  readonly #origin: Origin
  readonly #emit: Emit
  #isFull = false
  #waiting: string | undefined
  #isOver = false

  constructor(origin: Origin, emit: Emit) {
    this.#origin = origin
    this.#emit = emit
  }

  /** @throws TypeError for what is no text */
  say(message: string): void {
    if (typeof message !== 'string') throw new TypeError(`A status is a text, not ${typeof message}.`)
    if (this.#isOver) return
    if (this.#isFull) this.#waiting = message
    else this.#send(message)
  }

  /** The tool is done: what it still says isn't said, but for the newest of what waits. */
  end(): void {
    this.#isOver = true
    const message = this.#waiting
    this.#waiting = undefined
    if (message !== undefined) this.#send(message)
  }

  #send(message: string): void {
    const room = this.#emit([
      { type: 'status', message: shortened(message), ...this.#origin, phase: 'progress' },
    ])
    if (!room) return
    this.#isFull = true
    room.then(() => {
      this.#isFull = false
      const next = this.#waiting
      this.#waiting = undefined
      if (next !== undefined && !this.#isOver) this.#send(next)
    })
  }
}
