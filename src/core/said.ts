/** Which calls of a run have said something that still holds. A `reset` frame names them. */
import type { Site } from './call-report.ts'
import type { Frame } from './frame.ts'
import { type CallName, callKey } from './memory.ts'

type Called = Pick<Site, 'name' | 'call'>

export class Said {
  readonly #calls: Map<string, CallName>

  /** @param kept calls that have said something before this run began */
  constructor(kept: readonly CallName[] = []) {
    this.#calls = new Map(kept.map((one) => [callKey(one.predictor, one.call), one]))
  }

  /** Takes note of frames that are about to be sent. */
  note(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.type !== 'token' && frame.type !== 'value' && frame.type !== 'usage') continue
      const { predictor, call = 1 } = frame
      const key = callKey(predictor, call)
      if (!this.#calls.has(key)) this.#calls.set(key, { predictor, call })
    }
  }

  has({ name, call }: Called): boolean {
    return this.#calls.has(callKey(name, call))
  }

  /** Forgets what a call has said. Returns the calls that have said something besides. */
  void({ name, call }: Called): CallName[] {
    this.#calls.delete(callKey(name, call))
    return [...this.#calls.values()]
  }
}
