/** Tool calls in the shapes in which servers send them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RunError } from '../../../src/core/errors.ts'
import type { Delta } from '../../../src/core/lm.ts'
import type { Choice } from '../../../src/lm/openai/choice.ts'
import { FirstCall } from '../../../src/lm/openai/first-call.ts'

type Piece = { index?: unknown; id?: unknown; type?: string; name?: unknown; args?: unknown }

const delta = (...pieces: readonly Piece[]): Choice => ({
  delta: {
    tool_calls: pieces.map(({ index, id, type, name, args }) => ({
      ...(index !== undefined && { index }),
      ...(id !== undefined && { id }),
      ...(type !== undefined && { type }),
      function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
    })),
  },
})

/** The call that comes of these choices. */
function read(...choices: readonly Choice[]): { name: string; args: string } {
  const call = new FirstCall()
  const deltas: Delta[] = []
  for (const choice of choices) call.add(choice, deltas)
  const calls = deltas.flatMap((one) => (one.type === 'tool_call' ? [one] : assert.fail(one.type)))
  return { name: calls.map(({ name }) => name).join(''), args: calls.map(({ args }) => args).join('') }
}

const ARGS = '{"city": "Bonn", "day": "today"}'
const weather = { name: 'weather', args: ARGS }
const function_call = (name: string | undefined, args: string | undefined) =>
  ({ delta: { function_call: { name, arguments: args } } }) as Choice

describe('the first tool call of a stream', () => {
  const shapes: Record<string, readonly Choice[]> = {
    'OpenAI: the name first, then pieces without it': [
      delta({ index: 0, id: 'call_1', type: 'function', name: 'weather', args: '' }),
      delta({ index: 0, args: '{"city": "Bo' }),
      delta({ index: 0, args: 'nn", "day": "today"}' }),
    ],
    'all in one piece': [delta({ index: 0, id: 'call_1', name: 'weather', args: ARGS })],
    'without an index': [delta({ id: 'call_1', name: 'weather', args: ARGS })],
    'null for what is absent': [
      delta({ index: 0, id: 'call_1', name: 'weather', args: null }),
      delta({ index: 0, id: null, name: null, args: ARGS }),
    ],
    'name and id with every piece': [
      delta({ index: 0, id: 'call_1', name: 'weather', args: '{"city": "Bonn", ' }),
      delta({ index: 0, id: 'call_1', name: 'weather', args: '"day": "today"}' }),
    ],
    'a new id with every piece': [
      delta({ index: 0, id: 'a', name: 'weather', args: '{"city": "Bonn", ' }),
      delta({ index: 0, id: 'b', args: '"day": "today"}' }),
    ],
    'numbered in texts': [
      delta({ index: '0', name: 'weather', args: '{"city": "Bonn", ' }),
      delta({ index: 0, args: '"day": "today"}' }),
    ],
    'a further call under the next index': [
      delta({ index: 0, name: 'weather', args: ARGS }, { index: 1, name: 'convert', args: '{}' }),
      delta({ index: 1, args: '{}' }),
    ],
    'a further call under the same index': [
      delta({ index: 0, id: 'a', name: 'weather', args: ARGS }),
      delta({ index: 0, id: 'b', name: 'convert', args: '{"celsius": 1}' }),
      delta({ index: 0, args: '}' }),
    ],
    'a further call without an index': [
      delta({ name: 'weather', args: ARGS }, { name: 'weather', args: '{"city": "Rome"}' }),
    ],
    'the older function_call': [
      function_call('weather', ''),
      function_call(undefined, '{"city": "Bonn", '),
      function_call(undefined, '"day": "today"}'),
    ],
    'among choices without a call': [
      { delta: { content: 'Hm.' } },
      delta({ index: 0, name: 'weather', args: ARGS }),
      { delta: {}, finish_reason: 'tool_calls' },
      { delta: null },
    ],
  }
  for (const [what, choices] of Object.entries(shapes)) {
    it(`is read from ${what}`, () => assert.deepEqual(read(...choices), weather))
  }

  it('may have its arguments as an object', () => {
    const args = { city: 'Bonn' }
    assert.deepEqual(read(delta({ index: 0, name: 'weather', args })), {
      name: 'weather',
      args: '{"city":"Bonn"}',
    })
  })

  it('of another shape is said to be one', () => {
    for (const choice of [
      delta({ name: 7 }),
      delta({ name: 'a', args: 7 }),
      { delta: { tool_calls: 'a' } },
    ]) {
      assert.throws(
        () => read(choice),
        (error) => error instanceof RunError && error.code === 'upstream_bad_response',
      )
    }
  })

  it('is exact for any arguments and cuts, whatever follows it', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        lengths,
        fc.boolean(),
        (value, lengths, more) => {
          const args = JSON.stringify(value, null, 1)
          const pieces: Choice[] = [delta({ index: 0, name: 'weather' })]
          for (let at = 0, nth = 0; at < args.length; nth++) {
            const length = lengths[nth % lengths.length] as number
            pieces.push(delta({ index: 0, args: args.slice(at, at + length) }))
            at += length
          }
          if (more)
            pieces.push(delta({ index: 0, name: 'convert', args: '{}' }), delta({ index: 0, args: '{}' }))
          assert.deepEqual(read(...pieces), { name: 'weather', args })
        },
      ),
    )
  })
})
