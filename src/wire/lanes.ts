/**
 * What a dialect keeps of the lanes that are being written: the pieces of text that stand around their chunks. Most
 * tokens are of the same lane as the one before, so that is the first place to look.
 */
import type { StatusFrame, TokenFrame } from '../core/frame.ts'
import { inJson } from './native.ts'

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

/** The events of a lane. The first two come when it begins, whichever chunk is the first. */
export type LaneEvents = {
  readonly start: string
  /** An event with an empty chunk, which stands before {@link TAIL}. */
  readonly content: string
  readonly end: string
}

/** What stands after a chunk, whichever lane it is of: the end of a JSON text, of its object and of its event. */
const TAIL = '"}\n\n'

/** What stands around the chunks of a lane. */
type Lane = { readonly head: string; readonly end: string }

export class Lanes {
  readonly #begin: (token: TokenFrame) => LaneEvents
  readonly #open = new Map<string, { readonly name: Name; readonly lane: Lane }>()
  /** A token of the lane that was written last. */
  #last: Name | undefined
  #lane: Lane | undefined

  /** @param begin makes the events of a lane, of which this is the first token */
  constructor(begin: (token: TokenFrame) => LaneEvents) {
    this.#begin = begin
  }

  /** @returns the events of a token: the lane's beginning before its first, and its end after its last */
  write(token: TokenFrame): string {
    const { chunk, is_last } = token
    let text = ''
    let lane = this.#of(token)
    if (!lane) {
      const { start, content, end } = this.#begin(token)
      lane = { head: content.slice(0, -TAIL.length), end }
      this.#open.set(laneId(token), { name: token, lane })
      this.#lane = lane
      text = start
    }
    if (chunk !== '') text += lane.head + inJson(chunk) + TAIL
    if (!is_last) return text
    this.#open.delete(laneId(token))
    this.#lane = undefined
    return text + lane.end
  }

  /** Ends those that are open, or some of them. @returns their ends, in the order in which they began */
  end(isOne: (name: Name) => boolean = () => true): string {
    let text = ''
    for (const [id, { name, lane }] of this.#open) {
      if (!isOne(name)) continue
      this.#open.delete(id)
      text += lane.end
    }
    this.#last = undefined
    return text
  }

  #of(token: Name): Lane | undefined {
    const last = this.#last
    const isLast =
      last?.field === token.field && last.predictor === token.predictor && last.call === token.call
    if (!isLast) {
      this.#last = token
      this.#lane = this.#open.get(laneId(token))?.lane
    }
    return this.#lane
  }
}
