/** A text that a model writes for people: as Markdown, or as it wrote it, and the other as soon as the reader says so. */
import { el } from '../dom.ts'
import { StreamedText } from '../streamed-text.ts'
import { MarkdownText } from './markdown-text.ts'
import { SWITCHED, showsRaw } from './text-switch.ts'

export class Prose {
  readonly element = el('div', SWITCHED)
  #shown = newText()
  #text = ''
  #isOver = false

  constructor() {
    this.element.append(this.#shown.element)
    this.element.addEventListener(SWITCHED, () => {
      this.#shown = newText()
      this.element.replaceChildren(this.#shown.element)
      this.#shown.show(this.#text, this.#isOver)
    })
  }

  /** Takes back everything shown so far. */
  clear(): void {
    this.#text = ''
    this.#isOver = false
    this.#shown.clear()
  }

  /**
   * Shows a text. It begins with everything shown so far.
   *
   * @param isOver whether nothing more comes
   */
  show(text: string, isOver: boolean): void {
    this.#text = text
    this.#isOver = isOver
    this.#shown.show(text, isOver)
  }
}

const newText = () => (showsRaw() ? new StreamedText() : new MarkdownText())
