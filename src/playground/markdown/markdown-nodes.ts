/**
 * What the Markdown parser finds, as elements of a short list. Text goes in as text nodes. What only looked like markup,
 * such as an asterisk without a partner or a link to a script, stands there as it was written.
 */
import {
  type Attr,
  BLOCKQUOTE,
  CHECKBOX,
  CHECKED,
  CODE_BLOCK,
  CODE_FENCE,
  CODE_INLINE,
  DOCUMENT,
  EQUATION_BLOCK,
  EQUATION_INLINE,
  HEADING_1,
  HEADING_2,
  HEADING_3,
  HEADING_4,
  HEADING_5,
  HEADING_6,
  HREF,
  IMAGE,
  ITALIC_AST,
  ITALIC_UND,
  LANG,
  LINE_BREAK,
  LINK,
  LIST_ITEM,
  LIST_ORDERED,
  LIST_UNORDERED,
  PARAGRAPH,
  RAW_URL,
  type Renderer,
  RULE,
  SRC,
  START,
  STRIKE,
  STRONG_AST,
  STRONG_UND,
  TABLE,
  TABLE_CELL,
  TABLE_ROW,
  type Token,
} from 'streaming-markdown'
import { el } from '../dom.ts'
import { CodeBlock } from './code-block.ts'
import { linkAddress } from './link-address.ts'
import { TableNodes } from './table-nodes.ts'

/** The deepest element. What is deeper goes into it: browsers lay out by recursion. */
const DEEPEST = 24

/** Characters after which a text goes on in a new node: browsers shape a node as a whole. */
const NODE = 1_000

/** Elements that are nothing but their name. Headings begin below those of the page. */
const TAGS = new Map<Token, keyof HTMLElementTagNameMap>([
  [PARAGRAPH, 'p'],
  [HEADING_1, 'h3'],
  [HEADING_2, 'h4'],
  [HEADING_3, 'h5'],
  [HEADING_4, 'h6'],
  [HEADING_5, 'h6'],
  [HEADING_6, 'h6'],
  [BLOCKQUOTE, 'blockquote'],
  [LIST_UNORDERED, 'ul'],
  [LIST_ORDERED, 'ol'],
  [LIST_ITEM, 'li'],
  [LINE_BREAK, 'br'],
  [RULE, 'hr'],
  [EQUATION_BLOCK, 'code'],
  [EQUATION_INLINE, 'code'],
  [CODE_INLINE, 'code'],
  [ITALIC_AST, 'em'],
  [ITALIC_UND, 'em'],
  [STRONG_AST, 'strong'],
  [STRONG_UND, 'strong'],
  [STRIKE, 's'],
])

/** Markup that only its partner makes markup. */
const DELIMITERS = new Map<Token, string>([
  [CODE_INLINE, '`'],
  [ITALIC_AST, '*'],
  [ITALIC_UND, '_'],
  [STRONG_AST, '**'],
  [STRONG_UND, '__'],
  [STRIKE, '~~'],
])

type Open = {
  readonly token: Token
  /** Takes children and text. */
  node: Element
  readonly code?: CodeBlock
  readonly table?: TableNodes
  /** A delimiter that is text, since it stands inside a word. */
  readonly literal?: string
  /** A link's or an image's address, once it is known. */
  address?: string
}

export class MarkdownNodes {
  readonly renderer: Renderer<undefined> = {
    data: undefined,
    add_token: (_, token) => this.#add(token),
    end_token: () => this.#end(),
    add_text: (_, text) => this.#write(text),
    set_attr: (_, attribute, value) => this.#set(attribute, value),
  }
  readonly #root: Element
  readonly #pending: () => string
  readonly #open: Open[] = []
  /** Written to the current element and not shown yet: a text that is shown bit by bit is laid out bit by bit. */
  #fresh = ''
  #tail: { readonly node: Text; readonly length: number } | undefined
  /** The last character written, which tells whether an underscore stands inside a word. */
  #last = ''

  /** @param pending what the parser holds back: it tells an end that was written from one that was not */
  constructor(root: Element, pending: () => string) {
    this.#root = root
    this.#pending = pending
  }

  /**
   * Shows what the parser holds back after the text, until `dropTail`: the last letter of a word would otherwise be
   * missing. Code comes in whole lines and needs none.
   */
  showTail(text: string): void {
    const isCode = this.#open.at(-1)?.code !== undefined
    const tail = isCode ? '' : text
    this.#fresh += tail
    const node = this.flush()
    if (node && tail !== '') this.#tail = { node, length: tail.length }
  }

