/**
 * What a dialect keeps of the lanes that are being written: the pieces of text that stand around their chunks. Most
 * tokens are of the same lane as the one before, so that is the first place to look.
 */
import type { StatusFrame, TokenFrame } from '../core/frame.ts'

type Name = Pick<TokenFrame, 'predictor' | 'field' | 'call'>

/** Names a lane: the predictor may have dots, the field and the call's number have none. */
export const laneId = ({ predictor, field, call = 1 }: Name): string => `${predictor}.${field}.${call}`

/** Which lanes say nothing more, because what they are of has failed alone. */
export const cutBy =
  ({ module, predictor, call }: StatusFrame) =>
  (lane: Omit<Name, 'field'>): boolean =>
    predictor === undefined
      ? lane.predictor.split('.', 1)[0] === module
      : lane.predictor === predictor && lane.call === call

export class Lanes<Lane> {
  readonly #open = new Map<string, { readonly name: Name; readonly lane: Lane }>()
  /** A token of the lane that was asked for last. */
  #last: Name | undefined
  #lane: Lane | undefined

  /** @returns the lane that a token is of; undefined where it is the first of it */
  get(token: Name): Lane | undefined {
    if (!this.#isLast(token)) {
      this.#last = token
      this.#lane = this.#open.get(laneId(token))?.lane
    }
    return this.#lane
  }

  /** @param token the first of the lane, for which {@link get} has just been called */
  add(token: Name, lane: Lane): void {
    this.#open.set(laneId(token), { name: token, lane })
    this.#lane = lane
  }

  /** @param token the last of the lane, likewise */
  delete(token: Name): void {
    this.#open.delete(laneId(token))
    this.#lane = undefined
  }

  /** Takes out those that are open, or some of them, in the order in which they began. */
  take(isOne: (name: Name) => boolean = () => true): Lane[] {
    const taken = [...this.#open].filter(([, { name }]) => isOne(name))
    for (const [id] of taken) this.#open.delete(id)
    this.#last = undefined
    return taken.map(([, { lane }]) => lane)
  }

  #isLast({ field, predictor, call }: Name): boolean {
    const last = this.#last
    return last?.field === field && last.predictor === predictor && last.call === call
  }
}
