/**
 * Markdown -> lines for a terminal, one source line after another, so that a text can be shown while it is written.
 * Libraries such as marked parse whole texts: what they made of the beginning may change with the end, and by then it
 * is in the scroll-back.
 *
 * Tables, links and HTML stay as they are written.
 */
import stringWidth from 'string-width'
import type { Paint, Style } from './paint.ts'
import { type Span, spansOf } from './spans.ts'
import { wrap } from './wrap.ts'

/** What a source line is part of, and what stands before its text. */
type Block = {
  /** Before its first line. */
  readonly head: string
  /** Before each further line. */
  readonly hanging: string
  readonly headStyle?: Style
  readonly styles: readonly Style[]
  /** Whether its text has markers within. */
  readonly isInline: boolean
}

/** A place between two lines on the terminal, from which the source can be dressed on without what is before. */
export type Point = {
  /** UTF-16 units of the source that come before. */
  readonly at: number
  /** What closes the code block that the place is in. */
  readonly fence: string | undefined
  /** In the middle of a source line: its block, and the markers that are still open. */
  readonly within?: { readonly block: Block; readonly markers: string } | undefined
}

export const START: Point = { at: 0, fence: undefined }

/** A line on the terminal, and where the next one begins. */
export type DressedLine = { readonly text: string; readonly next: Point }

/** Columns of a tab. In code it is indentation, for which the terminal's own 8 are too many. */
const TAB = '    '

/**
 * Dresses one source line.
 *
 * @param source harmless text (`harmless.ts`)
 * @param columns that a line may take
 * @returns at least one line; the last one's `next` is the next source line
 */
export function dressLine(source: string, from: Point, columns: number, paint: Paint): DressedLine[] {
  const found = source.indexOf('\n', from.at)
  const end = found === -1 ? source.length : found
  const line = source.slice(from.at, end)
  const { fence, block, text } = from.within
    ? { fence: from.fence, block: from.within.block, text: line }
    : blockOf(line, from.fence, columns)
  const after: Point = { at: found === -1 ? end : end + 1, fence }
  const open = from.within?.markers ?? ''
  const at = end - text.length - open.length
  const spans = block.isInline
    ? spansOf(open + text, at, block.styles)
    : [{ text, at, styles: block.styles, markers: '' }]
  const visible = spans.map((span) => span.text.replaceAll('\t', TAB)).join('')
  const head = from.within ? block.hanging : block.head
  const cuts = wrap(visible, columns - stringWidth(head), columns - stringWidth(block.hanging))
  return cuts.map(({ from: start, to, next }, index) => ({
    text: paint(block.headStyle, index === 0 ? head : block.hanging) + painted(spans, start, to, paint),
    next: index === cuts.length - 1 ? after : { fence, ...pointIn(spans, next, block) },
  }))
}

/** The block of a source line, its text without what marks the block, and the code block that is open after it. */
function blockOf(
  line: string,
  fence: string | undefined,
  columns: number,
): { fence: string | undefined; block: Block; text: string } {
  const plain = { head: '', hanging: '', styles: [], isInline: true } as const
  const mark = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line)
  if (fence !== undefined) {
    const closes = mark?.[1]?.startsWith(fence) && mark[2]?.trim() === ''
    const block = { ...plain, styles: [closes ? 'dim' : 'cyan'] as const, isInline: false }
    return { fence: closes ? undefined : fence, block, text: line }
  }
  if (mark && !mark[2]?.includes('`')) {
    return { fence: mark[1], block: { ...plain, styles: ['dim'], isInline: false }, text: line }
  }
  if (/^ {0,3}([-*_])(?: *\1){2,} *$/.test(line)) {
    return { fence, block: { ...plain, head: '─'.repeat(Math.min(columns, 40)), headStyle: 'dim' }, text: '' }
  }
  const heading = /^ {0,3}#{1,6} +/.exec(line)
  if (heading) return { fence, block: { ...plain, styles: ['bold'] }, text: line.slice(heading[0].length) }

  const [, quotes, indent, item] = /^((?: {0,3}>)*)(\s*)([-*+] +|\d{1,9}[.)] +)?/.exec(line) ?? []
  const bars = '│ '.repeat(quotes?.match(/>/g)?.length ?? 0)
  const space = (bars === '' ? indent : indent?.slice(1)) ?? ''
  const head = bars + space.replaceAll('\t', TAB) + (item?.replace(/^[-*+] +/, '• ') ?? '')
  const text = line.slice((quotes + (indent ?? '') + (item ?? '')).length)
  // Where the indentation is deep, the text has the room.
  const hanging = stringWidth(head) > columns / 2 ? '' : bars + ' '.repeat(stringWidth(head) - bars.length)
  const block = { ...plain, head: hanging === '' ? head.trimStart() : head, hanging }
  return { fence, block: bars === '' ? block : { ...block, headStyle: 'dim' }, text }
}

/** What of the spans is visible between two offsets of all of their text. */
function painted(spans: readonly Span[], from: number, to: number, paint: Paint): string {
  let start = 0
  return spans
    .map(({ text, styles }) => {
      const shown = text.replaceAll('\t', TAB)
      const part = shown.slice(Math.max(0, from - start), Math.max(0, to - start))
      start += shown.length
      return styles.reduce((inner, style) => paint(style, inner), part)
    })
    .join('')
}

/** Where in the source a visible offset is. */
function pointIn(
  spans: readonly Span[],
  visible: number,
  block: Block,
): Pick<Point, 'at'> & Required<Pick<Point, 'within'>> {
  let start = 0
  for (const { text, at, markers } of spans) {
    const length = text.replaceAll('\t', TAB).length
    if (visible < start + length) {
      return { at: at + offsetIn(text, visible - start), within: { block, markers } }
    }
    start += length
  }
  throw new RangeError('There is nothing after the last line.')
}

/** UTF-16 units of a text before a visible offset, which may be in the middle of a tab. */
function offsetIn(text: string, visible: number): number {
  let width = 0
  for (let index = 0; index < text.length; index++) {
    if (width >= visible) return index
    width += text[index] === '\t' ? TAB.length : 1
  }
  return text.length
}
