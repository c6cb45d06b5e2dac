import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InTurn } from '../../src/wire/in-turn.ts'
import { coveredBy } from '../../src/wire/lanes.ts'
import { lanesOf, toldRun } from '../support/told-run.ts'

const token = (predictor: string, chunk: string, is_last = false) =>
  ({ type: 'token', field: 'text', predictor, chunk, is_last }) as const

/** A teller, and what it has said: each lane's name before its text. */
function setUp() {
  const said: string[] = []
  const turn = new InTurn((text, { predictor }, isFirst) =>
    said.push(isFirst ? `${predictor}: ${text}` : text),
  )
  return { said, turn }
}

test('the lane that spoke first goes out as it comes, and the others follow in the order in which they began', () => {
  const { said, turn } = setUp()
  turn.take(token('a', 'a1'))
  turn.take(token('b', 'b1'))
  turn.take(token('c', 'c1', true))
  turn.take(token('b', 'b2'))
  turn.take(token('a', 'a2'))
  assert.deepEqual(said, ['a: a1', 'a2'])
  turn.take(token('a', '', true))
  assert.deepEqual(said.slice(2), ['b: b1b2'])
  turn.take(token('d', 'd1'))
  turn.take(token('b', 'b3'))
  assert.deepEqual(said.slice(3), ['b3'], 'it is live now')
  turn.take(token('b', 'b4', true))
  assert.deepEqual(said.slice(4), ['b4', 'c: c1', 'd: d1'])
})

test('a lane without text has no turn, and holds up nobody', () => {
  const { said, turn } = setUp()
  turn.take(token('a', ''))
  turn.take(token('b', 'b1'))
  turn.take(token('c', '', true))
  turn.take(token('a', '', true))
  turn.endAll()
  assert.deepEqual(said, ['b: b1'])
})

test('what has failed gives up its turn', () => {
  const { said, turn } = setUp()
  turn.take(token('m.a', 'a1'))
  turn.take(token('m.b', 'b1'))
  turn.take(token('n', 'n1'))
  turn.end(coveredBy({ type: 'status', message: '', module: 'm', phase: 'failed' }))
  assert.deepEqual(said, ['m.a: a1', 'm.b: b1', 'n: n1'])
  turn.take(token('n', 'n2'))
  assert.equal(said.at(-1), 'n2')
})

test('a lane that waited comes in pieces, none of which ends within a character', () => {
  const text = `x${'😀'.repeat(10_000)}`
  const pieces: string[] = []
  const turn = new InTurn((piece) => pieces.push(piece))
  turn.take(token('a', 'a'))
  turn.take(token('b', text))
  turn.endAll()
  assert.equal(pieces.slice(1).join(''), text)
  assert.ok(pieces.length > 4 && pieces.every((piece) => piece.isWellFormed() && piece.length <= 4_096))
})

test('at each moment, all is said of the lanes before the first that is open, and of that one', () => {
  fc.assert(
    fc.property(toldRun, ({ frames }) => {
      let said = ''
      const turn = new InTurn((text, { predictor, field, call }, isFirst) => {
        said += (isFirst ? `<${predictor} ${field} ${call}>` : '') + text
      })
      for (const [index, frame] of frames.entries()) {
        if (frame.type === 'token') turn.take(frame)
        if (frame.type === 'status' && frame.phase === 'failed') turn.end(coveredBy(frame))
        if (index === frames.length - 1) turn.endAll()
        const lanes = lanesOf(frames.slice(0, index + 1)).filter(({ field }) => field !== '')
        const open = lanes.findIndex(({ isOver }) => !isOver)
        const heard = open === -1 ? lanes : lanes.slice(0, open + 1)
        const expected = heard.map(
          ({ predictor, field, call, text }) => `<${predictor} ${field} ${call}>${text}`,
        )
        assert.equal(said, expected.join(''))
      }
    }),
    { numRuns: 300 },
  )
})
