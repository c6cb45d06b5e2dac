/** A run as the answer to a call of a tool, read by a strict reader: JSON-RPC in server-sent events. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ErrorFrame, Frame, PredictionFrame } from '../../src/core/frame.ts'
import type { RunInfo } from '../../src/wire/dialect.ts'
import { mcp, resultOf, type ToolCall } from '../../src/wire/mcp.ts'

const RUN: RunInfo = {
  id: 'r',
  program: 'p',
  answer: { predictor: 'compose', field: 'answer' },
  createdAt: 0,
}

const error: ErrorFrame = {
  type: 'error',
  code: 'upstream_error',
  message: 'It broke.',
  retryable: true,
  request_id: 'r',
}

const someText = fc.string({ unit: 'binary', maxLength: 8 })

const middle = fc.oneof(
  fc.record({
    type: fc.constant('status' as const),
    message: someText,
    module: fc.constantFrom('ideas', 'evidence'),
    phase: fc.constantFrom('start' as const, 'end' as const, 'waiting' as const, 'progress' as const),
  }),
  fc.record({
    type: fc.constant('status' as const),
    message: someText,
    module: fc.constant('ideas'),
    phase: fc.constant('failed' as const),
    code: fc.constant('upstream_error'),
  }),
  fc.record({
    type: fc.constant('token' as const),
    field: fc.constantFrom('reasoning', 'answer', 'count'),
    predictor: fc.constantFrom('ideas.brainstorm', 'compose'),
    call: fc.constantFrom(undefined, 2),
    chunk: someText,
    is_last: fc.boolean(),
  }),
  fc.record({ type: fc.constant('reset' as const), keep: fc.constant([]) }),
  fc.record({
    type: fc.constant('value' as const),
    predictor: fc.constant('compose'),
    field: fc.constant('count'),
    path: fc.constant(''),
    value: fc.integer(),
  }),
  fc.record({
    type: fc.constant('usage' as const),
    predictor: fc.constant('compose'),
    model: fc.constant('m'),
    input_tokens: fc.nat(),
    output_tokens: fc.nat(),
    first_token_ms: fc.nat(),
    duration_ms: fc.nat(),
  }),
)

const last = fc.oneof(
  fc.record({
    type: fc.constant('prediction' as const),
    data: fc.record({ answer: someText, count: fc.integer() }, { noNullPrototype: true }),
    truncated: fc.option(fc.constant(['compose']), { nil: undefined }),
    degraded: fc.option(fc.constant(['ideas']), { nil: undefined }),
  }),
  fc.constantFrom(error, { ...error, code: 'cancelled' }),
)

const call: fc.Arbitrary<ToolCall> = fc.record({
  id: fc.oneof(fc.integer(), someText),
  progressToken: fc.option(fc.oneof(fc.integer(), someText), { nil: undefined }),
})

type Encode = (call: ToolCall, batches: readonly (readonly Frame[])[]) => string

const encode: Encode = (call, batches) => {
  const encoder = mcp(call).open(RUN)
  return batches.map((frames) => encoder.encode(frames) + encoder.keepAlive).join('') + encoder.end
}

/** Reads events as the protocol has them: comments, and one message for each event. */
function messagesIn(text: string): Record<string, unknown>[] {
  assert.ok(text === '' || text.endsWith('\n\n'))
  return text.split('\n\n').flatMap((event) => {
    if (event === '' || event.startsWith(':')) return []
    const [, data] = /^event: message\ndata: (\{.*\})$/s.exec(event) ?? assert.fail(event)
    assert.doesNotMatch(data as string, /[\n\r\u0085\u2028\u2029]/)
    return [JSON.parse(data as string)]
  })
}

function check(encoded: Encode, call: ToolCall, frames: readonly Frame[], cuts: readonly number[]): void {
  const batches = [0, ...cuts].map((from, index, all) => frames.slice(from, all[index + 1]))
  const messages = messagesIn(encoded(call, batches))
  const statuses = frames.flatMap((frame) => (frame.type === 'status' ? [frame.message] : []))
  const end = frames.at(-1) as PredictionFrame | ErrorFrame
  const isCancelled = end.type === 'error' && end.code === 'cancelled'
  const notices = isCancelled ? messages : messages.slice(0, -1)
  assert.deepEqual(
    notices,
    (call.progressToken === undefined ? [] : statuses).map((message, index) => ({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: call.progressToken, progress: index + 1, message },
    })),
  )
  if (isCancelled) return
  const { result, ...rest } = messages.at(-1) as { result: ReturnType<typeof resultOf> }
  assert.deepEqual(rest, { jsonrpc: '2.0', id: call.id })
  assert.equal(result.isError, end.type === 'error' ? true : undefined)
  if (end.type === 'error') {
    assert.deepEqual(result.content, [{ type: 'text', text: end.message }])
    assert.equal(result.structuredContent, undefined)
    return
  }
  assert.deepEqual(result.structuredContent, end.data)
  assert.equal(result.content[0]?.text, end.data.answer)
  const notes = result.content.slice(1).map(({ text }) => text)
  assert.equal(notes.length, Number(!!end.truncated) + Number(!!end.degraded), 'a cut answer says so')
}

const runs = fc
  .record({ call, middle: fc.array(middle, { maxLength: 12 }), last })
  .chain(({ call, middle, last }) =>
    fc.record({
      call: fc.constant(call),
      frames: fc.constant([...middle, last] as Frame[]),
      cuts: fc
        .uniqueArray(fc.nat(middle.length), { maxLength: 4 })
        .map((cuts) => cuts.sort((one, other) => one - other)),
    }),
  )

const holds = (encoded: Encode) =>
  fc.check(
    fc.property(runs, ({ call, frames, cuts }) => check(encoded, call, frames, cuts)),
    { numRuns: 300 },
  )

test('whatever a run writes, its statuses are progress and its end is the result', () => {
  const { failed, errorInstance, counterexample } = holds(encode)
  assert.ok(!failed, `${errorInstance} ${JSON.stringify(counterexample)}`)
})

test('an encoder that breaks a rule is found out', () => {
  const broken: Record<string, Encode> = {
    'progress that stands still': (call, batches) =>
      encode(call, batches).replaceAll(/"progress":\d+/g, '"progress":1'),
    'another id': (call, batches) => encode({ ...call, id: 'other' }, batches),
    'progress that nobody wants': (call, batches) => encode({ ...call, progressToken: 1 }, batches),
    'a line end': (call, batches) => encode(call, batches).replaceAll('"jsonrpc"', '\n"jsonrpc"'),
    'no result': (call, batches) =>
      encode(
        call,
        batches.map((frames) => frames.filter(({ type }) => type !== 'prediction')),
      ),
    'an error that looks like a result': (call, batches) =>
      encode(call, batches).replaceAll(',"isError":true', ''),
    'a cut that isn’t said': (call, batches) =>
      encode(
        call,
        batches.map((frames) =>
          frames.map((frame) => (frame.type === 'prediction' ? { ...frame, truncated: undefined } : frame)),
        ),
      ),
  }
  for (const [what, encoded] of Object.entries(broken)) assert.ok(holds(encoded).failed, what)
})

test('without an answer that is text, a model gets the whole prediction as JSON', () => {
  const data = { lines: [1, 2] }
  const prediction: PredictionFrame = { type: 'prediction', data }
  for (const answer of [undefined, { predictor: 'read', field: 'lines' }]) {
    assert.deepEqual(resultOf(prediction, answer).content, [{ type: 'text', text: '{"lines":[1,2]}' }])
  }
})
