import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { Faults } from '../../src/core/fault.ts'
import { signature } from '../../src/core/signature.ts'
import { checkValue, readValue } from '../../src/core/typed-value.ts'

const types = { Line: z.object({ item: z.string(), quantity: z.int().min(1) }) }
const typeOf = (text: string) => {
  const { outputs } = signature(`question -> it: ${text}` as string, { types })
  const [field] = outputs
  assert.ok(field)
  return field.type
}

/** A value that a model wrote, or what is wrong with it. */
function read(type: string, text: string): unknown {
  const faults = new Faults()
  const value = readValue(typeOf(type), text, '/it', faults)
  return faults.count > 0 ? `${faults}` : value
}

describe('a value that a model wrote', () => {
  const rows: [type: string, text: string, value: unknown][] = [
    ['str', ' "as it is" ', ' "as it is" '],
    ['int', '42', 42],
    ['int', '4.0', 4],
    ['float', '-1.5e3', -1500],
    ['bool', 'true', true],
    ['bool', 'True', true],
    ['bool', 'False', false],
    ['list[str]', '["a", "b"]', ['a', 'b']],
    ['list[str]', `['it\\'s "so"', "b's"]`, [`it's "so"`, "b's"]],
    ['list[bool]', '[True, False]', [true, false]],
    ['list[str]', '["True", "None"]', ['True', 'None']],
    ['list[str]', '```json\n["a"]\n```', ['a']],
    ['list[Line]', '[{"item": "nut", "quantity": 2}]', [{ item: 'nut', quantity: 2 }]],
    ['dict[str, float]', '{"a": 1, "__proto__": 2}', JSON.parse('{"a": 1, "__proto__": 2}')],
    ['Literal["yes", "no"]', 'yes', 'yes'],
    ['Literal["yes", "no"]', '"no"', 'no'],
    ['Literal["1", "2"]', '1', '1'],
    ['Literal[1, 2]', '2', 2],
    ['Literal["True"]', 'True', 'True'],
    ['Optional[str]', 'null', null],
    ['Optional[str]', 'None', null],
    ['Optional[str]', '"quoted"', 'quoted'],
    ['Optional[str]', 'not quoted', 'not quoted'],
    ['Optional[str]', '42', '42'],
    ['Optional[int]', '42', 42],
    ['Optional[Literal["yes", "no"]]', 'yes', 'yes'],
    ['Optional[list[int]]', 'None', null],
  ]
  for (const [type, text, value] of rows) {
    it(`${JSON.stringify(text)} is a ${type}`, () => assert.deepEqual(read(type, text), value))
  }

  const faults: [type: string, text: string, said: RegExp][] = [
    ['int', '4.2', /^\/it: expected int/],
    ['int', 'four', /^\/it: JSON of the type int is needed$/],
    ['int', '', /^\/it: JSON of the type int is needed$/],
    ['bool', '"true"', /^\/it: expected boolean, received string$/],
    ['list[int]', '[1, "2", 3.5]', /^\/it\/1: expected number, received string; \/it\/2: expected int/],
    ['list[Line]', '[{"item": "nut", "quantity": 0}]', /^\/it\/0\/quantity: Too small/],
    ['list[Line]', '{"item": "nut"}', /^\/it: expected array, received object$/],
    ['dict[str, int]', '{"a/b~": "x"}', /^\/it\/a~1b~0: expected number/],
    ['Literal["yes", "no"]', 'maybe', /^\/it: JSON of the type Literal\["yes", "no"\] is needed$/],
    ['Literal["yes", "no"]', '"maybe"', /^\/it: Invalid option/],
  ]
  for (const [type, text, said] of faults) {
    it(`${JSON.stringify(text)} is no ${type}`, () => assert.match(String(read(type, text)), said))
  }

  it('of a list of 100,000 wrong items has ten faults that are named, and is not gone through', () => {
    const faults = new Faults()
    checkValue(typeOf('list[int]'), Array(100_000).fill('x'), '/it', faults)
    assert.deepEqual([faults.named.length, faults.count], [10, 1_000])
    assert.match(`${faults}`, /; … and at least 990 more$/)
  })

  it('has a fault where it is nested too deeply to be checked', () => {
    const any = { ...typeOf('list[str]'), kind: 'other', schema: z.json() } as const
    const faults = new Faults()
    readValue(any, '['.repeat(100_000) + ']'.repeat(100_000), '/it', faults)
    assert.equal(`${faults}`, '/it: it is nested too deeply')
  })

  it('is what was written, for any JSON', () => {
    const any = { ...typeOf('list[str]'), kind: 'other', schema: z.unknown() } as const
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        assert.deepEqual(readValue(any, text, '', new Faults()), JSON.parse(text))
      }),
    )
  })

  it('is read in linear time, whatever it is', () => {
    for (const unit of ['"', "'", '\\', '\\"', "\\'", '[', '{', 'True', '"\\', '`', '``` ', ' ']) {
      readValue(typeOf('list[str]'), unit.repeat(300_000), '', new Faults()) // it would take minutes
    }
  })
})
