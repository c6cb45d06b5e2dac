import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  endRun,
  type Frame,
  type ProgramDescription,
  type RunState,
  reduceRun,
  startRun,
} from '../../src/client/index.ts'

const program: ProgramDescription = {
  name: 'test',
  inputs: {},
  input_types: {},
  outputs: {},
  predictors: [
    {
      predictor: 'a.x',
      module: 'a',
      fields: ['x'],
      types: { x: 'list[str]' },
      reasons: true,
      waits_for: [],
      status: { start: 'A…', end: 'A.' },
    },
    { predictor: 'b.y', module: 'b', fields: ['y'], types: { y: 'str' }, reasons: false, waits_for: [] },
    {
      predictor: 'c',
      module: 'c',
      fields: ['z'],
      types: { z: 'str' },
      reasons: false,
      waits_for: ['a.x', 'b.y'],
    },
  ],
}

const token = (predictor: string, field: string, chunk: string, is_last = false, call?: number): Frame => ({
  type: 'token',
  field,
  predictor,
  ...(call && { call }),
  chunk,
  is_last,
})

/** Folds frames that come one millisecond after the other, the first at 1. */
const fold = (frames: readonly Frame[], from = startRun(program, 0)): RunState =>
  frames.reduce((state, frame, index) => reduceRun(state, frame, index + 1), from)

const phases = ({ lanes }: RunState) => lanes.map(({ phase }) => phase)

test('lanes wait for their model or for the lanes whose fields they take', () => {
  const start = startRun(program, 0)
  assert.deepEqual(phases(start), ['waiting', 'waiting', 'pending'])
  assert.deepEqual(phases(fold([token('a.x', 'x', 'hi', true), token('b.y', 'y', 'h')])), [
    'done',
    'streaming',
    'pending',
  ])
  assert.deepEqual(phases(fold([token('a.x', 'x', 'hi', true), token('b.y', 'y', 'h', true)])), [
    'done',
    'done',
    'waiting',
  ])
})

test('chunks join to texts, and times are those of the frames', () => {
  const state = fold([
    token('a.x', 'reasoning', 'be'),
    token('a.x', 'reasoning', 'cause', true),
    token('a.x', 'x', 'yes'),
    token('a.x', 'x', '', true),
    token('b.y', 'y', 'no', true),
  ])
  const [a, , c] = state.lanes
  assert.deepEqual(a?.fields, {
    x: { text: 'yes', isClosed: true },
    reasoning: { text: 'because', isClosed: true },
  })
  assert.deepEqual([a?.startedAt, a?.firstTokenAt, a?.endedAt], [0, 1, 4])
  assert.deepEqual([c?.startedAt, c?.firstTokenAt], [5, undefined])
})

test('fields stand in the order in which they are written, then those still expected', () => {
  const namesAfter = (...frames: Frame[]) => Object.keys(fold(frames).lanes[0]?.fields ?? {})
  const reasoning = token('a.x', 'reasoning', 'because')
  assert.deepEqual(namesAfter(), ['x'])
  assert.deepEqual(namesAfter(reasoning), ['reasoning', 'x'])
  assert.deepEqual(namesAfter(reasoning, token('a.x', 'w', 'w'), token('a.x', 'x', 'yes')), [
    'reasoning',
    'w',
    'x',
  ])
  assert.deepEqual(namesAfter(token('a.x', 'x', 'yes'), reasoning), ['x', 'reasoning'])
})

test('a status is its module’s message, also after the lane is done', () => {
  const status = (message: string, phase: 'start' | 'end'): Frame => ({
    type: 'status',
    message,
    module: 'a',
    phase,
  })
  const state = fold([status('A…', 'start'), token('a.x', 'x', 'yes', true), status('A.', 'end')])
  assert.deepEqual(
    state.lanes.map(({ message }) => message),
    ['A.', undefined, undefined],
  )
})

test('a further call gets a lane of its own behind the first', () => {
  const state = fold([token('a.x', 'x', 'one', true), token('a.x', 'x', 'two', false, 2)])
  assert.deepEqual(
    state.lanes.map(({ predictor, call }) => [predictor, call]),
    [
      ['a.x', 1],
      ['a.x', 2],
      ['b.y', 1],
      ['c', 1],
    ],
  )
  assert.equal(state.lanes[1]?.fields.x?.text, 'two')
})

