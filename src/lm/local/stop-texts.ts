/** Ends a completion at a text that a predictor names: llama.cpp's sampler knows tokens, not texts. */

export class StopTexts {
  readonly #stops: readonly string[]
  /** The end of what has come, which may be the beginning of a stop text. */
  #held = ''
  /** Whether a stop text has come: nothing after it counts. */
  hasStopped = false

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** Takes the next piece of text. Returns what is certainly no part of a stop text. */
  push(text: string): string {
    const all = this.#held + text
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at !== -1)
    this.hasStopped = found.length > 0
    const end = this.hasStopped ? Math.min(...found) : all.length - this.#heldLength(all)
    this.#held = this.hasStopped ? '' : all.slice(end)
    return all.slice(0, end)
  }

  /** The text has ended. Returns what was held back. */
  end(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }

  /** UTF-16 units at the end of a text that may begin a stop text. */
  #heldLength(text: string): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1))
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(-length)
      if (this.#stops.some((stop) => stop.startsWith(end))) return length
    }
    return 0
  }
}
