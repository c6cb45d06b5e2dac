import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chainOfThought, predict } from '../../src/core/predictor.ts'
import { module, program } from '../../src/core/program.ts'
import { signature } from '../../src/core/signature.ts'

/** Compiles only where A and B are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const sameType = <A, B>(_: Same<A, B>) => {}

describe('a signature', () => {
  it('is read as lists of names', () => {
    assert.deepEqual(signature('question -> answer'), { inputs: ['question'], outputs: ['answer'] })
    assert.deepEqual(signature('  a,b ,  c->d  ,_e1 '), { inputs: ['a', 'b', 'c'], outputs: ['d', '_e1'] })
    assert.deepEqual(signature('\n  a,\n\tb\n  -> c\r\n'), { inputs: ['a', 'b'], outputs: ['c'] })
  })

  it('is read as types of the same names', () => {
    const one = signature(' a,b -> c ,\n  d')
    sameType<(typeof one.inputs)[number], 'a' | 'b'>(true)
    sameType<(typeof one.outputs)[number], 'c' | 'd'>(true)
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
    'a: str -> b': /has the field name 'a: str'/,
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
      assert.throws(() => signature(text), { name: 'TypeError', message })
      assert.throws(
        () => signature(text),
        (error: Error) => error.message.includes(`'${text}'`),
      )
    })
  }
})

describe('a predictor', () => {
  it('is plain data', () => {
    assert.deepEqual(predict('question -> answer'), {
      kind: 'predictor',
      inputs: ['question'],
      outputs: ['answer'],
      instructions: undefined,
      demos: [],
    })
    const demos = [{ question: 'Why?', answer: 'Because.' }]
    const withAll = predict('question -> answer', { instructions: 'Be brief.', demos })
    assert.equal(withAll.instructions, 'Be brief.')
    assert.deepEqual(withAll.demos, demos)
    assert.deepEqual(structuredClone(withAll), withAll)
  })

  it('with chain of thought has `reasoning` in front of its outputs', () => {
    const predictor = chainOfThought('question, hint -> answer, source')
    assert.deepEqual(predictor.inputs, ['question', 'hint'])
    assert.deepEqual(predictor.outputs, ['reasoning', 'answer', 'source'])
    sameType<(typeof predictor.outputs)[number], 'reasoning' | 'answer' | 'source'>(true)
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

  it('takes only demos that have every field and no other', () => {
    predict('question -> answer', { demos: [{ question: 'Why?', answer: 'Because.' }] })
    const partial = { question: 'Why?' }
    // @ts-expect-error: `answer` is missing
    assert.throws(() => predict('question -> answer', { demos: [partial] }), /a string for answer\./)
    // @ts-expect-error: `answr` is no field
    predict('question -> answer', { demos: [{ question: 'Why?', answer: 'Because.', answr: '' }] })
    // @ts-expect-error: a value is a string
    const numbered = () => predict('question -> answer', { demos: [{ question: 'Why?', answer: 42 }] })
    assert.throws(numbered, /a string for answer\./)
    chainOfThought('a -> b', { demos: [{ a: '1', reasoning: 'because', b: '2' }] })
    // @ts-expect-error: `reasoning` is missing
    assert.throws(() => chainOfThought('a -> b', { demos: [{ a: '1', b: '2' }] }), /a string for reasoning\./)
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
      made.places.map(({ name, module, messages, predictor }) => [name, module, messages, predictor.outputs]),
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

  it('types what it is asked: a question, or what the body says', () => {
    const solo = predict('question -> answer')
    const asked = program({ solo }, async ({ solo }, inputs) => {
      // @ts-expect-error: a question is all there is
      inputs.hint
      return solo(inputs)
    })
    sameType<Parameters<typeof asked.run>[1], { readonly question: string }>(true)

    const translate = predict('text, language -> translation')
    const own = program({ translate }, ({ translate }, inputs: { text: string; language: string }) =>
      translate(inputs),
    )
    sameType<Parameters<typeof own.run>[1], { text: string; language: string }>(true)

    // @ts-expect-error: a prediction has strings
    program({ solo }, async () => ({ answer: 42 }))
    // @ts-expect-error: a program has a result
    program({ solo }, async ({ solo }, { question }) => {
      await solo({ question })
    })
  })
})