test('a lane has the types of its fields, and a further call those of the first', () => {
  const state = fold([token('a.x', 'x', '["a"', false, 2), token('new', 'n', 'hello')])
  assert.deepEqual(
    state.lanes.map(({ types }) => types),
    [{ x: 'list[str]' }, { x: 'list[str]' }, { y: 'str' }, { z: 'str' }, {}],
  )
})

test('a value changes nothing: its lane has the text', () => {
  const state = fold([token('a.x', 'x', '["a", ')])
  const value: Frame = { type: 'value', predictor: 'a.x', field: 'x', path: '/0', value: 'a' }
  assert.equal(reduceRun(state, value, 9), state)
})

test('a further call is done without the reasoning that the first had', () => {
  const first = [token('a.x', 'reasoning', 'because', true), token('a.x', 'x', 'one', true)]
  const state = fold([...first, token('a.x', 'x', 'two', true, 2)])
  assert.deepEqual(phases(state).slice(0, 2), ['done', 'done'])
})

test('a prediction ends the run', () => {
  const state = fold([
    token('a.x', 'x', 'yes', true),
    token('b.y', 'y', 'no', true),
    token('c', 'z', 'so', true),
    { type: 'prediction', data: { z: 'so' }, truncated: ['c'] },
  ])
  assert.deepEqual(phases(state), ['done', 'done', 'done'])
  assert.deepEqual(
    [state.phase, state.prediction, state.truncated, state.endedAt],
    ['done', { z: 'so' }, ['c'], 4],
  )
})

test('an error fails its lane and stops the others; finished text stays', () => {
  const error: Frame = {
    type: 'error',
    code: 'upstream_stalled',
    message: 'The model fell silent.',
    retryable: true,
    request_id: 'r',
    predictor: 'b.y',
  }
  const state = fold([token('a.x', 'x', 'yes', true), token('b.y', 'y', 'n'), error])
  assert.deepEqual([state.phase, phases(state)], ['failed', ['done', 'failed', 'stopped']])
  assert.equal(state.lanes[1]?.message, 'The model fell silent.')
  assert.equal(state.lanes[0]?.fields.x?.text, 'yes')
})

test('a run that was stopped or cut says so, and nothing changes it after', () => {
  const state = endRun(fold([token('a.x', 'x', 'ye')]), 'incomplete', 9)
  assert.deepEqual([state.phase, phases(state), state.endedAt], ['incomplete', ['cut', 'cut', 'cut'], 9])
  assert.equal(endRun(state, 'stopped', 10), state)
})

test('frames of predictors that the description does not have make lanes too', () => {
  const state = fold([token('new', 'n', 'hello')])
  assert.deepEqual([state.lanes.at(-1)?.predictor, state.lanes.at(-1)?.phase], ['new', 'streaming'])
})

const failed = (module: string, predictor?: string, call?: number): Frame => ({
  type: 'status',
  message: `Without ${predictor ?? module}.`,
  module,
  ...(predictor !== undefined && { predictor }),
  ...(call !== undefined && { call }),
  phase: 'failed',
  code: 'branch_timeout',
})

test('a module that failed alone fails its lanes, and what waited for them waits no longer', () => {
  const state = fold([token('a.x', 'x', 'half'), token('b.y', 'y', 'y', true), failed('a')])
  const [a, b, c] = state.lanes
  assert.partialDeepStrictEqual(a, { phase: 'failed', failedAlone: true, message: 'Without a.' })
  assert.partialDeepStrictEqual([b, c], [{ phase: 'done' }, { phase: 'waiting', failedAlone: false }])
  const end = fold(
    [token('c', 'z', 'z', true), { type: 'prediction', data: { z: 'z' }, degraded: ['a'] }],
    state,
  )
  assert.deepEqual(
    end.lanes.map(({ phase }) => phase),
    ['failed', 'done', 'done'],
  )
  assert.deepEqual(end.degraded, ['a'])
})

test('one call that failed alone is one lane, whether or not it has said something', () => {
  const state = fold([token('b.y', 'y', 'y', true), token('b.y', 'y', 'h', false, 2), failed('b', 'b.y', 3)])
  assert.deepEqual(
    state.lanes.slice(1, 4).map(({ call, phase }) => [call, phase]),
    [
      [1, 'done'],
      [2, 'streaming'],
      [3, 'failed'],
    ],
  )
})

