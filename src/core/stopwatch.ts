/** A time limit for work that pauses: only what passes between `start` and `stop` counts. */
export class Stopwatch {
  readonly #expire: () => void
  #leftMs: number
  #startedAt = 0
  #timer: NodeJS.Timeout | undefined

  /** @param expire called when so many milliseconds have been used up */
  constructor(ms: number, expire: () => void) {
    this.#leftMs = ms
    this.#expire = expire
  }

  start(): void {
    this.#startedAt = performance.now()
    this.#timer = setTimeout(this.#expire, this.#leftMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - this.#startedAt))
  }
}
