/** Completions that parsers get wrong: a list of them by what is nasty about each, and a generator of more. */
import fc from 'fast-check'

/** The output fields that the list is for. */
export const FIELDS = ['reasoning', 'answer'] as const

export const marker = (name: string) => `[[ ## ${name} ## ]]`

const R = marker('reasoning')
const A = marker('answer')
const END = marker('completed')

/** A completion as the prompt asks for it. */
export const completionOf = (reasoning: string, answer: string) =>
  `${R}\n${reasoning}\n\n${A}\n${answer}\n\n${END}\n`

/** Characters that `trim()` drops, beyond space, tab, LF and CR. */
const EXOTIC = '\u00a0\ufeff\u2028\u2029\u3000\u1680\u200a\v\f'

export const corpus: Readonly<Record<string, string>> = {
  'as asked for': completionOf('Because.', 'Forty-two.'),
  'nothing at all': '',
  'only white space': ' \n\t\r\n ',
  'only exotic white space': EXOTIC,

  'no marker at all': 'Just an answer.\nIn two lines.',
  'no marker, white space around': '\n\n  Just an answer. \n',
  'no marker, half of one at the end': 'Just an answer.\n[[ ## ans',
  'nothing but half a marker': '[[ ## rea',
  'a preamble before the first marker': `Sure! Here you go:\n\n${completionOf('Why not.', 'Yes.')}`,
  'a preamble on the line of the first marker': `Sure! ${R}\nWhy not.\n${A}\nYes.`,
  'a blank before the first marker': ` ${completionOf('Why not.', 'Yes.')}`,
  'blanks and lines before the first marker': `\r\n \u00a0\n\t ${completionOf('Why not.', 'Yes.')}`,
  'a preamble and blanks before the first marker': `Sure!\n  ${completionOf('Why not.', 'Yes.')}`,
  'blanks before a later marker': ` ${R}\nWhy\n ${A}\nnot.\n${A}\nYes.\n${END}`,
  'a preamble and completed, no field': `Sure!\n${END}`,
  'completed and nothing else': END,

  'a missing completed': `${R}\nBecause.\n${A}\nForty-two.`,
  'a missing reasoning': `${A}\nForty-two.\n${END}`,
  'a missing answer': `${R}\nBecause.\n${END}`,
  'text after completed': `${completionOf('Because.', 'Forty-two.')}Anything else?\n${A}\nNo.`,
  'text on the line of completed': `${A}\nForty-two.\n${END} or is it`,

  'empty fields': completionOf('', ''),
  'fields of white space': completionOf(' \t\n ', '\r\n\r\n'),
  'fields of exotic white space': completionOf(EXOTIC, EXOTIC),
  'exotic white space around a value': completionOf(`${EXOTIC}a${EXOTIC}b${EXOTIC}`, `${EXOTIC}c`),
  'white space inside a value': completionOf('a  \n\n\n  b', 'c\n \n\t\n d'),
  'white space that is none': completionOf('\u200ba\u200b', '\u180eb\u2060'),
  'trailing white space before the end': `${A}\nForty-two.${' \n'.repeat(50)}`,

  'text on the line of a marker': `${R} Because.\n${A} Forty-two.\n${END}`,
  'text right behind a marker': `${R}Because.\n${A}Forty-two.\n${END}`,
  'two markers on a line': `${R}${A}\nForty-two.\n${END}`,
  'a marker right after a marker': `${R}\n${A}\n${END}`,
  'wiki links': completionOf('See [[wiki]] and [[ wiki ]].', '[[wiki]]\n[[ ##wiki## ]]\n[[wiki'),
  'nested lists': completionOf('a[[0, 1]]', '[[0, 1],\n[2, 3]]\n[[[4]]]'),
  'a marker in mid-line': completionOf(`I end with ${END}, then`, `so ${A} it is`),
  'a repeated marker': completionOf(`a\n${R}\nb`, `c\n${A}\nd\n${R}\ne`),
  'reordered markers': `${A}\nForty-two.\n\n${R}\nBecause.\n\n${END}`,
  'an unknown marker': completionOf('a\n[[ ## other ## ]]\nb', '[[ ## question ## ]]\nc'),
  'an indented marker': completionOf(`a\n ${A}\n\t${END}\nb`, `c\n  ${END}\nd`),
  'a marker behind other line ends': completionOf(
    `a\r${A}\u2028${A}\u2029${A}\u0085${A}`,
    `b\v${END}\f${END}`,
  ),
  'markers with other spaces': completionOf(
    'a\n[[## answer ##]]\n[[ ##  answer ## ]]',
    'b\n[[ ## answer\u00a0## ]]',
  ),
  'markers in other cases': completionOf('a\n[[ ## Answer ## ]]\n[[ ## COMPLETED ## ]]', 'b'),
  'names that begin alike': completionOf(
    'a\n[[ ## answers ## ]]\n[[ ## complete ## ]]',
    'b\n[[ ## completed_ ## ]]',
  ),
  'half markers within': completionOf('a\n[[ ## answer ##\n[[ ## answer ## ]\n[[', 'b\n[\n[[ \n[[ ## '),
  'a half marker begun anew': `${R}\na\n[[ ## ans${A}\n[${A}\n[[ ## [[ ## answer ## ]]\n${A}b`,
  'half a marker at the end': `${R}\na\n${A}\nb\n[[ ## comple`,
  'one bracket at the end': `${R}\na\n${A}\nb\n[`,
  'half a marker of a seen field at the end': `${R}\na\n${A}\nb\n[[ ## answ`,
  'a line feed at the end': `${R}\na\n${A}\nb\n`,

  CRLF: completionOf('Because.\nTwice.', 'Forty-two.').replaceAll('\n', '\r\n'),
  'lone CR': completionOf('Because.', 'Forty-two.').replaceAll('\n', '\r'),
  emoji: completionOf('😀👩‍👩‍👧‍👦🇩🇪', '👍🏽\n😀'),
  'combining characters': completionOf('e\u0301\u0302 \u0301', '\u0301e'),
  'lone surrogates': completionOf('\ud83d \ude00\ud83d', '\udc00\n\ud800'),
  'halves of pairs among white space': completionOf(
    '\ud83d \n\ud83d',
    'a\ud83d\n\n\ud83d\ud83d \ude00 b\ud83d \n',
  ),
  'a half pair and half a marker': completionOf('a\ud83d\n[[ ## ans', 'b\ud83d\n[[ ## completed'),
  'names of the prototype': completionOf(
    '__proto__ constructor',
    '[[ ## __proto__ ## ]]\n[[ ## toString ## ]]',
  ),
  'null characters': completionOf('\0a\0', '\0'),
}