test('a failure that nothing was said of is known from the prediction', () => {
  const { lanes } = fold([token('b.y', 'y', 'h'), { type: 'prediction', data: {}, degraded: ['b.y'] }])
  assert.partialDeepStrictEqual(lanes[1], { phase: 'failed', failedAlone: true, message: undefined })
})

test('what a tool says is its own, and a lane that was never called has not begun', () => {
  const progress: Frame = {
    type: 'status',
    message: 'Half.',
    module: 'a',
    predictor: 'a.x',
    phase: 'progress',
  }
  const state = fold([progress])
  assert.deepEqual(
    state.lanes.map(({ message }) => message),
    ['Half.', undefined, undefined],
  )
  const { lanes } = fold([token('a.x', 'x', 'x', true), { type: 'prediction', data: {} }])
  assert.deepEqual(
    lanes.map(({ phase, startedAt }) => [phase, startedAt === undefined]),
    [
      ['done', false],
      ['stopped', true],
      ['stopped', true],
    ],
  )
})

const usage = (predictor: string): Frame => ({
  type: 'usage',
  predictor,
  model: 'm',
  input_tokens: 1,
  output_tokens: 1,
  first_token_ms: 1,
  duration_ms: 1,
})

const reset = (keep: readonly (readonly [string, number])[], message?: string): Frame => ({
  type: 'reset',
  keep: keep.map(([predictor, call]) => ({ predictor, call })),
  ...(message !== undefined && { message }),
})

test('a reset clears the lanes that it doesn’t keep, and what waited for them waits again', () => {
  const before = fold([
    token('a.x', 'reasoning', 'because', true),
    token('a.x', 'x', 'yes', true),
    token('b.y', 'y', 'no', true),
  ])
  assert.deepEqual(phases(before), ['done', 'done', 'waiting'])
  const state = reduceRun(before, reset([['b.y', 1]], 'Not yes.'), 9)
  assert.deepEqual(phases(state), ['waiting', 'done', 'pending'])
  const [a, b, c] = state.lanes
  assert.deepEqual(a?.fields, { x: { text: '', isClosed: false } })
  assert.deepEqual(
    [a?.attempt, a?.message, a?.startedAt, a?.firstTokenAt, a?.endedAt],
    [2, 'Not yes.', 9, undefined, undefined],
  )
  assert.equal(b, before.lanes[1])
  assert.equal(c?.startedAt, undefined)
  const again = fold([token('a.x', 'x', 'perhaps', true)], state)
  assert.deepEqual(phases(again), ['done', 'done', 'waiting'])
  assert.equal(again.lanes[0]?.fields.x?.text, 'perhaps')
})

test('a reset leaves lanes alone that have said nothing', () => {
  const start = startRun(program, 0)
  assert.deepEqual(reduceRun(start, reset([]), 1).lanes, start.lanes)
})

test('a run that is told anew from its beginning forgets all that it had come to', () => {
  const told = [
    { type: 'status', message: 'A…', module: 'a', phase: 'start' },
    { type: 'status', message: 'In a queue.', module: 'b', phase: 'waiting' },
    token('a.x', 'x', 'yes', true),
    token('b.y', 'y', 'no', true),
    usage('a.x'),
    failed('c'),
    { type: 'prediction', data: {}, degraded: ['c'], truncated: ['a.x'] },
  ] satisfies Frame[]
  const over = fold(told)
  assert.equal(over.phase, 'done')
  const state = reduceRun(over, reset([]), 9)
  assert.deepEqual(phases(state), ['waiting', 'waiting', 'pending'])
  assert.partialDeepStrictEqual(state, {
    phase: 'running',
    endedAt: undefined,
    prediction: undefined,
    degraded: [],
    truncated: [],
  })
  assert.deepEqual(
    state.lanes.map(({ attempt, message, waits, usage, failedAlone, fields }) => [
      attempt,
      message,
      waits,
      usage,
      failedAlone,
      Object.values(fields).every(({ text, isClosed }) => text === '' && !isClosed),
    ]),
    [
      [2, undefined, 0, undefined, false, true],
      [2, undefined, 0, undefined, false, true],
      [1, undefined, 0, undefined, false, true], // it had said nothing
    ],
  )
  const again = told.reduce((so, frame) => reduceRun(so, frame, 10), state)
  assert.deepEqual([phases(again), again.phase, again.degraded], [phases(over), 'done', ['c']])
})

