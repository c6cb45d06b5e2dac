/**
 * A text that grows. What is already shown is never touched until all of it is void: new text is appended to the last text node.
 *
 * Browsers lay out a paragraph as a whole and shape a text node as a whole, so appending to one long node soon takes
 * longer than an animation frame. A long text is therefore split: into blocks after line feeds, or else into nodes
 * after spaces, where letters never join. It looks the same and can be selected as one text.
 */
import { el } from './dom.ts'

/** Characters after which the next line feed or space ends a text node. */
const NODE = 1_000

export class StreamedText {
  readonly element: HTMLElement
  #block: HTMLElement | undefined
  #node: Text | undefined
  #length = 0

  constructor(className = 'text') {
    this.element = el('div', className)
  }

  /** Takes back everything shown so far. */
  clear(): void {
    this.element.replaceChildren()
    this.#block = undefined
    this.#node = undefined
    this.#length = 0
  }

  /** Shows a text. It begins with everything shown so far. */
  show(text: string): void {
    if (text.length > this.#length) this.append(text.slice(this.#length))
  }

  /** Shows more text, after everything shown so far. */
  append(fresh: string): void {
    this.#length += fresh.length
    const end = (this.#node?.length ?? 0) + fresh.length > NODE ? endOfPart(fresh) : 0
    if (end > 0) {
      this.#grow(fresh.slice(0, end))
      this.#node = undefined
      if (fresh[end - 1] === '\n') this.#block = undefined
    }
    if (end < fresh.length) this.#grow(fresh.slice(end))
  }

  #grow(text: string): void {
    if (this.#node) {
      this.#node.appendData(text)
      return
    }
    if (!this.#block) {
      this.#block = el('div', 'block')
      this.element.append(this.#block)
    }
    this.#node = document.createTextNode(text)
    this.#block.append(this.#node)
  }
}

/** The position after the last line feed, or else after the last space; 0 if there is neither. */
const endOfPart = (text: string) => text.lastIndexOf('\n') + 1 || text.lastIndexOf(' ') + 1
