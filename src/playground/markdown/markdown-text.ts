/**
 * Markdown that grows. It is shown as nodes, never as HTML, and what is shown already is never made anew.
 *
 * The parser is streaming-markdown. It takes time in the square of what it holds back to decide what it is, such as a
 * link's address without an end, and it counts a limited number of levels. Beyond either bound a paragraph is shown as
 * it is, up to the next blank line.
 */
import { type Parser, parser, parser_end, parser_write, RAW_URL } from 'streaming-markdown'
import { el } from '../dom.ts'
import { StreamedText } from '../streamed-text.ts'
import { MarkdownNodes } from './markdown-nodes.ts'

/** Characters given to the parser between two looks at its bounds. */
const SLICE = 512

/** The most characters that the parser may hold back. */
const HELD = 2_000

/** The most levels that may be open. */
const LEVELS = 64

/** Levels that the parser has room for: one slice can't fill what is left of them. */
const ROOM = LEVELS + 4 * SLICE

/** How something begins that may be the end or the beginning of markup, and is no text until that is decided. */
const MARKUP = /^[\s*_~`#>|![\]\\<$+-]/

export class MarkdownText {
  readonly element = el('div', 'text markdown')
  #section = newSection()
  /** Takes a paragraph that is shown as it is. */
  #plain: StreamedText | undefined
  #lastOfPlain = ''
  #length = 0
  #isOver = false

  constructor() {
    this.element.append(this.#section.element)
  }

  /** Takes back everything shown so far. */
  clear(): void {
    this.element.replaceChildren()
    this.#begin()
    this.#length = 0
    this.#isOver = false
  }

  /**
   * Shows a text. It begins with everything shown so far.
   *
   * @param isOver whether nothing more comes, so that what was left open isn't markup
   */
  show(text: string, isOver: boolean): void {
    if (this.#isOver) return
    if (text.length > this.#length) {
      this.#section.nodes.dropTail()
      for (let at = this.#length; at < text.length; at += SLICE) this.#write(text.slice(at, at + SLICE))
      this.#length = text.length
      this.#showTail()
    }
    if (!isOver) return
    this.#isOver = true
    this.#section.nodes.dropTail()
    if (!this.#plain) this.#section.end()
  }

  #write(text: string): void {
    const { parser: state, nodes } = this.#section
    if (this.#plain) {
      this.#writePlain(text)
      return
    }
    parser_write(state, text)
    if (state.pending.length <= HELD && state.len <= LEVELS) return
    const held = state.token === RAW_URL ? '' : state.pending
    nodes.endAll()
    this.#plain = new StreamedText('plain')
    this.element.append(this.#plain.element)
    this.#lastOfPlain = ''
    this.#plain.append(held)
  }

  #writePlain(text: string): void {
    const joined = this.#lastOfPlain + text
    const blank = joined.indexOf('\n\n')
    if (blank === -1) {
      this.#plain?.append(text)
      this.#lastOfPlain = text.slice(-1)
      return
    }
    const end = blank + 2 - this.#lastOfPlain.length
    this.#plain?.append(text.slice(0, end))
    this.#begin()
    this.#write(text.slice(end))
  }

  #begin(): void {
    this.#plain = undefined
    this.#section = newSection()
    this.element.append(this.#section.element)
  }

  #showTail(): void {
    const { parser: state, nodes } = this.#section
    if (this.#plain) return
    nodes.showTail(state.token === RAW_URL || MARKUP.test(state.pending) ? '' : state.pending)
  }
}

type Section = {
  readonly element: HTMLElement
  readonly nodes: MarkdownNodes
  readonly parser: Parser
  readonly end: () => void
}

function newSection(): Section {
  const element = el('div', 'section')
  const nodes = new MarkdownNodes(element, () => state.pending)
  const state = parser(nodes.renderer)
  state.tokens = grown(state.tokens)
  state.spaces = new Uint8Array(ROOM)
  const end = () => {
    parser_end(state)
    nodes.endAll()
  }
  return { element, nodes, parser: state, end }
}

function grown(tokens: Uint32Array): Uint32Array {
  const all = new Uint32Array(ROOM)
  all.set(tokens)
  return all
}
