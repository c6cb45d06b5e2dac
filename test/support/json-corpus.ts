/** JSON objects as models write them, and worse: generators that know of each text what it means. */
import fc from 'fast-check'
import { signature } from '../../src/core/signature.ts'

/** The output fields that the objects are for. */
export const { outputs: JSON_FIELDS } = signature(
  'question -> reasoning: str, answer: str, lines: list[str], score: float, maybe: Optional[str]',
)

/** Text that stands in quotes, in pieces that no cut by a generator goes through. */
const atom = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a', 'word', ' ', '{', '}', '[', ']', ',', ':', "'", '/', '```', '😀', 'é'),
  },
  { weight: 4, arbitrary: fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('\\u0041', '\\u000a', '\\u0022', '\\u005c', '\\u00E9', '\\u2028', '\u2028'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('\\ud83d\\ude00', '\\uD83D\\uDE00', '\\ud83d', '\\ude00', '\ud83d', '\ude00'),
  },
  { weight: 1, arbitrary: fc.constantFrom('\\"answer\\": \\"', '\\u0022}', '\\\\\\"') },
  {
    weight: 2,
    arbitrary: fc.string({ unit: 'binary', maxLength: 4 }).map((text) => JSON.stringify(text).slice(1, -1)),
  },
)

/** A JSON string, quotes included. */
export const stringText = fc.array(atom, { maxLength: 12 }).map((atoms) => `"${atoms.join('')}"`)

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 3 })

const bare = fc.oneof(
  fc.constantFrom('null', 'true', 'false', '0', '-0', '1e9', '-12.5E-3', '123456789012345678901234567890'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
)

/** Any JSON value with white space inside it, none around it. */
export const { value: valueText } = fc.letrec<{ value: string; list: string; dict: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 3, withCrossShrink: true }, stringText, bare, tie('list'), tie('dict')),
  list: fc
    .tuple(
      fc.array(
        fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
        { maxLength: 3 },
      ),
      space,
    )
    .map(([items, empty]) => `[${items.length > 0 ? items.join(',') : empty}]`),
  dict: fc
    .tuple(
      fc.array(
        fc
          .tuple(space, stringText, space, fc.constant(':'), space, tie('value'), space)
          .map((parts) => parts.join('')),
        {
          maxLength: 3,
        },
      ),
      space,
    )
    .map(([members, empty]) => `{${members.length > 0 ? members.join(',') : empty}}`),
}))

export type Member = { readonly key: string; readonly keyText: string; readonly text: string }

/** The name in quotes, some of its letters escaped. */
const keyOf = (name: string) =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((flags) =>
      [...name]
        .map((letter, at) =>
          flags[at] && at % 3 === 0 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter,
        )
        .join(''),
    )

const memberOf = (name: string, text: fc.Arbitrary<string>): fc.Arbitrary<Member> =>
  fc.record({ key: fc.constant(name), keyText: keyOf(name).map((key) => `"${key}"`), text })

const stranger = fc
  .constantFrom(
    'question',
    'other',
    '',
    'answe',
    'answers',
    '__proto__',
    'constructor',
    'Answer',
    'x'.repeat(50),
  )
  .chain((name) => memberOf(name, valueText))

const fieldMember = (name: string) =>
  memberOf(name, name === 'reasoning' || name === 'answer' ? stringText : valueText)

/** Members of an object: each field once, in any order, with strangers and repeated keys among them. */
export const members: fc.Arbitrary<readonly Member[]> = fc
  .tuple(
    fc.tuple(...JSON_FIELDS.map(({ name }) => fieldMember(name))),
    fc.array(fc.tuple(fc.nat(), fc.oneof(stranger, ...JSON_FIELDS.map(({ name }) => fieldMember(name)))), {
      maxLength: 3,
    }),
    fc.boolean(),
  )
  .chain(([fields, extras, isInOrder]) =>
    (isInOrder ? fc.constant(fields) : fc.shuffledSubarray(fields, { minLength: fields.length })).map(
      (ordered) => {
        const all: Member[] = [...ordered]
        for (const [place, extra] of extras) all.splice(place % (all.length + 1), 0, extra)
        return all
      },
    ),
  )

/** The object that has these members, with white space between all of its parts. */
export const objectText = (parts: readonly Member[]): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(space, space, space, space), { minLength: parts.length, maxLength: parts.length })
    .map((blanks) => {
      const written = parts.map(({ keyText, text }, at) => {
        const [a, b, c, d] = blanks[at] as [string, string, string, string]
        return `${a}${keyText}${b}:${c}${text}${d}`
      })
      return `{${written.join(',')}}`
    })

/** What the fields come to, by {@link JSON.parse}: of each key the first value, text of a `str`, JSON text of others. */
export function textsOf(parts: readonly Member[]): Record<string, string> {
  return Object.fromEntries(
    JSON_FIELDS.flatMap(({ name, type }) => {
      const first = parts.find(({ key }) => key === name)
      return first ? [[name, type.kind === 'str' ? JSON.parse(first.text) : first.text]] : []
    }),
  )
}

/**
 * What may stand before an object and isn't it. Nothing in it opens a quote or a bracket and leaves it open: that would
 * take what follows as its own.
 */
export const preamble = fc
  .array(
    fc.constantFrom(
      'Sure! ',
      '```json\n',
      '```\n',
      '\n',
      '{}',
      '{ }',
      '{...}',
      'f{x}',
      '{{',
      '{"a"}',
      '{"b": }',
      '{"a": 1}',
      '{"schema": {"answer": {"type": "string"}}}\n',
      'an "answer"',
      '\\{',
      '😀',
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''))
