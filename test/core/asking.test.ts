/** What predictors may say of how they are asked, in types and at run time. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chainOfThought, predict } from '../../src/core/predictor.ts'

const make = (options: object) => predict('question -> answer: str, sure: bool', options)

describe('the options of asking', () => {
  it('are all left out by most predictors', () => {
    assert.deepEqual(make({}).asking, { roles: ['default'], settings: {}, attempts: 1, check: undefined })
  })

  it('are kept as they are, one stop text as a list', () => {
    const check = () => undefined
    const settings = { temperature: 0, topP: 1, maxTokens: 1, reasoningEffort: 'none', extra: { top_k: 5 } }
    const { asking } = make({
      ...settings,
      lm: 'fast',
      fallbacks: ['big_2', 'default'],
      stop: 'END',
      attempts: 10,
      check,
    })
    assert.deepEqual(asking, {
      roles: ['fast', 'big_2', 'default'],
      settings: { ...settings, stop: ['END'] },
      attempts: 10,
      check,
    })
  })

  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    lm: ['', 'Fast', 'big-2', '2nd', 5],
    fallbacks: ['fast', ['Fast'], [5], ['fast', 'fast'], ['default']],
    attempts: [0, 11, 1.5, '2'],
    check: ['no', {}],
    temperature: [-1, 2.1, Number.NaN, '0'],
    topP: [0, 1.1, '1'],
    maxTokens: [0, 1.5, Number.POSITIVE_INFINITY, '9'],
    stop: ['', [], [''], 5],
    reasoningEffort: ['much', 5],
    extra: [[], 'x', null, { n: 1n }],
  }
  for (const [name, values] of Object.entries(wrong)) {
    it(`are refused at once where ${name} is wrong`, () => {
      for (const value of values) {
        assert.throws(() => make({ [name]: value }), {
          name: 'TypeError',
          message: new RegExp(`\`${name}\``),
        })
      }
    })
  }

  it('are refused where `extra` has what the service sets itself', () => {
    for (const key of [
      'model',
      'messages',
      'stream',
      'stream_options',
      'n',
      'max_tokens',
      'stop',
      'temperature',
    ]) {
      assert.throws(() => make({ extra: { [key]: 1 } }), {
        name: 'TypeError',
        message: new RegExp(`'${key}'`),
      })
    }
  })

  it('have a check that is typed by the outputs', () => {
    predict('question -> answer: str, sure: bool', {
      check: ({ answer, sure }) => (sure && answer.length > 5 ? undefined : 'Be sure.'),
    })
    chainOfThought('question -> lines: list[int]', {
      check: ({ reasoning, lines }) => (reasoning.length + lines.length > 5 ? 'Be brief.' : undefined),
    })
    // @ts-expect-error: there is no such output
    predict('question -> answer', { check: ({ answr }) => answr })
    // @ts-expect-error: inputs aren't outputs
    predict('question -> answer', { check: ({ question }) => question })
    // @ts-expect-error: neither a text nor undefined
    predict('question -> answer', { check: () => false })
    // @ts-expect-error: a misspelt effort; at run time it is refused
    assert.throws(() => predict('question -> answer', { reasoningEffort: 'hihg' }))
  })
})
