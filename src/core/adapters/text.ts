/** A text that grows by small pieces, as every value does that a model writes. */

/** Pieces that are put together before what is kept of a long value may pile up. */
const PIECES = 256

/**
 * Adding the pieces to a string would keep each of them, and the whole read of the network that it is a slice of, for as
 * long as the text lives, and give the garbage collector most of its work.
 */
export class Text {
  #text = ''
  #pieces: string[] = []

  add(piece: string): void {
    this.#pieces.push(piece)
    if (this.#pieces.length === PIECES) this.#join()
  }

  toString(): string {
    this.#join()
    return this.#text
  }

  #join(): void {
    this.#text += this.#pieces.join('')
    this.#pieces = []
  }
}
