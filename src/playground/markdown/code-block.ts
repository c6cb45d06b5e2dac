/** A block of code in a model's text, with its language and a button that copies it. */
import { copyButton } from '../copy-button.ts'
import { el } from '../dom.ts'
import { StreamedText } from '../streamed-text.ts'

/** Characters of a language's name: hostile ones may be long. */
const NAME = 40

export class CodeBlock {
  readonly element: HTMLElement
  readonly #name = el('span', 'language')
  readonly #code = new StreamedText('code-lines')

  constructor() {
    const lines = el('pre', '', this.#code.element)
    lines.tabIndex = 0 // it scrolls, so it must be reachable by keyboard
    lines.role = 'group'
    lines.ariaLabel = 'Code'
    const copy = copyButton('the code', () => this.#code.element.textContent ?? '')
    this.element = el('div', 'code-block', el('div', 'head', this.#name, copy), lines)
  }

  name(language: string): void {
    this.#name.textContent = language.slice(0, NAME)
  }

  append(text: string): void {
    this.#code.append(text)
  }
}
