/** A line of Markdown -> its stretches of one style. Each is text as it stands in the source, without the markers. */
import type { Style } from './paint.ts'

export type Span = {
  readonly text: string
  /** Where in the source it stands, in UTF-16 units. */
  readonly at: number
  readonly styles: readonly Style[]
  /** The markers that it is within, outermost first. */
  readonly markers: string
}

/** UTF-16 units between two markers. Without a limit, each of many markers would search all of a long line. */
const MOST = 200

/**
 * A marker counts once its counterpart is there. In words of ASCII it never does: `2**10`, `snake_case_name`. Words of
 * other scripts may have no blanks around them.
 */
const MARKED = new RegExp(
  [
    `(?<!\`)(?<code>\`{1,3})(?!\`)(?<literal>.{1,${MOST}}?)(?<!\`)\\k<code>(?!\`)`,
    `(?<![\\w*])(?<strong>\\*\\*|__)(?=[^\\s*_])(?<heavy>.{1,${MOST}}?)(?<=\\S)\\k<strong>(?!\\w)`,
    `(?<![\\w*])(?<emphasis>[*_])(?=[^\\s*_])(?<slanted>.{1,${MOST}}?)(?<=[^\\s*_])\\k<emphasis>(?![\\w*])`,
    '\\\\(?<escaped>[!-/:-@[-`{-~])',
  ].join('|'),
  'g',
)

/** @param at where in the source the text stands */
export function spansOf(text: string, at: number, styles: readonly Style[] = [], markers = ''): Span[] {
  const spans: Span[] = []
  const plain = (from: number, to: number) => {
    if (to > from) spans.push({ text: text.slice(from, to), at: at + from, styles, markers })
  }
  let end = 0
  for (const match of text.matchAll(MARKED)) {
    const { code, literal, strong, heavy, emphasis, slanted, escaped } = match.groups ?? {}
    plain(end, match.index)
    end = match.index + match[0].length
    const marker = code ?? strong ?? emphasis ?? '\\'
    const inside = at + match.index + marker.length
    const within = markers + marker
    if (literal !== undefined) {
      spans.push({ text: literal, at: inside, styles: [...styles, 'cyan'], markers: within })
    } else if (escaped !== undefined) spans.push({ text: escaped, at: inside, styles, markers: within })
    else if (heavy !== undefined) spans.push(...spansOf(heavy, inside, [...styles, 'bold'], within))
    else spans.push(...spansOf(slanted as string, inside, [...styles, 'italic'], within))
  }
  plain(end, text.length)
  return spans
}
