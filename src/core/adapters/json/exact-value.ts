/**
 * A field's value as it grows, kept to the letter: only the first half of a surrogate pair at its end waits for what
 * follows, since readers in Python can't join it to the second.
 */
import { Text } from '../text.ts'
import { isFirstHalf } from '../value.ts'

export class ExactValue {
  isClosed = false
  readonly #text = new Text()
  /** The first halves of pairs that the value would end in now: several, where a model writes lone ones. */
  #waiting = ''

  get text(): string {
    return this.#text.toString()
  }

  /** @returns what may leave now; '' where everything has to wait */
  add(piece: string): string {
    let end = piece.length
    while (end > 0 && isFirstHalf(piece.charAt(end - 1))) end--
    if (end === 0) {
      this.#waiting += piece
      return ''
    }
    const out = this.#waiting + piece.slice(0, end)
    this.#waiting = piece.slice(end)
    this.#text.add(out)
    return out
  }

  /** @returns what still waited */
  close(): string {
    this.isClosed = true
    this.#text.add(this.#waiting)
    return this.#waiting
  }
}
