/** A text without line feeds -> where its lines begin and end, so that each fits a number of columns. */
import stringWidth from 'string-width'

/** From where to where, in UTF-16 units, and where the next one begins: after the blanks at which the text is cut. */
export type Cut = { readonly from: number; readonly to: number; readonly next: number }

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

const PLAIN = /^[\u0020-\u007e]$/

/**
 * Cuts at blanks and beside wide characters, such as those of Chinese, and a word that is longer than a line anywhere.
 *
 * @param first columns of the first line
 * @param others columns of each further line
 * @returns at least one line, of which none is empty but where all of the text is
 */
export function wrap(text: string, first: number, others: number): Cut[] {
  const cuts: Cut[] = []
  let columns = Math.max(1, first)
  let from = 0
  let width = 0
  /** Where the line may end, if it has come to a place for that, and what the text after it takes. */
  let place: { to: number; next: number; width: number } | undefined
  const cut = (to: number, next: number) => {
    cuts.push({ from, to, next })
    from = next
    columns = Math.max(1, others)
    place = undefined
  }
  for (const { segment, index } of graphemes.segment(text)) {
    const own = PLAIN.test(segment) ? 1 : stringWidth(segment)
    const end = index + segment.length
    if (segment === ' ') {
      // Blanks at the end of a line take no room, and those at its beginning aren't a place to cut at.
      const isBegun = text.slice(from, index).trim() !== ''
      width += own
      if (isBegun) place = { to: place?.next === index ? place.to : index, next: end, width }
      continue
    }
    if (own === 2 && index > from && place?.next !== index) place = { to: index, next: index, width }
    while (width + own > columns && index > from) {
      if (place) {
        const { width: before } = place
        cut(place.to, place.next)
        width -= before
      } else {
        const isBlank = text.slice(from, index).trim() === '' // more blanks than there are columns
        cut(isBlank ? Math.min(index, from + columns) : index, index)
        width = 0
      }
    }
    width += own
    if (own === 2) place = { to: end, next: end, width }
  }
  cuts.push({ from, to: Math.max(from, text.trimEnd().length), next: text.length })
  return cuts
}