  /** Takes back what `showTail` has shown. */
  dropTail(): void {
    if (!this.#tail) return
    const { node, length } = this.#tail
    node.deleteData(node.length - length, length)
    this.#tail = undefined
  }

  /** Ends what the text has left open. */
  endAll(): void {
    while (this.#open.length > 0) this.#end(true)
  }

  get #node(): Element {
    return this.#open.at(-1)?.node ?? this.#root
  }

  #add(token: Token): void {
    if (token === DOCUMENT) return
    this.flush()
    const literal = this.#literal(token)
    if (literal !== undefined) {
      this.#open.push({ token, node: this.#node, literal })
      this.#write(literal)
    } else this.#open.push(this.#opened(token))
    if (!DELIMITERS.has(token)) this.#last = ''
  }

  #opened(token: Token): Open {
    const parent = this.#node
    if (token === CODE_BLOCK || token === CODE_FENCE) {
      const code = new CodeBlock()
      parent.append(code.element)
      return { token, node: code.element, code }
    }
    if (token === TABLE) {
      const table = new TableNodes()
      parent.append(table.element)
      return { token, node: table.element, table }
    }
    const table = this.#open.findLast((one) => one.table)?.table
    if (table && token === TABLE_ROW) return { token, node: table.row() }
    if (table && token === TABLE_CELL) return { token, node: table.cell() }
    if (this.#open.length >= DEEPEST) return { token, node: parent }
    const node = token === CHECKBOX ? el('span', 'checkbox', '☐') : el(TAGS.get(token) ?? 'span')
    parent.append(node)
    if (token === LINE_BREAK) parent.append('\n') // shows as nothing; whoever reads the text alone has its lines
    return { token, node }
  }

  /** An underscore after a letter or a digit is a part of a name: `file_name`. */
  #literal(token: Token): string | undefined {
    const isUnderscore = token === ITALIC_UND || token === STRONG_UND
    return isUnderscore && /[\p{L}\p{N}]/u.test(this.#last) ? DELIMITERS.get(token) : undefined
  }

  #end(isCut = false): void {
    const open = this.#open.at(-1)
    if (!open) return
    const parent = this.#open.at(-2)?.node ?? this.#root
    const delimiter = DELIMITERS.get(open.token)
    if (delimiter !== undefined) {
      const held = this.#pending()
      // What the parser holds as it ends something is the first part of the delimiter; of a tick, that is nothing.
      const isClosed =
        !isCut && (delimiter === '`' ? /^ ?`*$/.test(held) : held.startsWith(delimiter[0] as string))
      if (open.literal === undefined) {
        if (!isClosed && open.node !== parent) asText(open.node, delimiter)
      } else if (isClosed) this.#write(open.literal)
    }
    this.flush()
    this.#open.pop()
    if (open.token === LINK || open.token === RAW_URL || open.token === IMAGE) endLink(open, parent)
  }

  #write(text: string): void {
    this.#last = text.at(-1) ?? this.#last
    this.#fresh += text
  }

  /**
   * Shows what was written to the current element.
   *
   * @returns the node that it is at the end of, unless there was nothing or it is code
   */
  flush(): Text | undefined {
    const text = this.#fresh
    this.#fresh = ''
    if (text === '') return undefined
    const open = this.#open.at(-1)
    if (open?.code) {
      open.code.append(text)
      return undefined
    }
    const { lastChild } = this.#node
    if (lastChild instanceof Text && lastChild.length < NODE) {
      lastChild.appendData(text)
      return lastChild
    }
    const node = document.createTextNode(text)
    this.#node.append(node)
    return node
  }

  #set(attribute: Attr, value: string): void {
    const open = this.#open.at(-1)
    if (!open) return
    if (attribute === HREF || attribute === SRC) open.address = value
    if (attribute === LANG) open.code?.name(value)
    if (attribute === CHECKED) open.node.textContent = '☑'
    if (attribute === START && open.node instanceof HTMLOListElement) open.node.start = Number(value) || 1
  }
}

/** Shows what has begun with a delimiter and never ended as the text that it is. */
function asText(node: Element, delimiter: string): void {
  node.prepend(delimiter)
  node.className = 'open'
}

/** Makes a link of an address that may be one. Images aren't loaded: their link has their description. */
function endLink({ token, node, address }: Open, parent: Element): void {
  if (node === parent) return // too deep for an element of its own
  const end = token === RAW_URL ? (address?.search(/[.,;:!?*_~)'"]+$/) ?? -1) : -1
  const bare = end > 0 ? address?.slice(0, end) : address
  const href = bare === undefined ? undefined : linkAddress(bare)
  if (href === undefined) {
    if (token === RAW_URL) return
    node.prepend(token === IMAGE ? '![' : '[')
    node.append(address === undefined ? ']' : `](${address})`)
    return
  }
  const link = el('a')
  link.href = href
  link.target = '_blank'
  link.rel = 'noopener noreferrer'
  if (token === RAW_URL) link.append(bare ?? '')
  else link.append(...node.childNodes)
  if (token === IMAGE) {
    link.className = 'image'
    if (link.textContent === '') link.append(href)
  }
  node.replaceChildren(link, ...(end > 0 ? [address?.slice(end) ?? ''] : []))
}
