import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { FieldChunk } from '../../../../src/core/adapters/adapter.ts'
import { JsonParser } from '../../../../src/core/adapters/json/json-parser.ts'
import { type Field, signature } from '../../../../src/core/signature.ts'
import { charactersTouched } from '../../../support/characters.ts'
import { cutAt, cuts } from '../../../support/corpus.ts'
import {
  JSON_FIELDS,
  type Member,
  members,
  objectText,
  preamble,
  stringText,
  textsOf,
  valueText,
} from '../../../support/json-corpus.ts'

type Texts = Record<string, string>

const { outputs: TWO } = signature('question -> reasoning: str, answer: str')
const { outputs: TYPED } = signature('question -> answer: str, lines: list[str], score: float')

/** A parser, with what must hold of its chunks whatever it is fed checked after each step. */
class Checked {
  readonly parser: JsonParser
  readonly joined: Texts = {}
  readonly closed = new Set<string>()

  constructor(fields: readonly Field[]) {
    this.parser = new JsonParser(fields)
  }

  push = (text: string) => this.#check(this.parser.push(text))
  think = (text: string) => this.#check(this.parser.think(text))

  /** @returns what every field came to, where it is whole; why it isn't, where it isn't */
  end(): Texts | string {
    this.#check(this.parser.end())
    const { fault, texts } = this.parser
    assert.ok(this.parser.isCompleted)
    assert.deepEqual(this.parser.end(), [], 'once is enough')
    assert.deepEqual([this.parser.push('{"answer": "x"}'), this.parser.think('x')], [[], []])
    if (fault) return `${fault.pointer}: ${fault.detail}`
    for (const field of Object.keys(texts)) assert.ok(this.closed.has(field), `${field} is open`)
    return texts
  }

  #check(chunks: readonly FieldChunk[]): void {
    for (const { field, chunk, isLast } of chunks) {
      assert.ok(!this.closed.has(field), `${field} goes on after its last chunk`)
      assert.ok(chunk !== '' || isLast, 'an empty chunk says nothing')
      assert.ok(isLast || !/[\ud800-\udbff]$/.test(chunk), 'the other half of a character may follow')
      this.joined[field] = (this.joined[field] ?? '') + chunk
      if (isLast) this.closed.add(field)
    }
    for (const [field, text] of Object.entries(this.parser.texts)) {
      assert.equal(this.joined[field] ?? '', text)
    }
  }
}

function parse(fields: readonly Field[], pieces: Iterable<string>): Texts | string {
  const checked = new Checked(fields)
  for (const piece of pieces) checked.push(piece)
  return checked.end()
}

function* pieces(text: string, size: number): Generator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

/** In one piece, a character at a time, and cut at every place: all have to come to the same. */
function parseInEveryWay(fields: readonly Field[], text: string): Texts | string {
  const whole = parse(fields, [text])
  for (const size of [1, 2, 3, 7]) assert.deepEqual(parse(fields, pieces(text, size)), whole)
  for (let at = 0; at <= text.length; at++) assert.deepEqual(parse(fields, cutAt(text, [at])), whole)
  return whole
}

function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Members, and the text of an object that has them. */
const object = members.chain((parts) =>
  objectText(parts).map((text): { parts: readonly Member[]; text: string } => ({ parts, text })),
)

