import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PredictionFrame } from '../../src/core/frame.ts'
import type { Dialect } from '../../src/wire/dialect.ts'
import { KEEP_ALIVE } from '../../src/wire/native.ts'
import { chatCompletions, wholeCompletion } from '../../src/wire/openai-chat.ts'
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

const NAMES = { id: 'chatcmpl-run-1', created: 1_790_000_000, model: 'parallel-composer' }
const CHUNK = { ...NAMES, object: 'chat.completion.chunk' }
const GAP = '\n\n'

type Read = {
  content: string
  reasoning: string
  statuses: unknown[]
  finish: string | undefined
  usage: unknown
  error: unknown
}

/** Reads a stream as strictly as the strictest client, and more so. */
function read(text: string, includeUsage: boolean): Read {
  const seen: Read = {
    content: '',
    reasoning: '',
    statuses: [],
    finish: undefined,
    usage: undefined,
    error: undefined,
  }
  const events = text.split('\n\n')
  assert.equal(events.pop(), '')
  assert.equal(events.pop(), 'data: [DONE]')
  let hasRole = false
  for (const event of events) {
    if (event === KEEP_ALIVE.trim()) continue
    assert.match(event, /^data: \{[^\n\r\u0085\u2028\u2029]*\}$/)
    const { choices, event: note, usage, error, ...names } = JSON.parse(event.slice('data: '.length))
    assert.equal(seen.error, undefined, 'nothing follows an error')
    assert.equal(seen.usage, undefined, 'nothing follows the usage')
    if (error) {
      assert.deepEqual([choices, names, seen.finish], [undefined, {}, undefined])
      seen.error = error
      continue
    }
    assert.deepEqual(names, CHUNK)
    if (choices.length === 0) {
      assert.ok(includeUsage && usage && seen.finish !== undefined)
      seen.usage = usage
      continue
    }
    assert.equal(usage, includeUsage ? null : undefined)
    const [{ delta, ...choice }, ...more] = choices
    assert.deepEqual(more, [])
    assert.equal(seen.finish, undefined, 'one chunk finishes, and it is the last with a choice')
    assert.deepEqual(choice, { index: 0, logprobs: null, finish_reason: choice.finish_reason })
    if (!hasRole) {
      assert.deepEqual(delta, { role: 'assistant', content: '' })
      hasRole = true
      continue
    }
    const { content, reasoning_content, ...others } = delta
    assert.deepEqual(others, {})
    assert.ok(content !== '' && reasoning_content !== '')
    seen.content += content ?? ''
    seen.reasoning += reasoning_content ?? ''
    if (note) seen.statuses.push(note)
    if (choice.finish_reason !== null) seen.finish = choice.finish_reason
  }
  return seen
}

const titled = ({ predictor, field, call, text }: ToldLane) => {
  const names = [`${predictor}${call === undefined ? '' : ` (${call})`}`, ...(field === '' ? [] : [field])]
  return `**${names.join(': ')}**${GAP}${text}`
}

/** What a client has to have in the end. */
function expected({ frames, end, usage }: ToldRun, includeUsage: boolean): Read {
  const lanes = lanesOf(frames)
  const answers = lanes.filter(isAnswer).map(({ text }) => text)
  const isCut = end.type === 'prediction' && end.truncated?.includes('compose')
  const total = usage && {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
  }
  if (end.type === 'prediction' && answers.length === 0) answers.push(end.data.answer as string)
  return {
    content: answers.join(GAP),
    reasoning: lanes
      .filter((lane) => !isAnswer(lane))
      .map(titled)
      .join(GAP),
    statuses: frames.flatMap((frame) =>
      frame.type === 'status'
        ? [
            {
              type: 'status',
              data: { description: frame.message, done: frame.phase === 'end' || frame.phase === 'failed' },
            },
          ]
        : [],
    ),
    finish: end.type === 'error' ? undefined : isCut ? 'length' : 'stop',
    usage: end.type === 'prediction' && includeUsage ? total : undefined,
    error:
      end.type === 'error'
        ? { message: end.message, type: 'server_error', param: null, code: end.code, request_id: 'run-1' }
        : undefined,
  }
}

