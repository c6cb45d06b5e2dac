/** The engine's sequences: each reads and writes one text at a time and keeps what it has read. */
import type { LlamaContextSequence, Token } from 'node-llama-cpp'

/** Prompts that share more tokens than this are of the same predictor; others differ within the first thirty. */
const OF_ONE_PREDICTOR = 64

export class Sequences {
  /** Those that nobody uses, the longest unused first. */
  readonly #idle: LlamaContextSequence[]
  /** Who waits for one, in order: the engine holds on to the sequence of an aborted call for a moment. */
  readonly #waiting: ((sequence: LlamaContextSequence) => void)[] = []

  constructor(sequences: readonly LlamaContextSequence[]) {
    this.#idle = [...sequences]
  }

  /** Takes an idle sequence, as soon as there is one: the one that has read most of these tokens, or the oldest. */
  take(tokens: Token[]): LlamaContextSequence | Promise<LlamaContextSequence> {
    if (this.#idle.length === 0) return new Promise((resolve) => this.#waiting.push(resolve))
    const known = this.#idle.map((sequence) => sequence.compareContextTokens(tokens).firstDifferentIndex)
    const most = Math.max(...known)
    const index = most > OF_ONE_PREDICTOR ? known.indexOf(most) : 0
    return this.#idle.splice(index, 1)[0] as LlamaContextSequence
  }

  /** Gives one back: to whoever waits longest, if anybody does. */
  give(sequence: LlamaContextSequence): void {
    const next = this.#waiting.shift()
    if (next) next(sequence)
    else this.#idle.push(sequence)
  }
}
