import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Frame } from '../../src/core/frame.ts'
import type { Dialect } from '../../src/wire/dialect.ts'
import { KEEP_ALIVE } from '../../src/wire/native.ts'
import { responses, wholeResponse } from '../../src/wire/openai-responses.ts'
import {
  batches,
  batchSizes,
  CALLS_MIXED,
  FAILURES_UNSAID,
  isAnswer,
  lanesOf,
  type Mistake,
  mistaken,
  RUN,
  type ToldLane,
  type ToldRun,
  toldRun,
} from '../support/told-run.ts'

type Item = { id: string; type: string; status: string; content?: Part[]; summary?: Part[] }
type Part = { type: string; text: string }
type Response = {
  id: string
  status: string
  output: Item[]
  error: unknown
  incomplete_details: unknown
  usage?: unknown
  metadata: unknown
}

/** An item that is being read. */
type Open = { readonly item: Item; text: string; isTextOver: boolean; isPartOver: boolean; isOver: boolean }

const partsOf = ({ content, summary }: Item) => content ?? summary ?? assert.fail('an item without parts')

/** Reads a stream as strictly as the strictest client, and more so. */
function read(text: string): Response {
  const events = text.split('\n\n')
  assert.equal(events.pop(), '')
  const items: Open[] = []
  let end: Response | undefined
  let sequence = 0
  const itemOf = ({ output_index, item_id }: { output_index: number; item_id: string }): Open => {
    const open = items[output_index] ?? assert.fail(`no item ${output_index}`)
    assert.equal(open.item.id, item_id)
    assert.ok(!open.isOver)
    return open
  }
  for (const event of events) {
    if (event === KEEP_ALIVE.trim()) continue
    const [, name, json] =
      /^event: (\S+)\ndata: (\{[^\n\r\u0085\u2028\u2029]*\})$/.exec(event) ?? assert.fail(event)
    const data = JSON.parse(json as string)
    assert.equal(data.type, name)
    assert.equal(data.sequence_number, sequence)
    assert.equal(end, undefined, 'nothing follows the end')
    const isOfMessage = !String(name).includes('reasoning')
    if (sequence === 0) assert.equal(name, 'response.created')
    if (sequence === 1) assert.equal(name, 'response.in_progress')
    sequence++
    switch (name) {
      case 'response.created':
      case 'response.in_progress':
        assert.ok(sequence <= 2)
        assert.partialDeepStrictEqual(data.response, {
          id: 'resp_run-1',
          object: 'response',
          status: 'in_progress',
          output: [],
        })
        break
      case 'response.output_item.added':
        assert.equal(data.output_index, items.length)
        assert.equal(data.item.status, 'in_progress')
        assert.ok(!items.some(({ item }) => item.id === data.item.id), 'ids are of one item each')
        items.push({ item: data.item, text: '', isTextOver: true, isPartOver: true, isOver: false })
        break
      case 'response.content_part.added':
      case 'response.reasoning_summary_part.added': {
        const open = itemOf(data)
        assert.equal(open.item.type === 'message', isOfMessage)
        assert.deepEqual(
          [partsOf(open.item), data.part.text, data[isOfMessage ? 'content_index' : 'summary_index']],
          [[], '', 0],
        )
        partsOf(open.item).push(data.part)
        open.isTextOver = false
        open.isPartOver = false
        break
      }
      case 'response.output_text.delta':
      case 'response.reasoning_summary_text.delta': {
        const open = itemOf(data)
        assert.ok(!open.isTextOver && data.delta !== '')
        assert.equal(open.item.type === 'message', isOfMessage)
        open.text += data.delta
        break
      }
      case 'response.output_text.done':
      case 'response.reasoning_summary_text.done': {
        const open = itemOf(data)
        assert.ok(!open.isTextOver)
        assert.equal(data.text, open.text)
        open.isTextOver = true
        break
      }
      case 'response.content_part.done':
      case 'response.reasoning_summary_part.done': {
        const open = itemOf(data)
        assert.ok(open.isTextOver && !open.isPartOver)
        assert.equal(data.part.text, open.text)
        open.isPartOver = true
        break
      }
      case 'response.output_item.done': {
        const open = itemOf({ ...data, item_id: data.item.id })
        assert.ok(open.isPartOver)
        assert.deepEqual(
          partsOf(data.item).map(({ text }) => text),
          [open.text],
        )
        assert.ok(['completed', 'incomplete'].includes(data.item.status))
        items[data.output_index] = { ...open, item: data.item, isOver: true }
        break
      }
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        assert.ok(items.every(({ isOver }) => isOver))
        assert.equal(name, `response.${data.response.status}`)
        assert.deepEqual(
          data.response.output,
          items.map(({ item }) => item),
        )
        end = data.response
        break
      default:
        assert.fail(`unknown: ${name}`)
    }
  }
  return end ?? assert.fail('it never ended')
}

/** What a client has to have of a lane: whether it is the answer, its text, and whether it was cut. */
type Told = readonly [name: string, isMessage: boolean, text: string]

const toldIn = ({ output }: Response): Told[] =>
  output.map((item) => {
    const name = /^(?:msg|rs)_run-1_\d+_?(.*)$/.exec(item.id)?.[1] as string
    return [
      name,
      item.type === 'message',
      partsOf(item)
        .map(({ text }) => text)
        .join(),
    ]
  })

