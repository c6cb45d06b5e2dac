import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import type { History } from '../../src/core/field-type.ts'
import { chainOfThought, predict } from '../../src/core/predictor.ts'
import { module, program } from '../../src/core/program.ts'
import { type Field, namesOf, type Signature, signature } from '../../src/core/signature.ts'

/** Compiles only where A and B are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const sameType = <A, B>(_: Same<A, B>) => {}

describe('a signature', () => {
  const brief = ({ inputs, outputs }: Signature) => {
    const side = (fields: readonly Field[]) =>
      fields.map(({ name, type }) => `${name}: ${type.text}`).join(', ')
    return `${side(inputs)} -> ${side(outputs)}`
  }

  it('is read as lists of fields, which are texts where no type is given', () => {
    assert.equal(brief(signature('question -> answer')), 'question: str -> answer: str')
    assert.equal(brief(signature('  a,b ,  c->d  ,_e1 ')), 'a: str, b: str, c: str -> d: str, _e1: str')
    assert.equal(brief(signature('\n  a,\n\tb\n  -> c\r\n')), 'a: str, b: str -> c: str')
  })

  it('is read with every type that DSPy writes, and with types of its own', () => {
    const Line = z.object({ item: z.string(), quantity: z.int().min(1) }).describe('a line of an invoice')
    const one = signature(
      `text: str , n : int, f:float -> ok: bool, all: list[str], deep: dict[str, list[ int ]],
      lines: list[Line], line: Line, currency: Literal["EUR", 'US, D]', -3, True], maybe: Optional[list[Line]],
      past: History`,
      { types: { Line }, describe: { text: 'what to read' } },
    )
    assert.equal(
      brief(one),
      'text: str, n: int, f: float -> ok: bool, all: list[str], deep: dict[str, list[int]], lines: list[Line], ' +
        'line: Line, currency: Literal["EUR", "US, D]", -3, true], maybe: Optional[list[Line]], past: History',
    )
    const described = [...one.inputs, ...one.outputs].filter(({ description }) => description)
    assert.deepEqual(
      described.map(({ name, description }) => [name, description]),
      [
        ['text', 'what to read'],
        ['line', 'a line of an invoice'],
      ],
    )
    type In = Parameters<NonNullable<typeof one.values>>[0]
    type Out = ReturnType<NonNullable<typeof one.values>>
    sameType<In, { readonly text: string; readonly n: number; readonly f: number }>(true)
    type Line = { item: string; quantity: number }
    sameType<
      Out,
      {
        readonly ok: boolean
        readonly all: readonly string[]
        readonly deep: { readonly [key: string]: readonly number[] }
        readonly lines: readonly Line[]
        readonly line: Line
        readonly currency: 'EUR' | 'US, D]' | -3 | true
        readonly maybe: readonly Line[] | null
        readonly past: History
      }
    >(true)
  })

  it('is read as types of the same names', () => {
    const one = signature(' a,b -> c ,\n  d')
    sameType<Parameters<NonNullable<typeof one.values>>[0], { readonly a: string; readonly b: string }>(true)
    sameType<ReturnType<NonNullable<typeof one.values>>, { readonly c: string; readonly d: string }>(true)
  })

  it('that is wrong does not compile', () => {
    const types = { Line: z.object({}) }
    // @ts-expect-error: no such type
    assert.throws(() => signature('a: string -> b'))
    // @ts-expect-error: no such type inside another
    assert.throws(() => signature('a -> b: list[Lime]', { types }))
    // @ts-expect-error: a list of nothing
    assert.throws(() => signature('a -> b: list'))
    // @ts-expect-error: an open bracket
    assert.throws(() => signature('a -> b: list[str'))
    // @ts-expect-error: keys of a dict are texts
    assert.throws(() => signature('a -> b: dict[int, str]'))
    // @ts-expect-error: a literal without quotes
    assert.throws(() => signature('a -> b: Literal[yes, no]'))
    // @ts-expect-error: no arrow
    assert.throws(() => signature('a, b'))
    signature('a -> b: list[Line]', { types })
  })

  const faults: Record<string, RegExp> = {
    question: /needs one '->'/,
    'a -> b -> c': /needs one '->'/,
    '': /needs one '->'/,
    '-> answer': /has the field name ''/,
    'question ->': /has the field name ''/,
    'a,,b -> c': /has the field name ''/,
    'a -> b,': /has the field name ''/,
    'a b -> c': /has the field name 'a b'/,
    'a: str: int -> b': /can't be read from ': int -> b' on/,
    'a: -> b': /has the type ''/,
    'a: string -> b': /has the type 'string' before '-> b', which isn't known; known are str, int/,
    'a -> b: list[]': /has the type ''/,
    'a -> b: list': /needs a parameter, such as list\[str\]/,
    'a -> b: list[str': /needs a ']'/,
    'a -> b: list[str]]': /can't be read from ']' on/,
    'a -> b: dict[int, str]': /needs str as the keys of a dict/,
    'a -> b: Literal[]': /has a Literal that takes quoted texts/,
    'a -> b: Literal["x]': /has a Literal that takes quoted texts/,
    '1a -> b': /has the field name '1a'/,
    'a -> b-c': /has the field name 'b-c'/,
    'a -> ü': /has the field name 'ü'/,
    'a, a -> b': /uses the field name 'a', which is taken/,
    'a -> b, b': /uses the field name 'b', which is taken/,
    'a -> a': /uses the field name 'a', which is taken/,
    'a -> completed': /uses the field name 'completed', which is reserved/,
    'completed -> a': /uses the field name 'completed', which is reserved/,
  }
  for (const [text, message] of Object.entries(faults)) {
    it(`'${text}' is refused, with the reason`, () => {
      assert.throws(() => signature(text as string), { name: 'TypeError', message })
      assert.throws(
        () => signature(text),
        (error: Error) => error.message.includes(`'${text}'`),
      )
    })
  }
})

describe('a predictor', () => {
  it('is plain data', () => {
    const plain = predict('question -> answer')
    assert.deepEqual([plain.kind, plain.instructions, plain.demos], ['predictor', undefined, []])
    assert.deepEqual([namesOf(plain.inputs), namesOf(plain.outputs)], [['question'], ['answer']])
    const demos = [{ question: 'Why?', answer: 'Because.' }]
    const withAll = predict('question -> answer', { instructions: 'Be brief.', demos })
    assert.equal(withAll.instructions, 'Be brief.')
    assert.deepEqual(withAll.demos, demos)
  })

  it('with chain of thought has `reasoning` in front of its outputs', () => {
    const predictor = chainOfThought('question, hint -> answer, source')
    assert.deepEqual(namesOf(predictor.inputs), ['question', 'hint'])
    assert.deepEqual(namesOf(predictor.outputs), ['reasoning', 'answer', 'source'])
    sameType<keyof ReturnType<NonNullable<typeof predictor.values>>, 'reasoning' | 'answer' | 'source'>(true)
  })

  it('with chain of thought has no other `reasoning`', () => {
    for (const text of ['question -> reasoning', 'reasoning -> answer']) {
      assert.throws(() => chainOfThought(text), {
        name: 'TypeError',
        message: /chain of thought adds itself/,
      })
      assert.doesNotThrow(() => predict(text))
    }
  })

  it('takes only demos that have an input, an output and no other field', () => {
    predict('question -> answer', { demos: [{ question: 'Why?', answer: 'Because.' }] })
    for (const demo of [{ question: 'Why?' }, { answer: 'Because.' }, {}]) {
      const halfEmpty = () => predict('question -> answer', { demos: [demo] })
      assert.throws(halfEmpty, /: \/0: at least one input and one output are needed\.$/)
    }
    // @ts-expect-error: `answr` is no field
    predict('question -> answer', { demos: [{ question: 'Why?', answer: 'Because.', answr: '' }] })
    // @ts-expect-error: a value is a string
    const numbered = () => predict('question -> answer', { demos: [{ question: 'Why?', answer: 42 }] })
    assert.throws(numbered, /\/answer: expected string, received number/)
    chainOfThought('a -> b', { demos: [{ a: '1', reasoning: 'because', b: '2' }] })
    chainOfThought('a -> b', { demos: [{ a: '1', b: '2' }] })
  })
})

describe('a program', () => {
  it('has its predictors under the names of their keys, in order', () => {
    const made = program(
      {
        first: predict('question -> a'),
        group: module(
          { one: predict('a -> b'), two: chainOfThought('a -> c') },
          { start: 'Go.', end: 'Done.' },
        ),
      },
      async ({ first }, { question }) => first({ question }),
    )
    const messages = { start: 'Go.', end: 'Done.' }
    assert.deepEqual(
      made.places.map(({ name, module, messages, predictor }) => [
        name,
        module,
        messages,
        namesOf(predictor.outputs),
      ]),
      [
        ['first', 'first', undefined, ['a']],
        ['group.one', 'group', messages, ['b']],
        ['group.two', 'group', messages, ['reasoning', 'c']],
      ],
    )
  })

  it('refuses names that are none, in parts and in modules', () => {
    const body = async () => ({})
    const inner = predict('question -> a')
    for (const name of ['a.b', 'a b', '', '1', 'é']) {
      assert.throws(() => program({ [name]: inner }, body), {
        name: 'TypeError',
        message: new RegExp(`'${name}'`),
      })
      const group = module({ [name]: inner }, { start: '', end: '' })
      assert.throws(() => program({ group }, body), { name: 'TypeError', message: /can't name a part/ })
    }
  })

  it("types its body's predictors, inputs and results by the signatures", () => {
    const group = module(
      { one: chainOfThought('question -> b'), two: predict('b, question -> c') },
      { start: 'Go.', end: 'Done.' },
    )
    program({ solo: predict('question, b -> d'), group }, async ({ solo, group }, { question }) => {
      const { b, reasoning } = await group.one({ question })
      sameType<typeof b, string>(true)
      sameType<typeof reasoning, string>(true)
      const { c } = await group.two({ question, b })

      // @ts-expect-error: `b` is missing
      await solo({ question })
      // @ts-expect-error: `c` is no input of `solo`
      await solo({ question, b, c })
      // @ts-expect-error: a value is a string
      await solo({ question, b: 1 })
      // @ts-expect-error: `two` doesn't reason
      await group.two({ question, b }).then(({ reasoning }) => reasoning)
      // @ts-expect-error: `answer` is no output of `one`
      await group.one({ question }).then(({ answer }) => answer)
      // @ts-expect-error: the module has no predictor `three`
      await group.three({ question })
      // @ts-expect-error: a module isn't called itself
      await group({ question })
      return solo({ question, b: `${b}${c}` })
    })
    // @ts-expect-error: the program has no part `other`
    program({ group }, async ({ other }, { question }) => other({ question }))
  })

  it('types what it is asked: a question, or what its signature says', () => {
    const solo = predict('question -> answer')
    const asked = program({ solo }, async ({ solo }, inputs) => {
      // @ts-expect-error: a question is all there is
      inputs.hint
      return solo(inputs)
    })
    sameType<Parameters<typeof asked.run>[1], { readonly question: string }>(true)

    const translate = predict('text, language -> translation')
    const own = program(
      'text: str, to: Literal["de", "fr"] -> translation: str, words: int',
      { translate },
      async ({ translate }, { text, to }) => {
        const { translation } = await translate({ text, language: to })
        return { translation, words: translation.split(' ').length }
      },
    )
    sameType<Parameters<typeof own.run>[1], { readonly text: string; readonly to: 'de' | 'fr' }>(true)

    // @ts-expect-error: a promised output is missing
    program('text -> translation, words: int', { translate }, ({ translate }, { text }) =>
      translate({ text, language: 'de' }),
    )
    // @ts-expect-error: a promised output has another type
    program('text -> words: int', { translate }, async () => ({ words: 'three' }))
    // @ts-expect-error: no such type
    assert.throws(() => program('text: strr -> words', { translate }, async () => ({ words: 'three' })))
    // @ts-expect-error: a program has a result
    program({ solo }, async ({ solo }, { question }) => {
      await solo({ question })
    })
  })
})
