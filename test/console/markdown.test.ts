import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { AnswerText } from '../../src/console/answer-text.ts'
import { dressLine, type Point, START } from '../../src/console/markdown.ts'
import type { Paint } from '../../src/console/paint.ts'

/** Shows styles as words. */
const named: Paint = (style, text) => (style === undefined || text === '' ? text : `<${style}>${text}</>`)
const plain: Paint = (_style, text) => text

function dressed(source: string, columns = 80, paint = named): string[] {
  const lines: string[] = []
  for (let from: Point = START; from.at < source.length; ) {
    const next = dressLine(source, from, columns, paint)
    lines.push(...next.map(({ text }) => text))
    from = next.at(-1)?.next as Point
  }
  return lines
}

for (const [what, source, ...expected] of [
  ['a heading', '## Why **so**?', '<bold>Why </><bold><bold>so</></><bold>?</>'],
  ['emphasis', 'a *b* __c__ `d*e*`', 'a <italic>b</> <bold>c</> <cyan>d*e*</>'],
  ['no emphasis', '2**10 a_b_c x * y * z \\*w\\*', '2**10 a_b_c x * y * z *w*'],
  ['words of other scripts', '中文**粗**中', '中文<bold>粗</>中'],
  ['what isn’t closed', 'a **b', 'a **b'],
  ['a list', '- a\n  1. b', '• a', '  1. b'],
  ['a quote', '> a', '<dim>│ </>a'],
  [
    'code',
    '```ts\n*a*\tb\n```\n*c*',
    '<dim>```ts</>',
    '<cyan>*a*</><cyan>    </><cyan>b</>',
    '<dim>```</>',
    '<italic>c</>',
  ],
  ['a rule', '---', `<dim>${'─'.repeat(40)}</>`],
] as const) {
  test(`it dresses ${what}`, () => assert.deepEqual(dressed(source), expected))
}

test('lines are wrapped at words, beside wide characters, and in words that are too long', () => {
  assert.deepEqual(dressed('- one two three', 9, plain), ['• one two', '  three'])
  assert.deepEqual(dressed('ab漢字漢字', 6, plain), ['ab漢字', '漢字'])
  assert.deepEqual(dressed('abcdefgh ij', 5, plain), ['abcde', 'fgh', 'ij'])
  assert.deepEqual(dressed(`${'👩‍👩‍👧‍👦'.repeat(3)}`, 4, plain), ['👩‍👩‍👧‍👦👩‍👩‍👧‍👦', '👩‍👩‍👧‍👦'])
})

const pieces = [
  'a',
  'word',
  ' ',
  '\n',
  '*',
  '**',
  '`',
  '```\n',
  '- ',
  '> ',
  '# ',
  '\t',
  '漢',
  '👩‍👩‍👧',
  'e\u0301',
]
const markdown = fc
  .array(fc.constantFrom(...pieces), { maxLength: 150, size: 'max' })
  .map((parts) => parts.join(''))

test('no line is wider than it may be, and every letter is there', () => {
  const letters = (text: string) => text.replace(/[^a-z漢👩]/gu, '')
  fc.assert(
    fc.property(markdown, fc.integer({ min: 10, max: 40 }), (source, columns) => {
      const lines = dressed(source, columns, plain)
      assert.ok(lines.every((line) => stringWidth(line) <= columns))
      assert.equal(letters(lines.join('')), letters(source))
    }),
    {
      examples: [
        ['> \t\ta', 10],
        ['> > > > > > a', 10],
        ['123456789. a', 10],
        [' \t- \t\ta', 14],
      ],
    },
  )
})

test('however a text comes and its lines leave, it is the same text', () => {
  fc.assert(
    fc.property(markdown, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (source, sizes) => {
      const answer = new AnswerText(plain)
      const left: string[] = []
      for (let at = 0, step = 0; at < source.length; step++) {
        at += sizes[step % sizes.length] as number
        assert.ok(answer.set(source.slice(0, at), false))
        const { length } = answer.lines(20)
        left.push(...answer.take(Math.max(0, length - 3)))
      }
      assert.ok(answer.set(source, true))
      left.push(...answer.take(answer.lines(20).length))
      const letters = (text: string) => text.replace(/[^a-z漢👩]/gu, '')
      assert.equal(letters(left.join('')), letters(source))
    }),
  )
})

test('a text that begins anew is void only where it has left', () => {
  const answer = new AnswerText(plain)
  answer.set('one\ntwo\nthree', false)
  answer.lines(20)
  assert.equal(answer.set('another\ntext', false), true)
  answer.lines(20)
  assert.deepEqual(answer.take(1), ['another'])
  assert.equal(answer.set('a third', false), false)
  assert.deepEqual(answer.lines(20), ['a third'])
})

test('many markers in a long line take no time to speak of', () => {
  const source = `${'plain words '.repeat(20_000)}${'**a '.repeat(20_000)}${'*a '.repeat(20_000)}${'`'.repeat(3_000)}${' `a'.repeat(20_000)}`
  const before = performance.now()
  dressed(source, 80, plain)
  assert.ok(performance.now() - before < 5_000)
})
