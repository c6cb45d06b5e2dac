/**
 * Lanes for a reader with one voice. The lane that spoke first goes out as it comes. Those that write at the same time
 * wait, and follow in the order in which they began: what has been written of one at once, the rest as it comes. What
 * waits is never more than the completions themselves, whose size is limited.
 */
import type { TokenFrame } from '../core/frame.ts'

/** UTF-16 units of a lane that waited which are said in one piece. */
const PIECE = 4 * 1024

export type Lane = Pick<TokenFrame, 'predictor' | 'field' | 'call'>

/** Gets a piece of a lane's text, which isn't empty. `isFirst`: nothing of this lane came before. */
export type Say = (text: string, lane: Lane, isFirst: boolean) => void

type Waiting = { readonly lane: Lane; text: string; isOver: boolean }

export class InTurn {
  readonly #say: Say
  /** The lane whose turn it is. While there is none, nothing waits. */
  #live: Lane | undefined
  /** The others that have begun, in order. */
  readonly #waiting = new Map<string, Waiting>()

  constructor(say: Say) {
    this.#say = say
  }

  /** Says a chunk, or keeps it until it is its lane's turn. A lane without text has no turn. */
  take(frame: TokenFrame): void {
    const live = this.#live
    if (live?.field === frame.field && live.predictor === frame.predictor && live.call === frame.call) {
      if (frame.chunk !== '') this.#say(frame.chunk, live, false)
      if (frame.is_last) this.#goOn()
    } else if (live) {
      this.#wait(frame)
    } else if (frame.chunk !== '') {
      if (!frame.is_last) this.#live = frame
      this.#say(frame.chunk, frame, true)
    }
  }

  /** No more comes of the lanes for which this holds. */
  end(isOver: (lane: Lane) => boolean): void {
    for (const waiting of this.#waiting.values()) waiting.isOver ||= isOver(waiting.lane)
    if (this.#live && isOver(this.#live)) this.#goOn()
  }

  /** No more comes of any: says all that waits. */
  endAll(): void {
    this.end(() => true)
  }

  #wait({ predictor, field, call, chunk, is_last }: TokenFrame): void {
    const key = `${predictor} ${field} ${call}`
    const known = this.#waiting.get(key)
    if (known) {
      known.text += chunk
      known.isOver ||= is_last
    } else if (chunk !== '') {
      this.#waiting.set(key, { lane: { predictor, field, call }, text: chunk, isOver: is_last })
    }
  }

  #goOn(): void {
    this.#live = undefined
    for (const [key, { lane, text, isOver }] of this.#waiting) {
      this.#waiting.delete(key)
      let isFirst = true
      for (const piece of piecesOf(text)) {
        this.#say(piece, lane, isFirst)
        isFirst = false
      }
      if (isOver) continue
      this.#live = lane
      return
    }
  }
}

/** A text in pieces, none of which ends within a character. */
function* piecesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = at + PIECE
    const isCut = end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800
    const to = isCut ? end - 1 : end
    yield text.slice(at, to)
    at = to
  }
}
