import assert from 'node:assert/strict'
import test from 'node:test'
import {
  elapsed,
  endRun,
  type Frame,
  isJson,
  type Lane,
  lookOf,
  nameOf,
  outputsOf,
  reduceRun,
  standing,
  startRun,
} from '../../src/client/index.ts'

const read = {
  predictor: 'read',
  module: 'read',
  fields: ['lines', 'note'],
  types: { lines: 'list[str]', note: 'str' },
  reasons: true,
}
const predictors = [
  { ...read, waits_for: [] },
  { ...read, predictor: 'sum', waits_for: ['read', 'ask', 'look'] },
]

const token = (field: string, chunk: string, more: object = {}): Frame => ({
  type: 'token',
  predictor: 'read',
  field,
  chunk,
  is_last: false,
  ...more,
})

/** The lanes after these frames, the nth of which comes after n seconds. */
const lanesAfter = (...frames: readonly Frame[]): readonly Lane[] =>
  frames.reduce(
    (state, frame, index) => reduceRun(state, frame, (index + 1) * 1_000),
    startRun({ predictors }, 0),
  ).lanes

const first = (...frames: readonly Frame[]): Lane => lanesAfter(...frames)[0] as Lane

test('a lane’s phase in words', () => {
  const [waiting, pending] = lanesAfter() as [Lane, Lane]
  assert.equal(standing(waiting), 'waiting')
  assert.equal(standing(pending), 'waits for read, ask and look')
  assert.equal(standing(first(token('reasoning', 'So'))), 'reasoning')
  assert.equal(standing(first(token('reasoning', 'So'), token('lines', '['))), 'streaming')
  assert.equal(standing(first(token('lines', '['), { type: 'reset', keep: [] })), 'begins anew')
  const error = { code: 'internal', message: 'No.', retryable: false, request_id: '1' }
  const [failed, unreached] = lanesAfter({ type: 'error', predictor: 'read', ...error }) as [Lane, Lane]
  assert.deepEqual([standing(failed), standing(unreached)], ['failed', 'not run'])
  assert.deepEqual([lookOf(failed), lookOf(unreached)], ['failed', 'pending'])
  const cut = endRun(startRun({ predictors }, 0), 'incomplete', 1).lanes
  assert.deepEqual(
    [cut.map((lane) => standing(lane)), cut.map((lane) => lookOf(lane))],
    [
      ['cut', 'nothing came'],
      ['cut', 'pending'],
    ],
  )
  const alone = first({ type: 'status', phase: 'failed', module: 'read', message: 'No.' })
  assert.equal(standing(alone), 'failed: the run goes on without it')
})

test('a lane’s time, name and outputs', () => {
  const lane = first(token('reasoning', 'So'), token('lines', '['))
  assert.equal(elapsed(lane, 2_140), '2.1 s')
  assert.equal(elapsed(lane, 65_000), '1 min 05 s')
  assert.equal(elapsed(lanesAfter()[1] as Lane, 2_140), '–')
  assert.deepEqual(
    outputsOf(lane).map(([name]) => [name, isJson(lane, name)]),
    [
      ['lines', true],
      ['note', false],
    ],
  )
  assert.equal(nameOf(lane), 'read')
  assert.equal(nameOf(lanesAfter(token('lines', '[', { call: 2 }))[1] as Lane), 'read · call 2')
})