describe('the values', () => {
  const R = '"reasoning": "Because."'
  const whole = { reasoning: 'Because.', answer: 'Yes.' }
  const cases: Record<string, [text: string, expected: Texts]> = {
    'as asked for': [`{${R}, "answer": "Yes."}`, whole],
    'in another order': [`{"answer": "Yes.", ${R}}`, whole],
    'with white space everywhere': ['\n{\t"reasoning"\r\n:\n"Because." ,\n\n"answer" : "Yes."\n}\n', whole],
    'with none at all': ['{"reasoning":"Because.","answer":"Yes."}', whole],
    'a missing reasoning': ['{"answer": "Yes."}', { reasoning: '', answer: 'Yes.' }],
    'empty texts': ['{"reasoning": "", "answer": ""}', { reasoning: '', answer: '' }],
    'blanks at the ends of a text': [
      `{${R}, "answer": " \\n Yes. \\t"}`,
      { ...whole, answer: ' \n Yes. \t' },
    ],
    'every escape': [
      `{${R}, "answer": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u00E9\\u0000"}`,
      { ...whole, answer: '"\\/\b\f\n\r\téé\0' },
    ],
    'pairs of escapes': [`{${R}, "answer": "\\ud83d\\ude00\\uD83D\\uDE00"}`, { ...whole, answer: '😀😀' }],
    'a pair of which half is escaped': [
      `{${R}, "answer": "\ud83d\\ude00\\ud83d\ude00"}`,
      { ...whole, answer: '😀😀' },
    ],
    'lone halves of pairs': [
      `{${R}, "answer": "\\ud83d\\ud83d \\ude00\\ud83d"}`,
      { ...whole, answer: '\ud83d\ud83d \ude00\ud83d' },
    ],
    'lines that JSON wants escaped': [`{${R}, "answer": "a\nb\tc\0"}`, { ...whole, answer: 'a\nb\tc\0' }],
    'what looks like the end': [`{${R}, "answer": "}\\"}, \\"x\\": {"}`, { ...whole, answer: '}"}, "x": {' }],
    'escaped keys': ['{"r\\u0065asoning": "Because.", "\\u0061nswer": "Yes."}', whole],
    'unknown keys': [`{"a": {"answer": "no"}, ${R}, "b": ["]", "}"], "answer": "Yes.", "c": -1.5e3}`, whole],
    'a repeated key': [`{${R}, "answer": "Yes.", "answer": "No.", "reasoning": 42}`, whole],
    'a preamble': [`Sure! Here you go:\n\n{${R}, "answer": "Yes."}`, whole],
    'a fence': [`\`\`\`json\n{${R}, "answer": "Yes."}\n\`\`\`\nAnything else?`, whole],
    'braces before it': [`Use {...} or {x: {}} {} { }: {{{${R}, "answer": "Yes."}}}`, whole],
    'a schema before it': [
      `{"properties": {"answer": {"type": "string"}}} gives {${R}, "answer": "Yes."}`,
      whole,
    ],
    'an object before it that is none': [`{"a"} {"b": ] {"c" 1} {"\\d": {${R}, "answer": "Yes."}`, whole],
    'a list around it': [`[{${R}, "answer": "Yes."}]`, whole],
    'a second one after it': [`{${R}, "answer": "Yes."}{${R}, "answer": "No."}`, whole],
    'names of the prototype': [
      `{"__proto__": {"answer": 1}, "constructor": 2, ${R}, "answer": "Yes."}`,
      whole,
    ],
  }
  for (const [name, [text, expected]] of Object.entries(cases)) {
    it(`of an object with ${name}`, () => assert.deepEqual(parseInEveryWay(TWO, text), expected))
  }

  it('that are no `str` are their JSON text, as it is written', () => {
    for (const [written, expected] of [
      ['[ "a" ,\n"]" ]', '[ "a" ,\n"]" ]'],
      ['[]', '[]'],
      [' {"a": {"b": "\\"}"}} ', '{"a": {"b": "\\"}"}}'],
      ['"\\ud83d\\n"', '"\\ud83d\\n"'],
      ['null', 'null'],
      ['  True', 'True'],
    ] as const) {
      for (const score of ['1', '-2.50', '1E9 ', 'null\n']) {
        const text = `{"answer": "x", "lines": ${written}, "score": ${score}}`
        const values = { answer: 'x', lines: expected, score: score.trim() }
        assert.deepEqual(parseInEveryWay(TYPED, text), values)
      }
    }
  })

  it("are JSON.parse's, in any order and any pieces", () => {
    fc.assert(
      fc.property(object, cuts, ({ parts, text }, places) => {
        JSON.parse(text)
        const expected = textsOf(parts)
        assert.deepEqual(parse(JSON_FIELDS, [text]), expected)
        assert.deepEqual(parse(JSON_FIELDS, pieces(text, 1)), expected)
        assert.deepEqual(parse(JSON_FIELDS, cutAt(text, places)), expected)
      }),
      { numRuns: 2_000 },
    )
  })

  it('are the same whatever stands around the object', () => {
    fc.assert(
      fc.property(object, preamble, fc.string(), cuts, ({ parts, text }, before, after, places) => {
        assert.deepEqual(parse(JSON_FIELDS, cutAt(before + text + after, places)), textsOf(parts))
      }),
      { numRuns: 3_000 },
    )
  })

  it('take any values back that are written by JSON.stringify', () => {
    const any = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(
        any,
        fc.array(any),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        cuts,
        (answer, lines, score, places) => {
          for (const indent of [0, 2]) {
            const texts = parse(
              TYPED,
              cutAt(JSON.stringify({ answer, lines, score }, null, indent), places),
            ) as Texts
            assert.equal(texts.answer, answer)
            assert.deepEqual(JSON.parse(texts.lines as string), lines)
            assert.equal(JSON.parse(texts.score as string), JSON.parse(JSON.stringify(score)))
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('come in signature order, and the missing ones are named', () => {
    const parser = new JsonParser(TYPED)
    parser.push('{"score": 1, "answer": "x"}')
    parser.end()
    assert.deepEqual(Object.keys(parser.texts), ['answer', 'score'])
    assert.deepEqual(parser.missing, ['lines'])
    assert.equal(parser.fault, undefined)
  })

  it('of a megabyte', () => {
    const answer = 'More words 😀\n\n"{answer}" \\'.repeat(40_000)
    const lines = Array.from({ length: 5_000 }, (_, nth) => `line ${nth} ]`)
    const text = JSON.stringify({ answer, lines, score: 1 })
    for (const size of [1, 4_096, text.length]) {
      const parser = new JsonParser(TYPED)
      for (const piece of pieces(text, size)) parser.push(piece)
      parser.end()
      assert.deepEqual(parser.texts, { answer, lines: JSON.stringify(lines), score: '1' })
    }
  })
})

describe('a character is held back only while its fate is open', () => {
  /** The decoded text of the beginning of a JSON string, less an escape and a pair that are not whole. */
  function begunText(beginning: string): string {
    for (let end = beginning.length; ; end--) {
      try {
        const text: string = JSON.parse(`"${beginning.slice(0, end)}"`)
        return text.replace(/[\ud800-\udbff]+$/, '')
      } catch {
        // an unfinished escape: without its last character then
      }
    }
  }

  it('a `str` leaves but for an unfinished escape and half a pair', () => {
    fc.assert(
      fc.property(stringText, (text) => {
        const checked = new Checked(TYPED)
        checked.push('{"answer": "')
        for (let at = 1; at < text.length - 1; at++) {
          checked.push(text.charAt(at))
          assert.equal(checked.joined.answer ?? '', begunText(text.slice(1, at + 1)))
        }
        checked.push('"')
        assert.equal(checked.joined.answer, JSON.parse(text))
        assert.ok(checked.closed.has('answer'), 'it closes with its quote')
      }),
      { numRuns: 2_000 },
    )
  })

  it('any other field leaves but for half a pair', () => {
    fc.assert(
      fc.property(valueText, (text) => {
        const checked = new Checked(TYPED)
        checked.push('{"lines":')
        for (let at = 0; at < text.length; at++) {
          checked.push(text.charAt(at))
          const sent = checked.joined.lines ?? ''
          const isOver = checked.closed.has('lines')
          assert.equal(sent, isOver ? text : text.slice(0, at + 1).replace(/[\ud800-\udbff]+$/, ''))
        }
        const hasAnEnd = /[\]}"]$/.test(text)
        assert.equal(checked.closed.has('lines'), hasAnEnd, 'it closes with its bracket or quote')
        checked.push(' ')
        assert.ok(checked.closed.has('lines'), 'a number closes with what follows')
        assert.equal(checked.joined.lines, text)
      }),
      { numRuns: 2_000 },
    )
  })

  it('a piece gives one chunk for each stretch of a field, closed where it is', () => {
    const parser = new JsonParser(TYPED)
    assert.deepEqual(parser.push('x {"answer": "a\\nb", "lines": ["c"'), [
      { field: 'answer', chunk: 'a\nb', isLast: true },
      { field: 'lines', chunk: '["c"', isLast: false },
    ])
    assert.deepEqual(parser.push('] , "score": 1'), [
      { field: 'lines', chunk: ']', isLast: true },
      { field: 'score', chunk: '1', isLast: false },
    ])
    assert.deepEqual(parser.push('2}'), [{ field: 'score', chunk: '2', isLast: true }])
    assert.equal(parser.isCompleted, true)
    assert.deepEqual(parser.end(), [])
  })
})

describe('what is no whole object', () => {
  const needed = ': a JSON object with the fields as its keys is needed'
  const cases: Record<string, [text: string, fault: string]> = {
    nothing: ['', needed],
    'plain text': ['Just an answer.\nIn two lines.', needed],
    'an empty object': ['{}', needed],
    'an object of other keys': ['{"reply": "Yes."}', needed],
    'a list': ['["Yes."]', needed],
    'markers of the chat format': ['[[ ## answer ## ]]\nYes.\n\n[[ ## completed ## ]]', needed],
    'a number for a `str`': ['{"answer": 42}', '/answer: a text in double quotes is needed'],
    'null for a `str`': ['{"answer": null}', '/answer: a text in double quotes is needed'],
    'an object for a `str`': ['{"answer": {"a": "b"}}', '/answer: a text in double quotes is needed'],
    'single quotes for a `str`': ['{"answer": \'Yes.\'}', '/answer: a text in double quotes is needed'],
    'an escape that JSON lacks': ['{"answer": "\\d"}', '/answer: the JSON is broken in this value'],
    'a broken \\u': ['{"answer": "\\u00g0"}', '/answer: the JSON is broken in this value'],
    'no comma': ['{"answer": "a" "score": 1}', '/answer: the JSON is broken after this value'],
    'a comma too many': ['{"answer": "a",}', '/answer: the JSON is broken after this value'],
    'no colon': ['{"answer": "a", "score" 1}', '/answer: the JSON is broken after this value'],
    'no value': ['{"answer": "a", "score": }', '/answer: the JSON is broken after this value'],
    'two bare words': ['{"answer": "a", "score": very good}', '/score: the JSON is broken after this value'],
    'a bracket too many': ['{"answer": "a", "lines": []]}', '/lines: the JSON is broken after this value'],
    'a broken key': ['{"answer": "a", "\\x": 1}', '/answer: the JSON is broken after this value'],
    'an end in a text': ['{"answer": "a', '/answer: the JSON breaks off in this value'],
    'an end in an escape': ['{"answer": "a\\', '/answer: the JSON breaks off in this value'],
    'an end in a list': ['{"answer": "a", "lines": ["b"', '/lines: the JSON breaks off in this value'],
    'an end in a number': ['{"answer": "a", "score": 1', '/score: the JSON breaks off in this value'],
    'an end before its brace': ['{"answer": "a"', '/answer: the JSON breaks off after this value'],
    'an end in an unknown value': [
      '{"answer": "a", "x": [1',
      '/answer: the JSON breaks off after this value',
    ],
  }
  for (const [name, [text, fault]] of Object.entries(cases)) {
    it(`is a fault: ${name}`, () => assert.equal(parseInEveryWay(TYPED, text), fault))
  }

  it('keeps what came, and what was being written stays open', () => {
    const checked = new Checked(TYPED)
    checked.push('{"lines": ["a"], "answer": "b\\ud83d')
    assert.match(checked.end() as string, /^\/answer: /)
    assert.deepEqual(checked.joined, { lines: '["a"]', answer: 'b' })
    assert.deepEqual([...checked.closed], ['lines'])
  })

  it('is over where it is broken: nothing more is read', () => {
    const checked = new Checked(TYPED)
    checked.push('{"answer": "a" x')
    assert.ok(checked.parser.isCompleted)
    checked.push(', "score": 1}')
    assert.deepEqual(checked.joined, { answer: 'a' })
  })

  it('leaves native reasoning open too', () => {
    const checked = new Checked(TWO)
    checked.think('Hm.')
    checked.push('{"answer": 1')
    checked.end()
    assert.deepEqual([checked.joined, checked.closed], [{ reasoning: 'Hm.' }, new Set()])
  })

  it('is every beginning of an object, cut anywhere', () => {
    fc.assert(
      fc.property(object, fc.nat(), cuts, ({ parts, text }, place, places) => {
        const beginning = text.slice(0, place % text.length)
        const checked = new Checked(JSON_FIELDS)
        for (const piece of cutAt(beginning, places)) checked.push(piece)
        const ended = checked.end()
        assert.equal(typeof ended, 'string')
        assert.ok(checked.parser.fault)
        const expected = textsOf(parts)
        for (const [field, sent] of Object.entries(checked.joined)) {
          const whole = expected[field] as string
          if (checked.closed.has(field)) assert.equal(sent, whole)
          else assert.ok(whole.startsWith(sent))
        }
      }),
      { numRuns: 3_000 },
    )
  })

  it('is no worse than JSON.parse says, wherever a character is lost or added', () => {
    fc.assert(
      fc.property(
        object,
        fc.nat(),
        fc.constantFrom('', '"', '\\', '{', '}', ',', ':', ' ', 'x'),
        cuts,
        (one, place, added, places) => {
          const at = place % one.text.length
          const text = one.text.slice(0, at) + added + one.text.slice(at + (added === '' ? 1 : 0))
          const ended = parse(JSON_FIELDS, cutAt(text, places))
          const parsed = parsedObject(text)
          if (!parsed) return // broken for both, or for JSON alone where what is broken is nobody's
          if (!JSON_FIELDS.some(({ name }) => Object.hasOwn(parsed, name))) {
            return assert.equal(typeof ended, 'string')
          }
          if (typeof ended === 'string') return assert.match(ended, /^\/(reasoning|answer): a text in double/)
          for (const { name, type } of JSON_FIELDS) {
            // Of a key that comes twice, JSON.parse takes the last.
            const mayComeTwice = text.split(`"${name}"`).length > 2 || text.includes('\\u00')
            if (mayComeTwice || !Object.hasOwn(parsed, name)) continue
            const written = ended[name] as string
            assert.deepEqual(type.kind === 'str' ? written : JSON.parse(written), parsed[name])
          }
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('makes no trouble, whatever it is', () => {
    const noise = fc.array(
      fc.constantFrom(
        '{',
        '}',
        '"',
        '\\',
        ':',
        ',',
        '[',
        ']',
        ' ',
        'answer',
        '"answer"',
        '"score":',
        '1',
        '\\u',
        '\ud83d',
        '{"answer": "',
      ),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(noise, cuts, (parts, places) => {
        const text = parts.join('')
        assert.deepEqual(parse(TYPED, cutAt(text, places)), parse(TYPED, [text]))
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('native reasoning', () => {
  it('is the reasoning of an object that has none', () => {
    const checked = new Checked(TWO)
    checked.think(' Let me')
    checked.think(' see.\n')
    checked.push('{"answer": "Yes."')
    assert.ok(!checked.closed.has('reasoning'), 'a model may think again')
    checked.think('Sure.')
    checked.push('}')
    assert.deepEqual(checked.end(), { reasoning: 'Let me see.\nSure.', answer: 'Yes.' })
  })

  it("goes before the object's own, on a line of its own, however both are cut", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        stringText,
        cuts,
        cuts,
        (native, own, nativeCuts, textCuts) => {
          const checked = new Checked(TWO)
          for (const piece of cutAt(native, nativeCuts)) checked.think(piece)
          for (const piece of cutAt(`{"reasoning": ${own}, "answer": "a"}`, textCuts)) checked.push(piece)
          const { reasoning, answer } = checked.end() as Texts
          assert.equal(answer, 'a')
          // A half of a pair at its end waits for the other one, which may come in a later thought.
          if (/[\ud800-\udbff]\s*$/.test(native)) return
          const before = native.trim()
          assert.equal(reasoning, before === '' ? JSON.parse(own) : `${before}\n${JSON.parse(own)}`)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('mixed in anywhere leaves the other fields as they are, and every field closes once', () => {
    fc.assert(
      fc.property(
        object,
        fc.array(fc.string({ unit: 'binary' })),
        cuts,
        ({ parts, text }, thoughts, places) => {
          const checked = new Checked(JSON_FIELDS)
          for (const piece of cutAt(text, places)) {
            const thought = thoughts.shift()
            if (thought !== undefined) checked.think(thought)
            checked.push(piece)
          }
          const { reasoning, ...others } = checked.end() as Texts
          const { reasoning: _, ...expected } = textsOf(parts)
          assert.deepEqual(others, expected)
          assert.equal(typeof reasoning, 'string')
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it("after the object's own has closed is dropped", () => {
    const checked = new Checked(TWO)
    checked.push('{"reasoning": "Because.", "answer": "Y')
    assert.ok(checked.closed.has('reasoning'))
    checked.think('Wait.')
    checked.push('es."}')
    assert.deepEqual(checked.end(), { reasoning: 'Because.', answer: 'Yes.' })
  })

  it('of a signature without reasoning is streamed and closed, and is no value', () => {
    const checked = new Checked(TYPED)
    checked.think('Hm.')
    checked.push('{"answer": "Yes.", "lines": [], "score": 1}')
    assert.deepEqual(checked.end(), { answer: 'Yes.', lines: '[]', score: '1' })
    assert.equal(checked.joined.reasoning, 'Hm.')
    assert.ok(checked.closed.has('reasoning'))
  })

  it('goes into no reasoning that is a list', () => {
    const checked = new Checked(signature('q -> reasoning: list[str]').outputs)
    checked.think('Hm.')
    checked.push('{"reasoning": ["a"]}')
    assert.deepEqual(checked.end(), { reasoning: '["a"]' })
  })
})

describe('the work grows with the text, not faster', () => {
  const n = 2_000
  const shapes: Record<string, (length: number) => string> = {
    words: (length) => `{"answer": "${'word '.repeat(length / 5)}`,
    escapes: (length) => `{"answer": "${'\\n'.repeat(length / 2)}`,
    'escaped backslashes': (length) => `{"answer": "${'\\\\'.repeat(length / 2)}`,
    'escaped halves of pairs': (length) => `{"answer": "${'\\ud83d'.repeat(length / 6)}`,
    'halves of pairs': (length) => `{"lines": ["${'\ud83d'.repeat(length)}`,
    'a deep list': (length) => `{"lines": ${'['.repeat(length)}`,
    'a long list': (length) => `{"lines": [${'0,'.repeat(length / 2)}`,
    'a long number': (length) => `{"score": ${'1'.repeat(length)}`,
    'white space': (length) => `{"answer"${' '.repeat(length)}:${'\n'.repeat(length)}`,
    'a long key': (length) => `{"${'x'.repeat(length)}": 1, "answer": "a"}`,
    'many keys': (length) => `{"answer": "a"${', "x": 1'.repeat(length / 8)}`,
    braces: (length) => '{'.repeat(length),
    quotes: (length) => '"'.repeat(length),
    'braces and quotes': (length) => '{"'.repeat(length / 2),
    'empty objects': (length) => '{}'.repeat(length / 2),
    'objects of others': (length) => '{"a":1}'.repeat(length / 7),
    backslashes: (length) => '\\'.repeat(length),
    'text after the end': (length) => `{"answer": "a"}${'x'.repeat(length)}`,
  }
  const parseUnchecked = (text: string, size: number) => {
    const cut = [...pieces(text, size)]
    return () => {
      const parser = new JsonParser(TYPED)
      for (const piece of cut) parser.push(piece)
      parser.end()
    }
  }

  for (const [name, shape] of Object.entries(shapes)) {
    for (const size of [1, 7, 1_000_000]) {
      it(`${name} in pieces of ${size}`, () => {
        const once = charactersTouched(() => parseUnchecked(shape(n), size))
        const tenfold = charactersTouched(() => parseUnchecked(shape(10 * n), size))
        assert.ok(
          once > 0 && tenfold <= 11 * once,
          `${once} for ${n} characters, ${tenfold} for ten times that`,
        )
        assert.ok(tenfold <= 8 * 10 * n + 1_000, `${tenfold / 10 / n} touches a character`)
      })
    }
  }
})
