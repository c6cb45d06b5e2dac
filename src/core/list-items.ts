/**
 * The JSON text of a list, in any pieces -> the text of each item, as soon as it is closed. What stands before the
 * list, such as a fence of Markdown, is passed over. No character is looked at twice. Quotes may be single ones, since
 * models write Python's lists too.
 */
export class ListItems {
  /** How many brackets are open: 1 in the list itself, 0 before and after it. */
  #depth = 0
  /** The quote that ends the text that is being read. */
  #quote: string | undefined
  #isEscaped = false
  #isOver = false
  /** The item that is being read. */
  #pieces: string[] = []

  /** @returns the items that this piece has closed */
  push(text: string): string[] {
    const items: string[] = []
    let from = this.#depth > 0 ? 0 : text.length
    for (let at = 0; at < text.length && !this.#isOver; at++) {
      const character = text.charAt(at)
      if (this.#quote !== undefined) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (character === '\\') this.#isEscaped = true
        else if (character === this.#quote) this.#quote = undefined
      } else if (this.#depth === 0) {
        if (character === '[') {
          this.#depth = 1
          from = at + 1
        }
      } else if (character === '"' || character === "'") {
        this.#quote = character
      } else if (character === '[' || character === '{') {
        this.#depth++
      } else if (character === ']' || character === '}') {
        this.#depth--
        if (this.#depth > 0) continue
        this.#isOver = true
        this.#close(text.slice(from, at), items)
      } else if (character === ',' && this.#depth === 1) {
        this.#close(text.slice(from, at), items)
        from = at + 1
      }
    }
    if (!this.#isOver) this.#pieces.push(text.slice(from))
    return items
  }

  #close(end: string, items: string[]): void {
    const item = (this.#pieces.join('') + end).trim()
    this.#pieces = []
    if (item !== '') items.push(item) // an empty list has none, and some models end one with a comma
  }
}
