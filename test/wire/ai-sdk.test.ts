/** The AI SDK's UI message stream, read by a small strict reader: what the vendor's own clients make of it, they say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Frame, StatusFrame, TokenFrame } from '../../src/core/frame.ts'
import { aiSdk } from '../../src/wire/ai-sdk.ts'
import { ANSWER, dataOf, encoded, interleaved, isAbout, lanesOf } from '../support/interleaved.ts'

const RUN = { id: 'run-1', program: 'p', answer: ANSWER, createdAt: 0 }

type Chunk = { readonly type: string; readonly [key: string]: unknown }

type Part = { kind: string; text: string; isOpen: boolean; metadata: { tributary: Partial<TokenFrame> } }

type Message = {
  readonly parts: Map<string, Part>
  readonly data: Map<string, unknown>
  readonly statuses: unknown[]
  errorText?: string
  finish?: Chunk
}

/** @throws for anything that a client of version 5, 6 or 7 chokes on */
function read(text: string): Message {
  const data = dataOf(text)
  assert.equal(data.pop(), '[DONE]')
  const [start, ...chunks] = data.map((json): Chunk => JSON.parse(json))
  assert.deepEqual(start, { type: 'start', messageId: 'run-1' })
  const message: Message = { parts: new Map(), data: new Map(), statuses: [] }
  const parts = () => [...message.parts.values()]
  for (const chunk of chunks) {
    assert.equal(message.finish, undefined, 'something follows the end')
    const [, kind, at] = /^(text|reasoning)-(start|delta|end)$/.exec(chunk.type) ?? []
    const part = message.parts.get(String(chunk.id))
    if (kind && at === 'start') {
      assert.equal(part, undefined, 'a second part of this id')
      const metadata = chunk.providerMetadata as Part['metadata']
      message.parts.set(String(chunk.id), { kind, text: '', isOpen: true, metadata })
    } else if (kind) {
      assert.ok(part?.isOpen && part.kind === kind, `${chunk.type} of a part that isn't open`)
      if (at === 'end') part.isOpen = false
      else {
        assert.ok(typeof chunk.delta === 'string' && chunk.delta !== '')
        part.text += chunk.delta
      }
    } else if (chunk.type === 'data-status') {
      assert.equal(chunk.transient, true)
      const status = chunk.data as StatusFrame
      const isCut = ({ metadata }: Part) => isAbout(status, metadata.tributary)
      if (status.phase === 'failed') assert.ok(!parts().some((one) => one.isOpen && isCut(one)), 'it is open')
      message.statuses.push(chunk.data)
    } else if (chunk.type === 'data-prediction' || chunk.type === 'data-error') {
      message.data.set(chunk.type, chunk.data)
    } else if (chunk.type === 'error') {
      assert.ok(typeof chunk.errorText === 'string')
      message.errorText = chunk.errorText
    } else {
      assert.equal(chunk.type, 'finish', 'a type that clients know')
      assert.ok(['stop', 'length', 'error'].includes(String(chunk.finishReason)))
      message.finish = chunk
    }
  }
  assert.ok(message.finish, 'it has no end')
  return message
}

/** Checks that a text says what the frames do. */
function assertSays(text: string, frames: readonly Frame[]): void {
  const { parts, data, statuses, errorText, finish } = read(text)
  const lanes = lanesOf(frames)
  assert.deepEqual(
    [...parts].map(([id, { kind, text, metadata }]) => [id, kind, text, metadata]),
    [...lanes].map(([id, { of, text }]) => {
      const { predictor, field, call = 1 } = of
      const isAnswer = predictor === ANSWER.predictor && field === ANSWER.field
      return [id, isAnswer ? 'text' : 'reasoning', text, { tributary: { predictor, field, call } }]
    }),
  )
  assert.ok(
    [...parts.values()].every(({ isOpen }) => !isOpen),
    'a part is open',
  )
  assert.deepEqual(
    statuses,
    frames.flatMap((one) => {
      if (one.type !== 'status') return []
      const { type: _, ...rest } = one
      return [rest]
    }),
  )
  const end = frames.at(-1) as Frame
  if (end.type === 'error') {
    const { type: _, ...rest } = end
    assert.deepEqual([data.get('data-error'), errorText], [rest, end.message])
    assert.deepEqual(finish, { type: 'finish', finishReason: 'error' })
  } else if (end.type === 'prediction') {
    const usages = frames.filter((one) => one.type === 'usage')
    const sum = (key: 'input_tokens' | 'output_tokens') => usages.reduce((all, one) => all + one[key], 0)
    assert.deepEqual(data.get('data-prediction'), end.data)
    assert.equal(errorText, undefined)
    assert.deepEqual(finish, {
      type: 'finish',
      finishReason: end.truncated ? 'length' : 'stop',
      messageMetadata: {
        ...(usages.length > 0 && {
          usage: { inputTokens: sum('input_tokens'), outputTokens: sum('output_tokens') },
        }),
        ...(end.truncated && { truncated: end.truncated }),
        ...(end.degraded && { degraded: end.degraded }),
      },
    })
  }
}

