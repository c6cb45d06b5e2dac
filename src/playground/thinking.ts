/**
 * A lane's reasoning as one line that opens: the last words while the model still thinks, how much there is once it
 * writes.
 */

import { REASONING } from '../client/index.ts'
import { el, setText } from './dom.ts'
import { StreamedText } from './streamed-text.ts'

/** Characters that fit on no line. */
const TAIL = 160

export class Thinking {
  readonly #text = new StreamedText()
  readonly #label = el('span', 'label')
  readonly #words = el('span')
  readonly element = el(
    'details',
    'reasoning',
    el('summary', '', this.#label, el('span', 'tail', this.#words)),
    this.#text.element,
  )

  constructor() {
    this.element.hidden = true
  }

  clear(): void {
    this.#text.clear()
    this.element.hidden = true
  }

  /**
   * @param text begins with everything shown so far
   * @param goesOn whether the model is still at it
   */
  show(text: string, goesOn: boolean): void {
    if (text === '') return
    this.element.hidden = false
    this.#text.show(text)
    setText(
      this.#label,
      goesOn
        ? `${REASONING}:`
        : `${REASONING} (${text.length.toLocaleString('en')} ${text.length === 1 ? 'character' : 'characters'})`,
    )
    setText(this.#words, goesOn ? lastWords(text) : '')
  }
}

/** The end of a text on one line, from the beginning of a word. */
export function lastWords(text: string): string {
  const end = text.slice(-TAIL)
  const from = text.length > TAIL ? end.search(/\s/) + 1 : 0
  return onOneLine(end.slice(from))
}

/** The beginning of a text on one line. It may end inside a word: the line ends earlier. */
export const firstWords = (text: string) => onOneLine(text.slice(0, TAIL))

/** Without what Markdown marks headings, lists, quotes, strong words and code with: there is no room for these. */
const onOneLine = (text: string) =>
  text
    .replaceAll(/^\s*(?:#{1,6}|[-*+>])\s+/gm, '')
    .replaceAll(/\*\*|`+/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
