/**
 * What a dialect keeps of the lanes that are being written: the pieces of text that stand around their chunks. Most
 * tokens are of the same lane as the one before, so that is the first place to look.
 */
import type { StatusFrame, TokenFrame } from '../core/frame.ts'
import { inJson } from './native.ts'

type Name = Pick<TokenFrame, 'predictor' | 'field' | 'call'>

/** Names a lane: the predictor may have dots, the field and the call's number have none. */
export const laneId = ({ predictor, field, call = 1 }: Name): string => `${predictor}.${field}.${call}`

/**
 * Which lanes a status speaks of: all of a module, or those of one call of a part. Lanes below that part are its own too,
 * whatever their calls: a part that is made of others (`act`) is called as one, and fails with all of them
 * (`act.weather`).
 */
export const coveredBy = ({ module, predictor, call }: StatusFrame) => {
  const part = predictor ?? module
  const isWhole = predictor === undefined
  return (lane: Omit<Name, 'field'>): boolean =>
    lane.predictor === part ? isWhole || lane.call === call : lane.predictor.startsWith(`${part}.`)
}

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
  /** Those that were cut: clients take it badly if one of them speaks again. */
  readonly #cut = new Set<string>()
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
      if (this.#cut.has(laneId(token))) return ''
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

  /** Cuts those that are open, or some of them. @returns their ends, in the order in which they began */
  end(isOne: (name: Name) => boolean = () => true): string {
    let text = ''
    for (const [id, { name, lane }] of this.#open) {
      if (!isOne(name)) continue
      this.#open.delete(id)
      this.#cut.add(id)
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
