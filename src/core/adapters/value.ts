/**
 * A field's value as it grows: white space at its start is dropped, white space at its end waits for what follows, and
 * so does the first half of a surrogate pair.
 */

import { Text } from './text.ts'

/** Whether `trim()` drops this character. */
export const isSpace = (character: string) => character.trim() === ''

export class Value {
  isClosed = false
  readonly #text = new Text()
  #hasText = false
  /** The white space and halves of pairs that the value would end in now. */
  #waiting = ''

  /** Whether nothing but white space has come. */
  get isEmpty(): boolean {
    return !this.#hasText && this.#waiting === ''
  }

  get text(): string {
    return this.#text.toString()
  }

  /** @returns what may leave now; '' where everything has to wait */
  add(piece: string): string {
    const rest = this.isEmpty ? piece.trimStart() : piece
    const end = endOfSolid(rest)
    if (end === 0) {
      this.#waiting += rest
      return ''
    }
    const solid = end === rest.length ? rest : rest.slice(0, end)
    const out = this.#waiting === '' ? solid : this.#waiting + solid
    this.#waiting = end === rest.length ? '' : rest.slice(end)
    return this.#take(out)
  }

  /** @returns what still waited and is part of the value: all but the white space at its end */
  close(): string {
    this.isClosed = true
    return this.#take(this.#waiting.trimEnd())
  }

  #take(text: string): string {
    this.#hasText ||= text !== ''
    this.#text.add(text)
    return text
  }
}

/** Where the white space and the first halves of surrogate pairs at a text's end begin. */
function endOfSolid(text: string): number {
  let end = text.trimEnd().length
  while (end > 0 && isFirstHalf(text.charAt(end - 1))) {
    end--
    while (end > 0 && isSpace(text.charAt(end - 1))) end--
  }
  return end
}

/** Whether this is the first half of a surrogate pair. */
export const isFirstHalf = (unit: string) => unit >= '\ud800' && unit <= '\udbff'
