import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PartialValue, partialOf } from '../../src/client/index.ts'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Asserts that a value is the beginning of another one: only its last part may be unfinished. */
function assertBegins(part: unknown, whole: unknown): void {
  if (typeof part === 'string' && typeof whole === 'string') assert.ok(whole.startsWith(part), part)
  else if (Array.isArray(part) && Array.isArray(whole)) {
    assert.ok(part.length <= whole.length)
    const last = part.length - 1
    if (last < 0) return
    assert.deepEqual(part.slice(0, last), whole.slice(0, last))
    assertBegins(part[last], whole[last])
  } else if (isObject(part) && isObject(whole)) {
    const open = Object.keys(part).filter((key) => {
      assert.ok(Object.hasOwn(whole, key), key)
      return JSON.stringify(part[key]) !== JSON.stringify(whole[key])
    })
    assert.ok(open.length <= 1, `${open} are unfinished`)
    for (const key of open) assertBegins(part[key], whole[key])
  } else assert.deepEqual(part, whole)
}

/** JSON as programs write it, compact or with white space, and with any character escaped or not. */
const json = fc
  .tuple(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(undefined, 2, '\t'), fc.boolean())
  .map(([value, space, isEscaped]) => {
    const text = JSON.stringify(value, null, space)
    if (!isEscaped) return text
    return text.replace(/[^ -~\s]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  })

describe('a partial value', () => {
  it('of any JSON is at each prefix a beginning of the whole, and in the end exactly that', () => {
    fc.assert(
      fc.property(json, (text) => {
        const whole = JSON.parse(text)
        const partial = new PartialValue()
        for (const [at, unit] of text.split('').entries()) {
          const value = partial.push(unit)
          if (value !== undefined) assertBegins(value, whole)
          assert.deepEqual(value, partialOf(text.slice(0, at + 1)), 'the pieces make no difference')
        }
        assert.deepEqual(partial.end(), whole)
        assert.deepEqual(partialOf(text, true), whole)
      }),
      { numRuns: 300 },
    )
  })

  it('of any text whatever, in any pieces, is never an error', () => {
    const unit = fc.constantFrom(...'[]{}",:\\/\'u0dtrue \n`-.1eNone')
    fc.assert(
      fc.property(fc.array(fc.string({ unit })), (pieces) => {
        const partial = new PartialValue()
        for (const piece of pieces) partial.push(piece)
        assert.deepEqual(partial.end(), partialOf(pieces.join(''), true))
      }),
      { numRuns: 1_000 },
    )
  })

  for (const [text, value] of [
    ['', undefined],
    ['  ', undefined],
    ['[', []],
    ['"', ''],
    ['"a\\', 'a'],
    ['"a\\u00', 'a'],
    ['"a\\u00e9', 'aé'],
    ['"a\\ud83d', 'a'],
    ['"a\\ud83d\\ude00', 'a😀'],
    ['"a\ud83d', 'a'],
    ['"\\ud83d"', '\ud83d'],
    ['12', undefined],
    ['[12', []],
    ['[12,', [12]],
    ['[tru', []],
    ['[true]', [true]],
    ['{"a', {}],
    ['{"a"', {}],
    ['{"a":', {}],
    ['{"a": 1', {}],
    ['{"a": "x', { a: 'x' }],
    ['{"a": {"b": [1, {"c": "d', { a: { b: [1, { c: 'd' }] } }],
    ['{"a": 1} and more', { a: 1 }],
    // As models write it too.
    ["{'it': 'isn\\'t', 'no': None, 'yes': True}", { it: "isn't", no: null, yes: true }],
    ['```json\n[1, 2]\n```', [1, 2]],
    // Not JSON: what came before stays.
    ['[1, oops, 2]', [1]],
    ['{"a": 1, b: 2}', { a: 1 }],
    ['{"a": "\\uzz", "b": 1}', { a: '' }],
    ['[1}', [1]],
    ['[1 2]', [1]],
    ['[01, 2]', []],
    ['No JSON at all', undefined],
  ] as const) {
    it(`of ${JSON.stringify(text)} is ${JSON.stringify(value)}`, () => {
      assert.deepEqual(partialOf(text), value)
    })
  }

  it('closes a number or a word that stands alone when it is told that this is all', () => {
    assert.deepEqual(
      [partialOf('12', true), partialOf('-1.5e3', true), partialOf('False', true)],
      [12, -1500, false],
    )
    assert.deepEqual([partialOf('1.', true), partialOf('[1, 2', true)], [undefined, [1]])
  })

  it('has a key called `__proto__` as any other', () => {
    const text = '{"__proto__": {"a": "b"}}'
    assert.deepEqual(Object.entries(partialOf(text) as object), Object.entries(JSON.parse(text)))
    assert.equal(Object.getPrototypeOf(partialOf(text)), Object.prototype)
  })

  it('takes a number of looks that grows with the text and not with its square', (t) => {
    const item = '{"name": "a \\"quoted\\" word", "numbers": [1, 2.5, null]}, '
    const looks = (items: number, size: number) => {
      const text = `[${item.repeat(items)}`
      const charAt = t.mock.method(String.prototype, 'charAt')
      const partial = new PartialValue()
      for (let at = 0; at < text.length; at += size) partial.push(text.slice(at, at + size))
      const count = charAt.mock.callCount()
      charAt.mock.restore()
      return count / text.length
    }
    for (const size of [1, 7, 1_000_000]) {
      const [few, many] = [looks(10, size), looks(500, size)]
      assert.ok(few < 4 && many < 4, `${few} and ${many} looks at a character`)
    }
  })

  it('is changed in place: parts that are closed stay the same objects', () => {
    const partial = new PartialValue()
    const list = partial.push('[{"a": 1}, ') as unknown[]
    const [first] = list
    assert.equal(partial.push('{"a": 2}]'), list)
    assert.equal(list[0], first)
    assert.equal(list.length, 2)
  })
})
