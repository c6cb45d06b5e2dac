import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ListItems } from '../../src/core/list-items.ts'

/** The items of a text that comes in these pieces. */
function itemsOf(pieces: readonly string[]): string[] {
  const items = new ListItems()
  return pieces.flatMap((piece) => items.push(piece))
}

/** A text in pieces of these lengths, over and over. */
function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = []
  for (let at = 0, nth = 0; at < text.length; nth++) {
    const length = lengths[nth % lengths.length] as number
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}

describe('the items of a list', () => {
  it('are what JSON has, for any list, layout and cuts', () => {
    const layouts = fc.constantFrom(undefined, 1, 2, '\t')
    const lengths = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 })
    const around = fc.constantFrom(['', ''], ['```json\n', '\n```'], ['Here it is: ', ' done [1, 2]'])
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        layouts,
        lengths,
        around,
        (list, layout, lengths, [before, after]) => {
          const text = before + JSON.stringify(list, null, layout) + after
          const items = itemsOf(cut(text, lengths)).map((item) => JSON.parse(item))
          assert.deepEqual(items, JSON.parse(JSON.stringify(list)))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('come as soon as each is closed', () => {
    const items = new ListItems()
    assert.deepEqual(items.push('[{"a": [1, 2'), [])
    assert.deepEqual(items.push(']}, "b, c"'), ['{"a": [1, 2]}'])
    assert.deepEqual(items.push(' ,3'), ['"b, c"'])
    assert.deepEqual(items.push(']'), ['3'])
    assert.deepEqual(items.push(', 4]'), [])
  })

  it('may be written in Python', () => {
    assert.deepEqual(itemsOf([`['it\\'s', "a 'b'", None, True,]`]), [`'it\\'s'`, `"a 'b'"`, 'None', 'True'])
  })
})