/** A million characters with lines, brackets and half markers in them. */
export const megabyte = completionOf(
  'Some words, [[0, 1]] and a line.\n'.repeat(15_000),
  'More words 😀\n\n[[ ## answer'.repeat(20_000),
)

/** Texts of what is most likely to go wrong: markers and parts of them, white space, surrogates. */
export const nastyText = (fields: readonly string[]): fc.Arbitrary<string> => {
  const names = fc.constantFrom(...fields, ...fields, 'completed', 'reasoning', 'other')
  const wholeMarker = names.map(marker)
  const partOfMarker = fc
    .tuple(wholeMarker, fc.nat(25), fc.nat(25))
    .map(([text, a, b]) => text.slice(Math.min(a, b), Math.max(a, b)))
  const space = fc.constantFrom(' ', '\t', '\r', '\r\n', '\n\n', '\u00a0', '\ufeff', '\u2028', '\u200b')
  const letter = fc.constantFrom(
    'a',
    'word',
    '[',
    ']',
    '[[',
    ']]',
    '#',
    '##',
    '😀',
    '\ud83d',
    '\ude00',
    'e\u0301',
  )
  const fragment = fc.oneof(
    { weight: 3, arbitrary: fc.constant('\n') },
    { weight: 3, arbitrary: wholeMarker.map((text) => `\n${text}`) },
    { weight: 1, arbitrary: wholeMarker },
    { weight: 2, arbitrary: partOfMarker },
    { weight: 2, arbitrary: partOfMarker.map((text) => `\n${text}`) },
    { weight: 3, arbitrary: space },
    { weight: 4, arbitrary: letter },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
  )
  return fc.array(fragment, { maxLength: 25 }).map((fragments) => fragments.join(''))
}

/** Where to cut a text, for {@link cutAt}. */
export const cuts = fc.array(fc.nat(), { maxLength: 12 })

/** The text in pieces; a place beyond its end wraps around. */
export function cutAt(text: string, places: readonly number[]): string[] {
  const sorted = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length]
  return sorted.slice(1).map((place, index) => text.slice(sorted[index], place))
}
