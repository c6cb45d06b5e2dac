/**
 * A value that streams as JSON: as the model writes it, and once it is closed, one member a line. The characters of its
 * texts and numbers stay the model's own. The reader's choice of raw texts leaves it as it was written.
 */
import { el } from './dom.ts'
import { SWITCHED, showsRaw } from './markdown/text-switch.ts'
import { StreamedText } from './streamed-text.ts'

/** The longest text that is laid out in lines, in UTF-16 units: each part of it is an element of the page. */
const LONGEST = 50_000

/** The longest text that is read at a glance on one line. */
const SHORT = 60

/** A JSON text's parts: a string and whether it is a key, a mark, anything else. */
const PARTS = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\],:]|[^\s{}[\],:"]+/gs

export class JsonText {
  readonly element = el('div', SWITCHED)
  #written = new StreamedText('text json')
  #text = ''
  #isOver = false

  constructor() {
    this.element.append(this.#written.element)
    this.element.addEventListener(SWITCHED, () => this.#showWhole())
  }

  /** Takes back everything shown so far. */
  clear(): void {
    this.#text = ''
    this.#isOver = false
    this.#written.clear()
    this.element.replaceChildren(this.#written.element)
  }

  /**
   * Shows a text. It begins with everything shown so far.
   *
   * @param isOver whether nothing more comes
   */
  show(text: string, isOver: boolean): void {
    if (text === this.#text && isOver === this.#isOver) return
    this.#text = text
    this.#isOver = isOver
    this.#written.show(text)
    if (isOver) this.#showWhole()
  }

  #showWhole(): void {
    const { length } = this.#text
    const mayBe = this.#isOver && !showsRaw() && length > SHORT && length <= LONGEST
    const isLaidOut = mayBe && isJsonText(this.#text)
    const lines = isLaidOut ? el('div', 'text json laid-out', ...partsOf(this.#text)) : this.#written.element
    this.element.replaceChildren(lines)
  }
}

function isJsonText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null // others have no members
  } catch {
    return false
  }
}

/** What a valid JSON text looks like with one member a line: white space as text, strings and others as elements. */
function partsOf(text: string): (string | HTMLElement)[] {
  const parts: (string | HTMLElement)[] = []
  let depth = 0
  let before = ''
  const line = () => `\n${'  '.repeat(depth)}`
  for (const [part, colon] of text.matchAll(PARTS)) {
    const opens = before === '{' || before === '['
    if (part === '}' || part === ']') {
      depth--
      if (!opens) parts.push(line())
      parts.push(part)
    } else {
      if (opens) parts.push(line())
      if (colon !== undefined) parts.push(el('span', 'key-name', part.slice(0, -colon.length)), ': ')
      else if (part === ',') parts.push(',', line())
      else if (part === '{' || part === '[') {
        depth++
        parts.push(part)
      } else parts.push(el('span', part.startsWith('"') ? 'string' : 'literal', part))
    }
    before = part
  }
  return parts
}
