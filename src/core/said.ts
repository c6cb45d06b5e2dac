/** Which calls of a run have said something that still holds. A `reset` frame names them. */
import type { Site } from './call-report.ts'
import type { Frame, ResetFrame } from './frame.ts'

type CallName = ResetFrame['keep'][number]

export class Said {
  readonly #calls = new Map<string, CallName>()

  /** Takes note of frames that are about to be sent. */
  note(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.type !== 'token' && frame.type !== 'value' && frame.type !== 'usage') continue
      const { predictor, call = 1 } = frame
      const key = keyOf(predictor, call)
      if (!this.#calls.has(key)) this.#calls.set(key, { predictor, call })
    }
  }

  has({ name, call }: Site): boolean {
    return this.#calls.has(keyOf(name, call))
  }

  /** Forgets what a call has said. Returns the calls that have said something besides. */
  void({ name, call }: Site): CallName[] {
    this.#calls.delete(keyOf(name, call))
    return [...this.#calls.values()]
  }
}

const keyOf = (predictor: string, call: number) => `${predictor} ${call}`
