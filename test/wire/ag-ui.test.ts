/** AG-UI, read by a small strict reader: what the vendor's own clients make of it, they say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Frame } from '../../src/core/frame.ts'
import { type AgUiRun, agUi } from '../../src/wire/ag-ui.ts'
import { ANSWER, dataOf, encoded, interleaved, lanesOf } from '../support/interleaved.ts'

const RUN = { id: 'request-1', program: 'p', answer: ANSWER, createdAt: 0 }
const ASKED: AgUiRun = { threadId: 't-1', runId: 'r "1"', hasSubagents: true }

type Event = {
  readonly type: string
  readonly messageId: string
  readonly subagentRunId?: string
  readonly [key: string]: unknown
}

type Kind = 'TEXT_MESSAGE' | 'REASONING_MESSAGE' | 'REASONING'

class Reading {
  readonly messages = new Map<
    string,
    { role: unknown; name: unknown; text: string; by: string | undefined }
  >()
  readonly subagents = new Map<string, { name: unknown; state: 'active' | 'finished' | Event }>()
  readonly customs: { name: unknown; value: unknown }[] = []
  readonly steps: string[] = []
  end: Event | undefined
  readonly #open: Record<Kind, Set<string>> = {
    TEXT_MESSAGE: new Set(),
    REASONING_MESSAGE: new Set(),
    REASONING: new Set(),
  }
  readonly #steps = new Set<string>()

  /** @throws for anything that a client of 0.0.59 or 1.0 chokes on */
  constructor(text: string) {
    const [start, ...events] = dataOf(text).map((json): Event => JSON.parse(json))
    assert.deepEqual(start, { type: 'RUN_STARTED', threadId: 't-1', runId: 'r "1"' })
    for (const event of events) {
      assert.equal(this.end, undefined, 'something follows the end')
      assert.ok(!Object.values(event).includes(null), 'null is never "absent"')
      this.#take(event)
    }
    assert.ok(this.end, 'it has no end')
  }

  #take(event: Event): void {
    const [, kind, at] =
      /^(TEXT_MESSAGE|REASONING_MESSAGE|REASONING)_(START|CONTENT|END)$/.exec(event.type) ?? []
    if (kind) this.#takeMessage(event, kind as Kind, at as string)
    else if (event.type.startsWith('SUBAGENT')) this.#takeSubagent(event)
    else if (event.type.startsWith('STEP')) this.#takeStep(event)
    else if (event.type === 'CUSTOM') {
      const { name, value } = event
      assert.ok(typeof name === 'string' && value !== undefined)
      this.customs.push({ name, value })
    } else {
      assert.ok(event.type === 'RUN_FINISHED' || event.type === 'RUN_ERROR', 'a type that clients know')
      if (event.type === 'RUN_FINISHED') assert.equal(this.#steps.size, 0, 'a step is open')
      assert.ok(
        Object.values(this.#open).every(({ size }) => size === 0),
        'a message is open',
      )
      assert.ok(
        [...this.subagents.values()].every(({ state }) => state !== 'active'),
        'a subagent is active',
      )
      this.end = event
    }
  }

  #takeMessage({ messageId, subagentRunId, ...event }: Event, kind: Kind, at: string): void {
    const open = this.#open[kind]
    if (subagentRunId !== undefined) assert.equal(this.subagents.get(subagentRunId)?.state, 'active')
    assert.equal(open.has(messageId), at !== 'START', `${event.type} out of place`)
    if (kind === 'REASONING_MESSAGE')
      assert.ok(this.#open.REASONING.has(messageId), 'a thought without a span')
    if (at === 'START') open.add(messageId)
    if (at === 'END') open.delete(messageId)
    if (kind === 'REASONING') return
    if (at === 'START') {
      assert.equal(this.messages.get(messageId), undefined, 'a message of this id was there before')
      assert.equal(event.role, kind === 'TEXT_MESSAGE' ? 'assistant' : 'reasoning')
      this.messages.set(messageId, { role: event.role, name: event.name, text: '', by: subagentRunId })
    }
    const message = this.messages.get(messageId)
    assert.equal(message?.by, subagentRunId, 'of another subagent than its start')
    if (at !== 'CONTENT' || !message) return
    assert.ok(typeof event.delta === 'string' && event.delta !== '')
    message.text += event.delta
  }

  #takeSubagent(event: Event): void {
    const { type, subagentRunId = '', name } = event
    const known = this.subagents.get(subagentRunId)
    if (type === 'SUBAGENT_STARTED') {
      assert.equal(known, undefined, 'a subagent of this id was there before')
      assert.ok(typeof name === 'string')
      this.subagents.set(subagentRunId, { name, state: 'active' })
      return
    }
    assert.equal(known?.state, 'active')
    assert.ok(type === 'SUBAGENT_FINISHED' || typeof event.message === 'string')
    this.subagents.set(subagentRunId, {
      name: known?.name,
      state: type === 'SUBAGENT_FINISHED' ? 'finished' : event,
    })
  }

  #takeStep({ type, stepName }: Event): void {
    const name = String(stepName)
    assert.equal(this.#steps.has(name), type === 'STEP_FINISHED')
    if (type === 'STEP_STARTED') this.steps.push(name)
    if (type === 'STEP_STARTED') this.#steps.add(name)
    else this.#steps.delete(name)
  }
}

