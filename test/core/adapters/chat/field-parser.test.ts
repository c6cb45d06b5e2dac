import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { FieldChunk } from '../../../../src/core/adapters/adapter.ts'
import { FieldParser } from '../../../../src/core/adapters/chat/field-parser.ts'
import { charactersTouched } from '../../../support/characters.ts'
import {
  completionOf,
  corpus,
  cutAt,
  cuts,
  FIELDS,
  marker,
  megabyte,
  nastyText,
} from '../../../support/corpus.ts'

type Fields = readonly string[]
type Values = Record<string, string>

/** The protocol's rules, read off the whole text: what the values are once the completion has ended. */
function valuesOf(fields: Fields, text: string): Values {
  return Object.fromEntries(
    Object.entries(textsOf(fields, text)).map(([field, value]) => [field, value.trim()]),
  )
}

/** The same with the white space around the values. */
function textsOf(fields: Fields, text: string): Values {
  const unseen = new Set([...fields, 'completed'])
  const lines = new Map<string, string[]>()
  let current: string[] = []
  for (const line of text.split('\n')) {
    const isFirst = unseen.size > fields.length
    const [start = '', name = ''] =
      (isFirst ? /^\s*\[\[ ## (\w+) ## \]\]/ : /^\[\[ ## (\w+) ## \]\]/).exec(line) ?? []
    if (unseen.delete(name)) {
      if (name === 'completed') break
      current = [line.slice(start.length)]
      lines.set(name, current)
    } else {
      current.push(line)
    }
  }
  if (unseen.size > fields.length && text.trim() !== '') lines.set(fields.at(-1) as string, [text])
  if (fields.includes('reasoning') && !lines.has('reasoning')) lines.set('reasoning', [])
  return Object.fromEntries(
    fields.flatMap((field) => {
      const value = lines.get(field)
      return value ? [[field, value.join('\n')]] : []
    }),
  )
}

/**
 * What is certain of a field when only the beginning of a completion has come: what all the ways in which it can
 * go on have in common. It may end here, and any marker may begin, go on or be finished next. Of a field that is open,
 * the first half of a surrogate pair is never the last that was sent.
 */
function certainOf(fields: Fields, beginning: string): Values {
  const endings = [...fields, 'completed'].flatMap((name) => {
    const text = `\n${marker(name)}`
    return Array.from(text, (_, at) => text.slice(at))
  })
  const futures = ['', ...endings].map((ending) => valuesOf(fields, beginning + ending))
  const [now, later] = ['', ' x'].map((more) => valuesOf(fields, beginning + more)) as [Values, Values]
  return Object.fromEntries(
    fields.map((field) => {
      const certain = futures.map((values) => values[field] ?? '').reduce(commonStart)
      const isOpen = now[field] !== later[field]
      return [field, isOpen ? certain.replace(/[\s\ud800-\udbff]+$/, '') : certain]
    }),
  )
}

function commonStart(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}

/** A parser, with what must hold of its chunks whatever it is fed checked after each step. */
class Checked {
  readonly parser: FieldParser
  readonly joined: Values = {}
  readonly closed = new Set<string>()

  constructor(fields: Fields) {
    this.parser = new FieldParser(fields)
  }

  push = (text: string) => this.#check(this.parser.push(text))
  think = (text: string) => this.#check(this.parser.think(text))

  end(): Values {
    this.#check(this.parser.end())
    for (const field of Object.keys(this.parser.texts)) assert.ok(this.closed.has(field), `${field} is open`)
    return this.parser.texts
  }

  #check(chunks: readonly FieldChunk[]): void {
    for (const { field, chunk, isLast } of chunks) {
      assert.ok(!this.closed.has(field), `${field} goes on after its last chunk`)
      assert.ok(chunk !== '' || isLast, 'an empty chunk says nothing')
      assert.ok(isLast || !/[\ud800-\udbff]$/.test(chunk), 'the other half of a character may follow')
      this.joined[field] = (this.joined[field] ?? '') + chunk
      if (isLast) this.closed.add(field)
    }
    for (const [field, value] of Object.entries(this.parser.texts)) {
      assert.equal(this.joined[field] ?? '', value)
    }
  }
}

function parse(fields: Fields, pieces: Iterable<string>): Values {
  const checked = new Checked(fields)
  for (const piece of pieces) checked.push(piece)
  return checked.end()
}

function* pieces(text: string, size: number): Generator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

const fieldLists: Fields[] = [
  FIELDS,
  ['answer'],
  ['a', 'ab', 'answer'],
  ['complete', 'answers', 'answer', 'reasoning'],
]

const completion = fc
  .constantFrom(...fieldLists)
  .chain((fields) => fc.record({ fields: fc.constant(fields), text: nastyText(fields) }))

describe('the values', () => {
  const expected: Record<string, Values> = {
    'as asked for': { reasoning: 'Because.', answer: 'Forty-two.' },
    'nothing at all': { reasoning: '' },
    'only white space': { reasoning: '' },
    'no marker at all': { reasoning: '', answer: 'Just an answer.\nIn two lines.' },
    'no marker, half of one at the end': { reasoning: '', answer: 'Just an answer.\n[[ ## ans' },
    'a preamble before the first marker': { reasoning: 'Why not.', answer: 'Yes.' },
    'a blank before the first marker': { reasoning: 'Why not.', answer: 'Yes.' },
    'blanks and lines before the first marker': { reasoning: 'Why not.', answer: 'Yes.' },
    'a preamble and blanks before the first marker': { reasoning: 'Why not.', answer: 'Yes.' },
    'blanks before a later marker': { reasoning: 'Why\n [[ ## answer ## ]]\nnot.', answer: 'Yes.' },
    'a preamble and completed, no field': { reasoning: '' },
    'a missing reasoning': { reasoning: '', answer: 'Forty-two.' },
    'a missing answer': { reasoning: 'Because.' },
    'text after completed': { reasoning: 'Because.', answer: 'Forty-two.' },
    'empty fields': { reasoning: '', answer: '' },
    'white space inside a value': { reasoning: 'a  \n\n\n  b', answer: 'c\n \n\t\n d' },
    'text right behind a marker': { reasoning: 'Because.', answer: 'Forty-two.' },
    'two markers on a line': { reasoning: '[[ ## answer ## ]]\nForty-two.' },
    'a repeated marker': {
      reasoning: 'a\n[[ ## reasoning ## ]]\nb',
      answer: 'c\n[[ ## answer ## ]]\nd\n[[ ## reasoning ## ]]\ne',
    },
    'reordered markers': { reasoning: 'Because.', answer: 'Forty-two.' },
    'an indented marker': {
      reasoning: 'a\n [[ ## answer ## ]]\n\t[[ ## completed ## ]]\nb',
      answer: 'c\n  [[ ## completed ## ]]\nd',
    },
    'half a marker at the end': { reasoning: 'a', answer: 'b\n[[ ## comple' },
    CRLF: { reasoning: 'Because.\r\nTwice.', answer: 'Forty-two.' },
    'lone CR': { reasoning: completionOf('Because.', 'Forty-two.').slice(21).replaceAll('\n', '\r').trim() },
  }

  for (const [name, values] of Object.entries(expected)) {
    it(`of a completion with ${name}`, () => {
      assert.deepEqual(parse(FIELDS, [corpus[name] as string]), values)
      assert.deepEqual(valuesOf(FIELDS, corpus[name] as string), values)
    })
  }

  for (const [name, text] of Object.entries(corpus)) {
    it(`don't depend on the cut: ${name}`, () => {
      const whole = valuesOf(FIELDS, text)
      for (const size of [1, 2, 3, 7, 64, text.length || 1]) {
        assert.deepEqual(parse(FIELDS, pieces(text, size)), whole)
      }
      for (let at = 0; at <= text.length; at++) assert.deepEqual(parse(FIELDS, cutAt(text, [at])), whole)
    })
  }

  it("don't depend on the cut: every way to make three pieces of one", () => {
    const text =
      'Hm\n[[ ## reasoning ## ]] a\n[[ ## reas\n😀 \n\n[[ ## answer ## ]]\n b[\n[[ ## completed ## ]]\nx'
    const whole = valuesOf(FIELDS, text)
    for (let a = 0; a <= text.length; a++) {
      for (let b = a; b <= text.length; b++) assert.deepEqual(parse(FIELDS, cutAt(text, [a, b])), whole)
    }
  })

  it("don't depend on the cut: any text in any pieces", () => {
    fc.assert(
      fc.property(completion, cuts, ({ fields, text }, places) => {
        const whole = valuesOf(fields, text)
        assert.deepEqual(parse(fields, cutAt(text, places)), whole)
        assert.deepEqual(parse(fields, pieces(text, 1)), whole)
        assert.deepEqual(parse(fields, [text]), whole)
      }),
      { numRuns: 10_000 },
    )
  })

  it('come in signature order, and the missing ones are named', () => {
    const parser = new FieldParser(['b', 'a', 'c'])
    parser.push('[[ ## c ## ]]\n1\n[[ ## b ## ]]\n2')
    parser.end()
    assert.deepEqual(Object.entries(parser.texts), [
      ['b', '2'],
      ['c', '1'],
    ])
    assert.deepEqual(parser.missing, ['a'])
  })

  it('of a megabyte', () => {
    const whole = valuesOf(FIELDS, megabyte)
    for (const size of [1, 4_096, megabyte.length]) {
      const parser = new FieldParser(FIELDS)
      for (const piece of pieces(megabyte, size)) parser.push(piece)
      parser.end()
      assert.deepEqual(parser.texts, whole)
    }
  })

  it('take any text back that is written into a well-formed completion', () => {
    const value = nastyText(['other']).map((text) => text.trim().replaceAll('[[ ## ', '[[ # '))
    fc.assert(
      fc.property(value, value, cuts, (reasoning, answer, places) => {
        const text = completionOf(reasoning, answer)
        assert.deepEqual(parse(FIELDS, cutAt(text, places)), { reasoning, answer })
      }),
    )
  })
})

describe('a character is held back only while its fate is open', () => {
  const assertPrompt = (fields: Fields, cutText: Iterable<string>) => {
    const checked = new Checked(fields)
    let beginning = ''
    for (const piece of cutText) {
      checked.push(piece)
      beginning += piece
      const sent = Object.fromEntries(fields.map((field) => [field, checked.joined[field] ?? '']))
      assert.deepEqual(sent, certainOf(fields, beginning), `after ${JSON.stringify(beginning)}`)
    }
  }

  for (const [name, text] of Object.entries(corpus)) {
    it(name, () => {
      assertPrompt(FIELDS, pieces(text, 1))
      assertPrompt(FIELDS, pieces(text, 5))
    })
  }

  it('any text in any pieces', () => {
    fc.assert(
      fc.property(completion, cuts, ({ fields, text }, places) => assertPrompt(fields, cutAt(text, places))),
      { numRuns: 1_000 },
    )
  })

  it('a field closes as soon as the marker behind it is whole', () => {
    const parser = new FieldParser(FIELDS)
    const closings = Array.from(completionOf('a', 'b'), (letter) => ({ letter, chunks: parser.push(letter) }))
    const closed = closings.flatMap(({ letter, chunks }) =>
      chunks.flatMap(({ field, isLast }) => (isLast ? [[field, letter]] : [])),
    )
    assert.deepEqual(closed, [
      ['reasoning', ']'],
      ['answer', ']'],
    ])
  })

  it('a piece gives one chunk for each stretch of a field, closed where it is', () => {
    const parser = new FieldParser(FIELDS)
    assert.deepEqual(parser.push('x\n[[ ## reasoning ## ]]\na\n b \n[[ ## answer ## ]]\nc \n'), [
      { field: 'reasoning', chunk: 'a\n b', isLast: true },
      { field: 'answer', chunk: 'c', isLast: false },
    ])
    assert.deepEqual(parser.push('d [[\n[['), [{ field: 'answer', chunk: ' \nd [[', isLast: false }])
    assert.deepEqual(parser.end(), [{ field: 'answer', chunk: '\n[[', isLast: true }])
  })
})

describe('native reasoning', () => {
  const ops = fc.array(
    fc.oneof(
      fc.record({ think: fc.constant(false), text: nastyText(FIELDS) }),
      fc.record({ think: fc.constant(true), text: nastyText(FIELDS) }),
    ),
    { maxLength: 6 },
  )

  it('is the reasoning of a completion that writes none', () => {
    const checked = new Checked(FIELDS)
    checked.think(' Let me')
    checked.think(' see.\n')
    checked.push('[[ ## answer ## ]]\nYes.')
    assert.ok(!checked.closed.has('reasoning'), 'a model may think again')
    checked.think('[[ ## answer ## ]]')
    assert.deepEqual(checked.end(), { reasoning: 'Let me see.\n[[ ## answer ## ]]', answer: 'Yes.' })
  })

  it("goes before the completion's own, on a line of its own, however both are cut", () => {
    fc.assert(
      fc.property(nastyText(FIELDS), nastyText(FIELDS), cuts, cuts, (native, text, nativeCuts, textCuts) => {
        const checked = new Checked(FIELDS)
        for (const piece of cutAt(native, nativeCuts)) checked.think(piece)
        for (const piece of cutAt(text, textCuts)) checked.push(piece)
        const { reasoning, ...others } = checked.end()
        const { reasoning: _, ...othersAlone } = valuesOf(FIELDS, text)
        assert.deepEqual(others, othersAlone)
        assert.equal(reasoning, `${native}\n${textsOf(FIELDS, text).reasoning}`.trim())
      }),
    )
  })

  it('mixed in anywhere leaves the other fields as they are, and every field closes once', () => {
    fc.assert(
      fc.property(ops, (steps) => {
        const checked = new Checked(FIELDS)
        for (const { think, text } of steps) think ? checked.think(text) : checked.push(text)
        const { reasoning, ...others } = checked.end()
        const text = steps.map((step) => (step.think ? '' : step.text)).join('')
        const { reasoning: _, ...othersAlone } = valuesOf(FIELDS, text)
        assert.deepEqual(others, othersAlone)
        assert.equal(typeof reasoning, 'string')
      }),
      { numRuns: 1_000 },
    )
  })

  it("after the completion's own has closed is dropped", () => {
    const checked = new Checked(FIELDS)
    checked.push('[[ ## reasoning ## ]]\nBecause.\n[[ ## answer ## ]]\nY')
    assert.ok(checked.closed.has('reasoning'))
    checked.think('Wait.')
    checked.push('es.')
    assert.deepEqual(checked.end(), { reasoning: 'Because.', answer: 'Yes.' })
  })

  it('of a signature without reasoning is streamed and closed, and is no value', () => {
    const checked = new Checked(['answer'])
    checked.think('Hm.')
    checked.push('Yes.')
    assert.deepEqual(checked.end(), { answer: 'Yes.' })
    assert.equal(checked.joined.reasoning, 'Hm.')
    assert.ok(checked.closed.has('reasoning'))
  })
})

describe('the work grows with the text, not faster', () => {
  const n = 2_000
  const shapes: Record<string, (length: number) => string> = {
    words: (length) => 'word '.repeat(length / 5),
    'white space': (length) => `[[ ## answer ## ]]a${' '.repeat(length)}b${'\n'.repeat(length)}`,
    'half markers': (length) => `[[ ## reasoning ## ]]${'\n[[ ## answer ##'.repeat(length / 16)}`,
    'seen markers': (length) => '[[ ## answer ## ]]\n'.repeat(length / 19),
    'a long preamble': (length) => `${'x\n'.repeat(length / 2)}[[ ## answer ## ]]\na`,
    'text after completed': (length) => `[[ ## completed ## ]]\n${'x'.repeat(length)}`,
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
      })
    }
  }

  const parseUnchecked = (text: string, size: number) => {
    const cut = [...pieces(text, size)]
    return () => {
      const parser = new FieldParser(FIELDS)
      for (const piece of cut) parser.push(piece)
      parser.end()
    }
  }
})