test('a run that ended in an error is told anew without it', () => {
  const error: Frame = { type: 'error', code: 'run_lost', message: 'm', retryable: true, request_id: 'r' }
  const state = reduceRun(fold([token('a.x', 'x', 'y'), error]), reset([]), 9)
  assert.deepEqual([state.phase, state.error], ['running', undefined])
})

test('where another process goes on with a run, kept lanes stay done, and the others begin anew', () => {
  const before = fold([
    { type: 'status', message: 'A…', module: 'a', phase: 'start' },
    { type: 'status', message: 'B…', module: 'b', phase: 'start' },
    token('a.x', 'x', 'yes', true),
    usage('a.x'),
    token('b.y', 'y', 'half'),
    failed('c'),
  ])
  const state = reduceRun(before, reset([['a.x', 1]]), 9)
  assert.equal(state.lanes[0], before.lanes[0])
  assert.deepEqual(phases(state), ['done', 'waiting', 'pending'])
  const [, b, c] = state.lanes
  assert.deepEqual([b?.attempt, b?.message, b?.startedAt], [2, undefined, 9])
  assert.deepEqual([c?.attempt, c?.message, c?.failedAlone], [1, undefined, false])
  assert.deepEqual(phases(fold([token('b.y', 'y', 'whole', true)], state)), ['done', 'done', 'waiting'])
})

test('a call that is asked again leaves alone what is said of lanes that are silent', () => {
  const before = fold([
    { type: 'status', message: 'A…', module: 'a', phase: 'start' },
    failed('c'),
    token('b.y', 'y', 'no', true),
  ])
  const state = reduceRun(before, reset([], 'Not no.'), 9)
  assert.deepEqual(
    state.lanes.map(({ phase, message }) => [phase, message]),
    [
      ['waiting', 'A…'],
      ['waiting', 'Not no.'],
      ['failed', 'Without c.'],
    ],
  )
})

test('a reset that keeps a further call clears the first, and the other way round', () => {
  const two = fold([token('a.x', 'x', 'one', true), token('a.x', 'x', 'two', false, 2)])
  const texts = ({ lanes }: RunState) => lanes.map(({ fields }) => fields.x?.text)
  assert.deepEqual(texts(reduceRun(two, reset([['a.x', 2]]), 3)).slice(0, 2), ['', 'two'])
  assert.deepEqual(texts(reduceRun(two, reset([['a.x', 1]]), 3)).slice(0, 2), ['one', ''])
})

test('whatever is reset when, a lane has what was said since, and kept lanes are untouched', () => {
  const calls = [
    ['a.x', 1],
    ['a.x', 2],
    ['b.y', 1],
    ['c', 1],
  ] as const
  const step = fc.oneof(
    fc.record({ call: fc.nat(3), chunk: fc.string(), is_last: fc.boolean() }),
    fc.record({ keep: fc.subarray([0, 1, 2, 3]) }),
  )
  const fieldOf = (predictor: string) => (predictor === 'c' ? 'z' : predictor.slice(-1))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const expected = ['', '', '', '']
      let state = startRun(program, 0)
      for (const [at, one] of steps.entries()) {
        if ('keep' in one) {
          const kept = one.keep.map((nth) => calls[nth] as (typeof calls)[number])
          const before = state
          state = reduceRun(state, reset(kept), at)
          for (const [nth, [predictor, call]] of calls.entries()) {
            if (!one.keep.includes(nth)) expected[nth] = ''
            const find = ({ lanes }: RunState) =>
              lanes.find((lane) => lane.predictor === predictor && lane.call === call)
            if (one.keep.includes(nth)) assert.deepEqual(find(state)?.fields, find(before)?.fields)
          }
        } else {
          const [predictor, call] = calls[one.call] as (typeof calls)[number]
          const number = call === 1 ? undefined : call
          state = reduceRun(state, token(predictor, fieldOf(predictor), one.chunk, one.is_last, number), at)
          expected[one.call] += one.chunk
        }
      }
      for (const [nth, [predictor, call]] of calls.entries()) {
        const lane = state.lanes.find((one) => one.predictor === predictor && one.call === call)
        assert.equal(lane?.fields[fieldOf(predictor)]?.text ?? '', expected[nth])
      }
    }),
  )
})