/** The thoughts in a stream that may not be over. */
const reasoningIn = (text: string) =>
  [...text.matchAll(/\{"reasoning_content":("(?:[^"\\]|\\.)*")/g)]
    .map(([, json]) => JSON.parse(json as string))
    .join('')

type Told = { readonly run: ToldRun; readonly sizes: readonly number[]; readonly includeUsage: boolean }

/** What holds for any run, of any dialect that is this one. */
const holds = (dialectOf: (includeUsage: boolean) => Dialect) => {
  const check = ({ run, sizes, includeUsage }: Told) => {
    const encoder = dialectOf(includeUsage).open(RUN)
    const texts: string[] = []
    let count = 0
    for (const batch of batches(run.frames, sizes)) {
      texts.push(encoder.encode(batch))
      count += batch.length
      const lanes = lanesOf(run.frames.slice(0, count)).filter((lane) => !isAnswer(lane))
      const open = lanes.findIndex(({ isOver }) => !isOver)
      const heard = open === -1 ? lanes : lanes.slice(0, open + 1)
      assert.equal(reasoningIn(texts.join('')), heard.map(titled).join(GAP), 'at once')
    }
    const text = texts.join(encoder.keepAlive) + encoder.end
    assert.deepEqual(read(text, includeUsage), expected(run, includeUsage))
  }
  return fc.property(fc.record({ run: toldRun, sizes: batchSizes, includeUsage: fc.boolean() }), check)
}

test('for any run, a client has the answer, the other lanes in turn, the statuses and how it ended', () => {
  fc.assert(
    holds((includeUsage) => chatCompletions({ includeUsage })),
    { numRuns: 500 },
  )
})

const changed =
  (...mistake: Mistake) =>
  (includeUsage: boolean): Dialect =>
    mistaken(chatCompletions({ includeUsage }), ...mistake)

const mutations: Readonly<Record<string, (includeUsage: boolean) => Dialect>> = {
  'no role': changed((text) => text.replace('"role":"assistant",', '')),
  'no finish': changed((text) => text.replace('"finish_reason":"stop"', '"finish_reason":null')),
  'length where another part was cut': changed(
    (text) => text,
    (frame) => [
      frame.type === 'prediction' && frame.truncated ? { ...frame, truncated: ['compose'] } : frame,
    ],
  ),
  'errors under an event of their own': changed((text) =>
    text.replace('data: {"error"', 'event: error\ndata: {"error"'),
  ),
  'an error in place of the finish': changed((text) =>
    text.replace('"finish_reason":"stop"', '"finish_reason":"error"'),
  ),
  'no [DONE]': changed((text) => text.replace('data: [DONE]\n\n', '')),
  'lines end with Unicode': changed((text) => text.replaceAll('\\u2028', '\u2028')),
  'the answer as thoughts': changed((text) => text.replaceAll('{"content":"', '{"reasoning_content":"')),
  'empty deltas': changed((text) => text.replaceAll('"delta":{}', '"delta":{"content":""}')),
  'calls mixed': changed(...CALLS_MIXED),
  'lanes that never end': changed(
    (text) => text,
    (frame) => [frame.type === 'token' ? { ...frame, is_last: false } : frame],
  ),
  'failures unsaid': changed(...FAILURES_UNSAID),
  'the usage of the last call alone': changed((text) =>
    text.replace(/"prompt_tokens":\d+/, '"prompt_tokens":11'),
  ),
  'another id': changed((text) => text.replace('chatcmpl-run-1', 'chatcmpl-run-2')),
}

for (const [name, dialect] of Object.entries(mutations)) {
  test(`the check sees: ${name}`, () => {
    assert.ok(fc.check(holds(dialect), { numRuns: 500 }).failed)
  })
}

test('a whole completion has what the prediction says, and the other lanes in turn', () => {
  fc.assert(
    fc.property(toldRun, batchSizes, (run, sizes) => {
      if (run.end.type === 'error') return
      const whole = wholeCompletion(RUN)
      for (const batch of batches(run.frames, sizes)) whole.take(batch)
      const { reasoning, finish, usage } = expected(run, true)
      assert.deepEqual(whole.answer(run.end), {
        ...NAMES,
        object: 'chat.completion',
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: run.end.data.answer,
              refusal: null,
              ...(reasoning !== '' && { reasoning_content: reasoning }),
            },
            logprobs: null,
            finish_reason: finish,
          },
        ],
        ...(usage !== undefined && { usage }),
      })
    }),
    { numRuns: 200 },
  )
})

const prediction = (data: Record<string, unknown>): PredictionFrame => ({ type: 'prediction', data })

test('where no answer was written, the prediction’s stands for it, or all of it as JSON', () => {
  for (const [answer, data, content] of [
    [RUN.answer, { answer: 'Said by nobody.' }, 'Said by nobody.'],
    [RUN.answer, { answer: '' }, ''],
    [RUN.answer, { total: 3 }, '{"total":3}'],
    [undefined, { items: ['a'], answer: 'b' }, '{"items":["a"],"answer":"b"}'],
  ] as const) {
    const encoder = chatCompletions({ includeUsage: false }).open({ ...RUN, answer })
    const text = encoder.encode([prediction(data)]) + encoder.end
    assert.equal(read(text, false).content, content)
    const whole = wholeCompletion({ ...RUN, answer })
    whole.take([prediction(data)])
    assert.partialDeepStrictEqual(whole.answer(prediction(data)), { choices: [{ message: { content } }] })
  }
})

test('a short stream, byte for byte', () => {
  const encoder = chatCompletions({ includeUsage: false }).open(RUN)
  const head =
    'data: {"id":"chatcmpl-run-1","created":1790000000,"model":"parallel-composer","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
  const tail = ',"logprobs":null,"finish_reason":null}]'
  const text = encoder.encode([
    { type: 'status', message: 'On "it".', module: 'ideas', phase: 'start' },
    { type: 'token', predictor: 'ideas.brainstorm', field: 'brainstorm', chunk: 'Hm', is_last: true },
    { type: 'token', predictor: 'compose', field: 'answer', chunk: 'Because\n', is_last: true },
    prediction({ answer: 'Because\n' }),
  ])
  assert.equal(
    text + encoder.end,
    [
      `${head}{"role":"assistant","content":""}${tail}}`,
      `${head}{}${tail},"event":{"type":"status","data":{"description":"On \\"it\\".","done":false}}}`,
      `${head}{"reasoning_content":"**ideas.brainstorm: brainstorm**\\n\\n"}${tail}}`,
      `${head}{"reasoning_content":"Hm"}${tail}}`,
      `${head}{"content":"Because\\n"}${tail}}`,
      `${head}{}${tail.replace('null}]', '"stop"}]')}}`,
      'data: [DONE]',
      '',
    ].join('\n\n'),
  )
})
