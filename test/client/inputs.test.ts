import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { inputsOf, placeOf } from '../../src/client/index.ts'
import { describe } from '../../src/core/describe.ts'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'

const types = { Line: z.object({ item: z.string() }), Tone: z.enum(['dry', 'warm']), Mail: z.email() }

/** What a face knows of inputs with these types, which are called a, b, …. */
function inputs(...given: string[]) {
  const text = given.map((type, index) => `${String.fromCharCode(97 + index)}: ${type}`).join(', ')
  const parts = { solo: predict('question -> answer') }
  const made = program(`${text} -> answer: str` as string, parts, async () => ({ answer: '' }), {
    types,
    describe: { a: 'The first.' },
  })
  return inputsOf(describe('test', made, { maxChars: 100 }))
}

test('every type has its kind, and an optional one the kind of what it may be', () => {
  for (const [type, kind] of [
    ['str', 'text'],
    ['Mail', 'text'],
    ['int', 'integer'],
    ['float', 'number'],
    ['bool', 'flag'],
    ['Literal["a", 2]', 'choice'],
    ['Literal["a"]', 'choice'],
    ['Tone', 'choice'],
    ['list[str]', 'texts'],
    ['list[int]', 'json'],
    ['list[Tone]', 'json'],
    ['dict[str, str]', 'json'],
    ['Line', 'json'],
    ['History', 'history'],
  ] as const) {
    const [plain, optional] = inputs(type, `Optional[${type}]`)
    assert.deepEqual([plain?.kind, optional?.kind], [kind, kind], type)
    assert.deepEqual([plain?.isRequired, optional?.isRequired], [true, false])
    assert.deepEqual([plain?.type, optional?.type], [type, `Optional[${type}]`])
    assert.deepEqual(plain?.choices, optional?.choices)
  }
})

test('choices and descriptions are there', () => {
  const [first, second] = inputs('Literal["a", 2]', 'Optional[Tone]')
  assert.deepEqual([first?.choices, first?.description], [['a', 2], 'The first.'])
  assert.deepEqual([second?.choices, second?.description], [['dry', 'warm'], undefined])
})

test('the place of a fault is said in words', () => {
  const asked = { lines: [{ item: 1 }, { 'a/b': { '7': null } }] }
  const place = (pointer: string) => placeOf({ pointer, detail: '' }, asked)
  assert.deepEqual(place('/lines'), { input: 'lines', where: '' })
  assert.deepEqual(place('/lines/0/item'), { input: 'lines', where: 'item 1, item' })
  assert.deepEqual(place('/lines/1/a~1b/7/x'), { input: 'lines', where: 'item 2, a/b, 7, x' })
  assert.deepEqual(place('/other/0'), { input: 'other', where: '0' })
  assert.deepEqual(place(''), { input: undefined, where: '' })
})
