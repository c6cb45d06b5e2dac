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
  const parts = shown(spans)
  const visible = parts.map((part) => part.visible).join('')
  const head = from.within ? block.hanging : block.head
  const cuts = wrap(visible, columns - stringWidth(head), columns - stringWidth(block.hanging))
  let first = 0 // of the parts on the line: looking at all of them for each line would be quadratic
  return cuts.map(({ from: start, to, next }, index) => {
    const line = paint(block.headStyle, index === 0 ? head : block.hanging)
    first = indexAt(parts, start, first)
    const text = line + painted(parts, first, start, to, paint)
    return {
      text,
      next: index === cuts.length - 1 ? after : { fence, ...pointIn(parts, first, next, block) },
    }
  })
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
  const bullet = item?.replace(/^[-*+] +/, '• ') ?? ''
  const whole = bars + space.replaceAll('\t', TAB) + bullet
  // Where the indentation is deep, the text has the room.
  const head = [whole, bars + bullet, bullet].find((one) => stringWidth(one) <= columns / 2)
  const taken = (quotes ?? '') + (indent ?? '') + (head === undefined ? '' : (item ?? ''))
  const text = line.slice(taken.length)
  const hanging = head === whole ? bars + ' '.repeat(stringWidth(head) - bars.length) : ''
  const block = { ...plain, head: head ?? '', hanging }
  return { fence, block: bars === '' ? block : { ...block, headStyle: 'dim' }, text }
}

/** A span, or what of it is between tabs, as it is shown; and what is shown before it, in UTF-16 units. */
type Part = Omit<Span, 'text'> & { readonly visible: string; readonly start: number }

/** Tabs are parts of their own, so that in all others the source is as long as what is shown. */
function shown(spans: readonly Span[]): Part[] {
  let start = 0
  return spans.flatMap(({ text, at, styles, markers }) => {
    let source = at
    return text.split(/(\t)/).flatMap((piece) => {
      const visible = piece === '\t' ? TAB : piece
      const part = { visible, start, at: source, styles, markers }
      start += visible.length
      source += piece.length
      return visible === '' ? [] : [part]
    })
  })
}

/** The part that a visible offset is in, looked for from one that isn't after it. */
function indexAt(parts: readonly Part[], offset: number, from: number): number {
  let index = from
  for (let part = parts[index]; part && part.start + part.visible.length <= offset; part = parts[index])
    index++
  return index
}

/** What is visible between two offsets, of which the first is in the part `first`. */
function painted(parts: readonly Part[], first: number, from: number, to: number, paint: Paint): string {
  let line = ''
  for (let index = first; index < parts.length; index++) {
    const { visible, start, styles } = parts[index] as Part
    if (start >= to) break
    const piece = visible.slice(Math.max(0, from - start), to - start)
    line += styles.reduce((inner, style) => paint(style, inner), piece)
  }
  return line
}

/** Where in the source a visible offset is. No line begins in the middle of a tab. */
function pointIn(
  parts: readonly Part[],
  first: number,
  visible: number,
  block: Block,
): Pick<Point, 'at'> & Required<Pick<Point, 'within'>> {
  const part = parts[indexAt(parts, visible, first)]
  if (!part) throw new RangeError('There is nothing after the last line.')
  const { at, markers, start } = part
  return { at: at + visible - start, within: { block, markers } }
}