/** Checks that a text says what the frames do. */
function assertSays(text: string, frames: readonly Frame[], { hasSubagents }: AgUiRun): void {
  const { messages, subagents, customs, end: last } = new Reading(text)
  const lanes = lanesOf(frames)
  assert.deepEqual(
    [...messages].map(([id, { name, text, by }]) => [id, name, text, by]),
    [...lanes].map(([id, { of, text }]) => {
      const { predictor, field, call = 1 } = of
      const name = predictor === ANSWER.predictor && field === ANSWER.field ? predictor : undefined
      return [`r "1".${id}`, name, text, hasSubagents ? `r "1".${predictor}.${call}` : undefined]
    }),
  )
  const failed = frames.flatMap((one) => (one.type === 'status' && one.phase === 'failed' ? [one] : []))
  if (hasSubagents) {
    const calls = new Set([...lanes.values()].map(({ of }) => of.predictor))
    for (const name of calls) assert.ok([...subagents.values()].some((one) => one.name === name))
    for (const { predictor, module, call, code } of failed) {
      const errors = [...subagents].filter(
        ([, { state }]) => typeof state === 'object' && state.code === code,
      )
      const isOfIt = ([id]: (typeof errors)[number]) =>
        predictor === undefined ? id.startsWith(`r "1".${module}.`) : id === `r "1".${predictor}.${call ?? 1}`
      assert.ok(errors.some(isOfIt), `${predictor ?? module} failed, and no subagent did`)
    }
  } else {
    assert.equal(subagents.size, 0)
  }
  const end = frames.at(-1) as Frame
  const said = frames.flatMap((one) => {
    if (one.type !== 'status') return []
    const { type: _, ...value } = one
    return [{ name: 'status', value }]
  })
  if (end.type === 'error') {
    assert.deepEqual(customs, said)
    assert.deepEqual(last, { type: 'RUN_ERROR', message: end.message, code: end.code })
  } else if (end.type === 'prediction') {
    const { data, truncated, degraded } = end
    assert.deepEqual(customs, [
      ...said,
      ...(truncated ? [{ name: 'truncated', value: truncated }] : []),
      ...(degraded ? [{ name: 'degraded', value: degraded }] : []),
    ])
    const usage = frames.flatMap((one) =>
      one.type === 'usage'
        ? [{ model: one.model, inputTokens: one.input_tokens, outputTokens: one.output_tokens }]
        : [],
    )
    assert.deepEqual(last, {
      type: 'RUN_FINISHED',
      threadId: 't-1',
      runId: 'r "1"',
      result: data,
      outcome: { type: 'success' },
      ...(usage.length > 0 && { usage }),
    })
  }
}

const encode = (frames: readonly Frame[], asked = ASKED, size = 1) =>
  encoded(agUi(asked).open(RUN), frames, size)

for (const hasSubagents of [true, false]) {
  test(`whatever lanes come in whatever order, each is a message, ${hasSubagents ? 'with' : 'without'} subagents`, () => {
    const asked = { ...ASKED, hasSubagents }
    fc.assert(
      fc.property(interleaved, fc.integer({ min: 1, max: 9 }), (frames, size) => {
        assertSays(encode(frames, asked, size), frames, asked)
      }),
      { numRuns: 500 },
    )
  })
}

/** Two lanes at once, one of them cut by a failure of its own. */
const SAMPLE: Frame[] = [
  { type: 'status', message: 'On it.', module: 'ideas', phase: 'start' },
  { type: 'token', field: 'brainstorm', predictor: 'ideas.brainstorm', chunk: 'one', is_last: false },
  { type: 'token', field: 'answer', predictor: 'compose', chunk: 'The', is_last: false },
  { type: 'status', message: 'No.', module: 'ideas', phase: 'failed', code: 'upstream_auth' },
  { type: 'token', field: 'answer', predictor: 'compose', chunk: ' end.', is_last: true },
  { type: 'prediction', data: { answer: 'The end.' }, degraded: ['ideas'] },
]

test('what fails alone is a subagent that failed, even if it had said nothing', () => {
  const { subagents } = new Reading(encode(SAMPLE))
  const { state } = subagents.get('r "1".ideas.brainstorm.1') ?? assert.fail()
  assert.partialDeepStrictEqual(state, { type: 'SUBAGENT_ERROR', message: 'No.', code: 'upstream_auth' })
  assert.equal(subagents.get('r "1".compose.1')?.state, 'finished')
  const silent = SAMPLE.filter((one) => one.type !== 'token')
  const { subagents: others } = new Reading(encode(silent))
  assert.partialDeepStrictEqual(others.get('r "1".ideas.1'), { name: 'ideas', state: { message: 'No.' } })
})

