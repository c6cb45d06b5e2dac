/**
 * A clock for how long nothing has come. Signs of life come by the thousand, so its timer isn't reset at each one.
 * Instead, when it fires, it checks how long the silence really was.
 */
export class Silence {
  readonly #expire: () => void
  #leftMs = 0
  /** On `performance.now`'s clock; undefined while this clock is stopped. */
  #expiresAt: number | undefined
  #timer: NodeJS.Timeout | undefined
  #firesAt = 0
  #check: NodeJS.Immediate | undefined

  /** @param expire called when the time is up; the clock is then stopped */
  constructor(expire: () => void) {
    this.#expire = expire
  }

  /** Allows this much silence from now on, whatever was left before. */
  start(ms: number): void {
    this.pause()
    this.#leftMs = ms
    this.resume()
  }

  /** Stops the clock until {@link resume}: nobody is expected to send anything meanwhile. */
  pause(): void {
    if (this.#expiresAt === undefined) return
    this.#leftMs = Math.max(0, this.#expiresAt - performance.now()) // a blocked event loop may pause it too late
    this.#expiresAt = undefined
    clearImmediate(this.#check)
  }

  /** Continues with what was left. */
  resume(): void {
    this.#expiresAt = performance.now() + this.#leftMs
    if (!this.#timer || this.#firesAt > this.#expiresAt) this.#setTimer(this.#leftMs)
  }

  /** Stops for good, and leaves no timer. */
  end(): void {
    this.pause()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer)
    this.#firesAt = performance.now() + ms
    this.#timer = setTimeout(() => this.#look(), ms)
  }

  #look(): void {
    this.#timer = undefined
    if (this.#expiresAt === undefined) return
    const leftMs = this.#expiresAt - performance.now()
    if (leftMs > 0) {
      this.#setTimer(leftMs)
      return
    }
    // First let everything that has arrived be read. After the event loop was blocked, timers run before sockets, and
    // what came in time would look late.
    this.#check = setImmediate(() => {
      this.#expiresAt = undefined
      this.#expire()
    })
  }
}
