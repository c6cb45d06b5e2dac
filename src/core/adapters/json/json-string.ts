/** What follows the opening quote of a JSON string, in any pieces -> its characters, escapes decoded. */

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The escapes of one letter (RFC 8259 §7). */
const LETTERS: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/** UTF-16 units of `\uXXXX`. */
const UNICODE_ESCAPE = 6

/**
 * Reads no character twice: an escape that is cut is kept until the rest of it comes. JSON wants control characters
 * escaped, but models write line feeds as they are, and that can only mean one thing, so it is accepted. An unknown
 * escape isn't: it could mean the letter alone, or the backslash too.
 */
export class JsonString {
  /** Whether the closing quote has been read. */
  isOver = false
  /** Whether an unknown escape has come, after which nothing can be read. */
  isBroken = false
  /** Where reading ended in the latest piece: after the closing quote, after what broke it, or at the piece's end. */
  end = 0
  /** What has come of an escape, from its backslash on; '' outside of one. */
  #escape = ''

  /**
   * @param from where in the piece to begin
   * @returns the characters that this piece brought
   */
  read(piece: string, from: number): string {
    let text = ''
    let start = from // what precedes it has been taken
    let at = from
    for (; at < piece.length && !this.isOver && !this.isBroken; at++) {
      const code = piece.charCodeAt(at)
      if (this.#escape !== '') {
        text += this.#readEscape(piece.charAt(at))
        start = at + 1
      } else if (code === QUOTE || code === BACKSLASH) {
        text += piece.slice(start, at)
        start = at + 1
        if (code === QUOTE) this.isOver = true
        else this.#escape = '\\'
      }
    }
    this.end = at
    return text + piece.slice(start, at)
  }

  /** @returns the character that this one completes the escape of; '' as long as it goes on */
  #readEscape(character: string): string {
    const soFar = this.#escape + character
    if (soFar.length === 2 && character !== 'u') {
      this.#escape = ''
      const letter = LETTERS[character]
      this.isBroken = letter === undefined
      return letter ?? ''
    }
    this.isBroken = soFar.length > 2 && !/[\da-f]/i.test(character)
    const isWhole = soFar.length === UNICODE_ESCAPE && !this.isBroken
    this.#escape = isWhole ? '' : soFar
    return isWhole ? String.fromCharCode(Number.parseInt(soFar.slice(2), 16)) : ''
  }
}
