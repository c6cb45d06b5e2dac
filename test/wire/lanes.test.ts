import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusFrame } from '../../src/core/frame.ts'
import { coveredBy } from '../../src/wire/lanes.ts'

const status = (of: Partial<StatusFrame>): StatusFrame => ({
  type: 'status',
  message: 'No.',
  module: 'research',
  phase: 'failed',
  ...of,
})

/** Lanes of a module, of a part in it that is made of others, and of names that begin alike. */
const LANES = [
  { predictor: 'research' },
  { predictor: 'research.act' },
  { predictor: 'research.act', call: 2 },
  { predictor: 'research.act.search' },
  { predictor: 'research.act.search', call: 3 },
  { predictor: 'research.actor' },
  { predictor: 'researcher' },
]

const covered = (of: Partial<StatusFrame>): number[] =>
  LANES.flatMap((lane, index) => (coveredBy(status(of))(lane) ? [index] : []))

test('a status of a module is about all that is in it, at whatever depth', () => {
  assert.deepEqual(covered({}), [0, 1, 2, 3, 4, 5])
  assert.deepEqual(covered({ module: 'research.act' }), [1, 2, 3, 4])
})

test('a status of a part is about one call of it, and about whatever is below it', () => {
  assert.deepEqual(covered({ predictor: 'research.act' }), [1, 3, 4])
  assert.deepEqual(covered({ predictor: 'research.act', call: 2 }), [2, 3, 4])
  assert.deepEqual(covered({ predictor: 'research.act.search', call: 3 }), [4])
  assert.deepEqual(covered({ predictor: 'research.act', call: 9 }), [3, 4])
})