const encode = (frames: readonly Frame[], size = 1) => encoded(aiSdk.open(RUN), frames, size)

test('whatever lanes come in whatever order, each is a part with exactly its text', () => {
  fc.assert(
    fc.property(interleaved, fc.integer({ min: 1, max: 9 }), (frames, size) => {
      assertSays(encode(frames, size), frames)
    }),
    { numRuns: 500 },
  )
})

const token = (predictor: string, field: string, chunk: string, is_last = false): Frame => ({
  type: 'token',
  field,
  predictor,
  chunk,
  is_last,
})

/** Two lanes at once, one of them cut by a failure of its own. */
const SAMPLE: Frame[] = [
  { type: 'status', message: 'On it.', module: 'ideas', phase: 'start' },
  token('ideas.brainstorm', 'brainstorm', 'one'),
  token('compose', 'answer', 'The'),
  token('ideas.brainstorm', 'brainstorm', ' two'),
  { type: 'status', message: 'No.', module: 'ideas', phase: 'failed', code: 'upstream_auth' },
  token('compose', 'answer', ' end.', true),
  { type: 'prediction', data: { answer: 'The end.' }, degraded: ['ideas'] },
]

test('a lane of what has failed alone ends with it', () => {
  const events = dataOf(encode(SAMPLE)).map((json) => (json === '[DONE]' ? json : JSON.parse(json).type))
  const ended = events.indexOf('reasoning-end')
  assert.ok(ended < events.lastIndexOf('data-status') && ended > 0)
})

test('only the answer’s own token limit is the message’s', () => {
  const end = (truncated: string[]) =>
    read(encode([{ type: 'prediction', data: {}, truncated }])).finish?.finishReason
  assert.equal(end(['ideas.brainstorm']), 'stop')
  assert.equal(end(['ideas.brainstorm', 'compose']), 'length')
})

test('a program without an answer has thoughts alone', () => {
  const encoder = aiSdk.open({ ...RUN, answer: undefined })
  const { parts } = read(encoded(encoder, SAMPLE, 2))
  assert.deepEqual([...new Set([...parts.values()].map(({ kind }) => kind))], ['reasoning'])
})

/** What an encoder could do wrong. */
const MUTATIONS: Record<string, (text: string) => string> = {
  'no start': (text) => text.replace(/data: \{"type":"start".*\n\n/, ''),
  'no end of a part': (text) => text.replace(/data: \{"type":"text-end".*\n\n/, ''),
  'no start of a part': (text) => text.replace(/data: \{"type":"text-start".*\n\n/, ''),
  'two ends of a part': (text) => text.replace(/data: \{"type":"text-end".*\n\n/, '$&$&'),
  'a delta after the end': (text) =>
    text.replace(/(data: \{"type":"text-delta".*\n\n)([\s\S]*text-end.*\n\n)/, '$2$1'),
  'a delta twice': (text) => text.replace(/data: \{"type":"text-delta".*\n\n/, '$&$&'),
  'an empty delta': (text) => text.replace('"delta":"The"', '"delta":""'),
  'lanes mixed up': (text) => text.replace(/(-delta","id":")ideas.brainstorm.brainstorm/, '$1compose.answer'),
  'the answer as a thought': (text) => text.replaceAll('"text-', '"reasoning-'),
  'flat metadata': (text) =>
    text.replaceAll(/"providerMetadata":\{"tributary":(\{[^}]*\})\}/g, '"providerMetadata":$1'),
  'a lasting status': (text) => text.replace(',"transient":true', ''),
  'no finish': (text) => text.replace(/data: \{"type":"finish".*\n\n/, ''),
  'no [DONE]': (text) => text.replace('data: [DONE]\n\n', ''),
  'a type of its own': (text) => text.replace('"data-prediction"', '"prediction"'),
  'another prediction': (text) => text.replace('"answer":"The end."', '"answer":"The"'),
  'a raw line end': (text) => text.replace('"The"', '"The\u2028"'),
}

test('every mistake that an encoder could make is found', () => {
  const right = encode(SAMPLE)
  assertSays(right, SAMPLE)
  for (const [name, mutate] of Object.entries(MUTATIONS)) {
    const wrong = mutate(right)
    assert.notEqual(wrong, right, name)
    assert.throws(() => assertSays(wrong, SAMPLE), name)
  }
})
