/**
 * A clock for how long nothing has come. Its timer isn't set anew at every sign of life, which come by the thousand,
 * but looks when it fires how much silence there really was.
 */
export class Silence {
  readonly #expire: () => void
  #leftMs = 0
  /** On `performance.now`'s clock; undefined while this one stands still. */
  #expiresAt: number | undefined
  #timer: NodeJS.Timeout | undefined
  #firesAt = 0
  #check: NodeJS.Immediate | undefined

  /** @param expire called when the time is up; the clock then stands still */
  constructor(expire: () => void) {
    this.#expire = expire
  }

  /** Allows so much silence from now on, whatever was left before. */
  start(ms: number): void {
    this.pause()
    this.#leftMs = ms
    this.resume()
  }

  /** Stands still, until {@link resume}: what comes later, if at all, isn't anybody's silence. */
  pause(): void {
    if (this.#expiresAt === undefined) return
    this.#leftMs = this.#expiresAt - performance.now()
    this.#expiresAt = undefined
    clearImmediate(this.#check)
  }

  /** Goes on with what was left. */
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
    // Not before what has already arrived has been read: when the event loop was blocked, its timers run before its
    // sockets, and what did come in time would look late.
    this.#check = setImmediate(() => {
      this.#expiresAt = undefined
      this.#expire()
    })
  }
}