test('what is made of several parts fails with all of them, and with its own call', () => {
  const token = { type: 'token', field: 'text', is_last: false } as const
  const failed: Frame = { type: 'status', module: 'act', predictor: 'act', phase: 'failed', message: 'Late.' }
  const frames: Frame[] = [
    { ...token, predictor: 'act', chunk: 'A turn.', is_last: true },
    { ...token, predictor: 'act.search', chunk: 'Half' },
    { ...token, predictor: 'actor', chunk: 'Another' },
    { ...failed, call: 2 },
    { ...token, predictor: 'act.search', chunk: ' a page' },
    { type: 'prediction', data: {} },
  ]
  const { subagents, messages } = new Reading(encode(frames))
  const states = [...subagents].map(([id, { state }]) => [
    id,
    state === 'finished' || (state as Event).message,
  ])
  assert.deepEqual(states, [
    ['r "1".act.1', true],
    ['r "1".act.search.1', 'Late.'],
    ['r "1".actor.1', true],
    ['r "1".act.2', 'Late.'],
  ])
  assert.equal(messages.get('r "1".act.search.text.1')?.text, 'Half', 'what was cut speaks no more')
})

test('the error of a run is told of the call that failed, and the others end with it', () => {
  const error = { code: 'upstream_auth', message: 'Wrong key.', retryable: false, request_id: 'x' }
  const { subagents, end } = new Reading(
    encode([...SAMPLE.slice(0, 3), { type: 'error', predictor: 'compose', ...error }]),
  )
  const errors = [...subagents.values()].map(({ name, state }) => [name, (state as Event).message])
  assert.deepEqual(errors, [
    ['ideas.brainstorm', 'It was ended with the run.'],
    ['compose', 'Wrong key.'],
  ])
  assert.deepEqual(end, { type: 'RUN_ERROR', message: 'Wrong key.', code: 'upstream_auth' })
})

/** What an encoder could do wrong. */
const MUTATIONS: Record<string, (text: string) => string> = {
  'no start': (text) => text.replace(/data: \{"type":"RUN_STARTED".*\n\n/, ''),
  'no end of a message': (text) => text.replace(/data: \{"type":"TEXT_MESSAGE_END".*\n\n/, ''),
  'no end of a span': (text) => text.replace(/data: \{"type":"REASONING_END".*\n\n/, ''),
  'a message outside its span': (text) =>
    text.replace(/(data: \{"type":"REASONING_START".*\n\n)(data: .*\n\n)/, '$2$1'),
  'two ends of a message': (text) => text.replace(/data: \{"type":"TEXT_MESSAGE_END".*\n\n/, '$&$&'),
  'a delta after the end': (text) =>
    text.replace(/(data: \{"type":"TEXT_MESSAGE_CONTENT".*\n\n)([\s\S]*TEXT_MESSAGE_END.*\n\n)/, '$2$1'),
  'an empty delta': (text) => text.replace('"delta":"The"', '"delta":""'),
  'a message of another subagent': (text) =>
    text.replace(/(TEXT_MESSAGE_CONTENT".*"subagentRunId":"r \\"1\\"\.)compose/, '$1ideas.brainstorm'),
  'a subagent that starts late': (text) =>
    text.replace(/(data: \{"type":"SUBAGENT_STARTED".*\n\n)(data: .*\n\n)/, '$2$1'),
  'a subagent without an end': (text) => text.replace(/data: \{"type":"SUBAGENT_FINISHED".*\n\n/, ''),
  'a failure as a success': (text) =>
    text.replace(/"SUBAGENT_ERROR"(.*),"message":"No\.","code":"upstream_auth"/, '"SUBAGENT_FINISHED"$1'),
  'a step without an end': (text) => text.replace(/data: \{"type":"STEP_FINISHED".*\n\n/, ''),
  'a step twice': (text) => text.replace(/data: \{"type":"STEP_STARTED".*\n\n/, '$&$&'),
  'no end': (text) => text.replace(/data: \{"type":"RUN_FINISHED".*\n\n/, ''),
  'something after the end': (text) => `${text}data: [DONE]\n\n`,
  'null for what is absent': (text) => text.replace('"delta":"The"', '"delta":"The","rawEvent":null'),
  'a type of its own': (text) => text.replace('"type":"CUSTOM"', '"type":"STATUS"'),
  'another result': (text) => text.replace('"answer":"The end."', '"answer":"The"'),
}

test('every mistake that an encoder could make is found', () => {
  const right = encode(SAMPLE)
  assertSays(right, SAMPLE, ASKED)
  for (const [name, mutate] of Object.entries(MUTATIONS)) {
    const wrong = mutate(right)
    assert.notEqual(wrong, right, name)
    assert.throws(() => assertSays(wrong, SAMPLE, ASKED), name)
  }
})