const nameOf = ({ predictor, field, call }: ToldLane) =>
  [predictor, ...(field === '' ? [] : [field]), ...(call === undefined ? [] : [call])].join('.')

/** The name where nobody wrote the answer is up to the dialect. */
function told({ frames, end }: ToldRun): Told[] {
  const lanes = lanesOf(frames)
  const said: Told[] = lanes.map((lane) => [nameOf(lane), isAnswer(lane), lane.text])
  const isSilent = end.type === 'prediction' && !lanes.some(isAnswer)
  return isSilent ? [...said, ['compose.answer', true, end.data.answer as string]] : said
}

const usageOf = ({ usage }: ToldRun) =>
  usage && {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.input + usage.output,
  }

function ending({ end }: ToldRun) {
  if (end.type === 'error')
    return [
      'failed',
      { code: 'server_error', message: end.message },
      null,
      { code: end.code, request_id: 'run-1' },
    ]
  const isCut = end.truncated?.includes('compose')
  return isCut ? ['incomplete', null, { reason: 'max_output_tokens' }, {}] : ['completed', null, null, {}]
}

/** What holds for any run, of any dialect that is this one. */
const holds = (dialect: Dialect) =>
  fc.property(toldRun, batchSizes, (run, sizes) => {
    const encoder = dialect.open(RUN)
    const texts = [...batches(run.frames, sizes)].map((batch) => encoder.encode(batch))
    const response = read(texts.join(encoder.keepAlive) + encoder.end)
    assert.deepEqual(toldIn(response), told(run))
    const { status, error, incomplete_details, metadata } = response
    assert.deepEqual([status, error, incomplete_details, metadata], ending(run))
    assert.deepEqual(response.usage, usageOf(run))
  })

test('for any run, a client has every lane as an item, and how it ended', () => {
  fc.assert(holds(responses), { numRuns: 500 })
})

const changed = (...mistake: Mistake): Dialect => mistaken(responses, ...mistake)

const event = (name: string) => new RegExp(`event: response\\.${name}\\n.*\\n\\n`, 'g')

const mutations: Readonly<Record<string, Dialect>> = {
  'no beginning': changed((text) => text.replace(event('created'), '')),
  'no items': changed((text) => text.replace(event('output_item.added'), '')),
  'no parts': changed((text) => text.replace(event('content_part.added'), '')),
  'no ends of items': changed((text) => text.replace(event('output_item.done'), '')),
  'no end': changed((text) => text.replace(event('completed'), '')),
  'a failure as success': changed((text) => text.replaceAll('response.failed', 'response.completed')),
  'numbers that stand still': changed((text) =>
    text.replace(/"sequence_number":\d+/g, '"sequence_number":0'),
  ),
  'one place for all': changed((text) => text.replace(/"output_index":\d+/g, '"output_index":0')),
  'lines end with Unicode': changed((text) => text.replaceAll('\\u2028', '\u2028')),
  'calls mixed': changed(...CALLS_MIXED),
  'failures unsaid': changed(...FAILURES_UNSAID),
  'no usage': changed(
    (text) => text,
    (frame) => (frame.type === 'usage' ? [] : [frame]),
  ),
}

for (const [name, dialect] of Object.entries(mutations)) {
  test(`the check sees: ${name}`, () => {
    assert.ok(fc.check(holds(dialect), { numRuns: 500 }).failed)
  })
}

test('a lane that was cut is an incomplete item, and those that ended are completed', () => {
  const token = { type: 'token', predictor: 'ideas.brainstorm', field: 'brainstorm' } as const
  const frames: Frame[] = [
    { ...token, chunk: 'Half', is_last: false },
    { ...token, predictor: 'compose', field: 'answer', chunk: 'Whole', is_last: true },
    { type: 'error', code: 'lm_busy', message: 'Too many.', retryable: true, request_id: 'run-1' },
  ]
  const response = read(responses.open(RUN).encode(frames))
  assert.deepEqual(
    response.output.map(({ status }) => status),
    ['incomplete', 'completed'],
  )
  assert.deepEqual(response.error, { code: 'rate_limit_exceeded', message: 'Too many.' })
})

test('a whole response has the other lanes, and as its message what the prediction says', () => {
  fc.assert(
    fc.property(toldRun, batchSizes, (run, sizes) => {
      if (run.end.type === 'error') return
      const whole = wholeResponse(RUN)
      for (const batch of batches(run.frames, sizes)) whole.take(batch)
      const response = whole.answer(run.end) as Response
      const others = told(run).filter(([, isMessage]) => !isMessage)
      assert.deepEqual(toldIn(response), [...others, ['', true, run.end.data.answer]])
      assert.equal(response.status, ending(run)[0])
      assert.deepEqual(response.usage, usageOf(run))
    }),
    { numRuns: 200 },
  )
})

test('where the program has no answer, all of the prediction is the message, as JSON', () => {
  const run = { ...RUN, answer: undefined }
  const prediction: Frame = { type: 'prediction', data: { items: ['a'] } }
  const streamed = read(responses.open(run).encode([prediction]))
  const whole = wholeResponse(run)
  whole.take([prediction])
  for (const response of [streamed, whole.answer(prediction) as Response])
    assert.deepEqual(toldIn(response), [['', true, '{"items":["a"]}']])
})
