/**
 * A text that grows. What is there is never touched again: what is new is appended to the last text node.
 *
 * A browser lays out a paragraph as a whole, so appending to one of 300,000 characters costs a frame. A long text
 * is therefore cut into blocks, behind line feeds only: it looks the same, and only the last block is laid out.
 */
import { el } from './dom.ts'

/** Characters after which the next line feed ends a block. */
const BLOCK = 4_000

export class StreamedText {
  readonly element = el('div', 'text')
  #last: Text | undefined
  #length = 0

  /** Shows a text that begins with all that has been shown so far. */
  show(text: string): void {
    if (text.length === this.#length) return
    const fresh = text.slice(this.#length)
    this.#length = text.length
    const end = (this.#last?.length ?? 0) + fresh.length > BLOCK ? fresh.lastIndexOf('\n') + 1 : 0
    if (end > 0) {
      this.#append(fresh.slice(0, end))
      this.#last = undefined
    }
    if (end < fresh.length) this.#append(fresh.slice(end))
  }

  #append(text: string): void {
    if (this.#last) {
      this.#last.appendData(text)
    } else {
      this.#last = document.createTextNode(text)
      this.element.append(el('div', 'block', this.#last))
    }
  }
}
