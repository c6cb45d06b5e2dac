/** A fold with code that does what the page does, and a button that copies it. */
import { copyButton } from './copy-button.ts'
import { el, setText } from './dom.ts'

export class CodePanel {
  readonly element: HTMLDetailsElement
  readonly #code = el('pre', 'code')

  constructor(name: string, hint: string) {
    const copy = copyButton(`the ${name} code`, () => this.#code.textContent ?? '')
    this.#code.tabIndex = 0
    this.#code.role = 'group'
    this.#code.ariaLabel = `${name} code`
    this.element = el(
      'details',
      '',
      el('summary', '', name),
      el('div', 'head', el('p', 'note', hint), copy),
      this.#code,
    )
  }

  show(code: string): void {
    setText(this.#code, code)
  }
}
