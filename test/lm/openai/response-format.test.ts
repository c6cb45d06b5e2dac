import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { predict } from '../../../src/core/predictor.ts'
import { responseFormat } from '../../../src/lm/openai/response-format.ts'

const text = { type: 'string' }
const Tree: z.ZodType = z.object({
  get kids() {
    return z.array(Tree)
  },
})
const types = {
  Line: z.object({ item: z.string().min(1).max(9), quantity: z.int().min(1), price: z.number().positive() }),
  Part: z.object({ name: z.string(), note: z.string().optional() }),
  Loose: z.looseObject({ name: z.string() }),
  Email: z.email().describe('An address.'),
  Either: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a') }),
    z.object({ kind: z.literal('b'), n: z.number() }),
  ]),
  Pair: z.tuple([z.string(), z.int()]),
  Some: z.array(z.string()).min(2).max(3),
  Any: z.any(),
  Tree,
}

const object = (properties: object) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

const tree = {
  $ref: '#/$defs/__schema0',
}

const cases: Record<string, [schema: object, isStrict: boolean]> = {
  str: [text, true],
  int: [{ type: 'integer' }, true],
  'list[float]': [{ type: 'array', items: { type: 'number' } }, true],
  'Optional[str]': [{ type: ['string', 'null'] }, true],
  'Optional[Line]': [
    {
      anyOf: [
        object({ item: text, quantity: { type: 'integer' }, price: { type: 'number' } }),
        { type: 'null' },
      ],
    },
    true,
  ],
  'Literal["a", "b"]': [{ type: 'string', enum: ['a', 'b'] }, true],
  'Literal["a"]': [{ type: 'string', const: 'a' }, true],
  'Literal["a", 1]': [{ enum: ['a', 1] }, false],
  Email: [text, true],
  Some: [{ type: 'array', items: text }, true],
  Either: [
    {
      anyOf: [
        object({ kind: { type: 'string', const: 'a' } }),
        object({ kind: { type: 'string', const: 'b' }, n: { type: 'number' } }),
      ],
    },
    true,
  ],
  Tree: [tree, true],
  'dict[str, int]': [{ type: 'object', additionalProperties: { type: 'integer' } }, false],
  Part: [{ ...object({ name: text, note: text }), required: ['name'] }, false],
  Loose: [{ ...object({ name: text }), additionalProperties: {} }, false],
  Pair: [{ type: 'array', prefixItems: [text, { type: 'integer' }], items: false }, false],
  Any: [{}, false],
}

describe('the response_format', () => {
  for (const [type, [schema, strict]] of Object.entries(cases)) {
    it(`of ${type} is ${strict ? '' : 'not '}strict, and says what endpoints can force`, () => {
      const signature = predict(`question -> before, it: ${type}` as string, { types })
      const { json_schema } = responseFormat(signature) as { json_schema: { schema: { $defs?: object } } }
      const { $defs, ...root } = json_schema.schema
      assert.deepEqual(
        { ...json_schema, schema: root },
        { name: 'completion', strict, schema: object({ before: text, it: schema }) },
      )
      if (type === 'Tree') {
        assert.deepEqual($defs, { __schema0: object({ kids: { type: 'array', items: tree } }) })
      }
    })
  }

  it('is made once for a signature', () => {
    const signature = predict('question -> answer')
    assert.equal(responseFormat(signature), responseFormat(signature))
  })
})
