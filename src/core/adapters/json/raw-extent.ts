/**
 * Finds where a JSON value ends, in text that begins with it and comes in any pieces. It only counts brackets and skips
 * texts in quotes; whether the value is valid JSON shows when it is read.
 */
import { isBlank } from './blank.ts'

export class RawExtent {
  /** Whether the value's end has been seen. */
  isOver = false
  /** How many brackets are open. */
  #depth = 0
  #isInText = false
  #isEscaped = false
  /** Whether it is a number, a constant such as `true`, or anything else without quotes or brackets around it. */
  #isBare = false

  /** @returns where in this piece, from `from` on, the value ends; the piece's length if it goes on */
  read(piece: string, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const character = piece.charAt(at)
      if (this.#isInText) this.#readText(character)
      else if (!this.#isBare) this.#readMark(character)
      // A bare value has no end of its own: what follows ends it.
      else if (isBlank(character) || ',]}'.includes(character)) return this.#endAt(at)
      if (!this.#isBare && !this.#isInText && this.#depth === 0) return this.#endAt(at + 1)
    }
    return piece.length
  }

  #endAt(at: number): number {
    this.isOver = true
    return at
  }

  #readText(character: string): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (character === '\\') this.#isEscaped = true
    else if (character === '"') this.#isInText = false
  }

  #readMark(character: string): void {
    if (character === '"') this.#isInText = true
    else if (character === '[' || character === '{') this.#depth++
    else if (character === ']' || character === '}') this.#depth--
    else if (this.#depth === 0) this.#isBare = true
  }
}
