/**
 * The service's dialects, each next to the native one in the same process. What they add to a token is measured as a
 * ratio, which holds on other machines too.
 */
import { underLoad } from './cells.ts'
import { posting, type Stream } from './load.ts'
import type { Contender } from './peers.ts'
import type { Peer } from './processes.ts'
import { asIs, type Reading, readAnswer, readFrames, type Translate } from './reading.ts'
import { askBySocket, messagesIn } from './socket-load.ts'

const MODEL = 'parallel-composer'

export type DialectContender = Pick<Contender, 'name' | 'title' | 'path' | 'read' | 'ask'>

/** Lanes follow each other there, each below its title; the answer has none. */
function chat(): Translate {
  let lane = ''
  return ({ choices, error }) => {
    if (error) return { type: 'error', message: error.message }
    const [{ delta, finish_reason }] = choices
    if (finish_reason) return { type: 'prediction' }
    if (delta.content) return { type: 'token', predictor: 'compose', chunk: delta.content }
    const thought: string = delta.reasoning_content ?? ''
    const title = /^(?:\n\n)?\*\*(\S+): (\w+)\*\*\n\n$/.exec(thought)
    if (title) lane = title[2] === 'reasoning' ? '' : (title[1] as string)
    return { type: 'token', predictor: lane, chunk: title || lane === '' ? '' : thought }
  }
}

/** @param lane its predictor and its field in the first two groups; the reasoning is passed over */
function token(lane: RegExpExecArray | null, delta: unknown) {
  const [, predictor = '', field = 'reasoning'] = lane ?? []
  return {
    type: 'token',
    predictor,
    chunk: typeof delta === 'string' && field !== 'reasoning' ? delta : '',
  }
}

const responses: Translate = ({ type, item_id, delta, response }) => {
  if (type === 'response.failed') return { type: 'error', message: response.error.message }
  if (type === 'response.completed') return { type: 'prediction' }
  return token(/_\d+_(\S+)\.(\w+)$/.exec(item_id ?? ''), delta)
}

const aiSdk: Translate = ({ type, id, delta, data, errorText }) => {
  if (type === 'error') return { type: 'error', message: errorText }
  if (type === 'data-prediction') return { type: 'prediction', data }
  return token(/^(\S+)\.(\w+)\.\d+$/.exec(id ?? ''), delta)
}

const agUi: Translate = ({ type, messageId, delta, result, message }) => {
  if (type === 'RUN_ERROR') return { type: 'error', message }
  if (type === 'RUN_FINISHED') return { type: 'prediction', data: result }
  return token(/^run-1\.(\S+)\.(\w+)\.\d+$/.exec(messageId ?? ''), delta)
}

const reading =
  (translate: () => Translate) =>
  (stream: Stream): Reading =>
    readFrames(stream, translate())

export const dialects: readonly DialectContender[] = [
  { name: 'native', title: 'native', path: '/v1/stream', read: reading(() => asIs) },
  {
    name: 'websocket',
    title: 'WebSocket',
    path: '/v1/ws',
    ask: askBySocket,
    read: (stream) => readFrames(stream, asIs, messagesIn(stream)),
  },
  {
    name: 'chat',
    title: 'OpenAI chat completions',
    path: '/v1/chat/completions',
    ask: posting((content) => ({ model: MODEL, stream: true, messages: [{ role: 'user', content }] })),
    read: reading(chat),
  },
  {
    name: 'responses',
    title: 'OpenAI responses',
    path: '/v1/responses',
    ask: posting((input) => ({ model: MODEL, stream: true, input })),
    read: reading(() => responses),
  },
  {
    name: 'ai-sdk',
    title: 'AI SDK UI message stream',
    path: '/api/chat',
    ask: posting((text) => ({
      id: 'chat-1',
      trigger: 'submit-message',
      messages: [{ id: 'message-1', role: 'user', parts: [{ type: 'text', text }] }],
    })),
    read: reading(() => aiSdk),
  },
  {
    name: 'ag-ui',
    title: 'AG-UI 1.0',
    path: '/ag-ui',
    ask: posting((content) => ({
      threadId: 'thread-1',
      runId: 'run-1',
      protocolVersion: '1.0',
      state: {},
      messages: [{ id: 'message-1', role: 'user', content }],
      tools: [],
      context: [],
      forwardedProps: {},
    })),
    read: reading(() => agUi),
  },
  {
    name: 'mcp',
    title: 'MCP, which has no tokens',
    path: '/mcp',
    ask: posting(
      (question) => ({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: MODEL, arguments: { question } },
      }),
      'accept: application/json, text/event-stream\r\n',
    ),
    read: (stream) => readAnswer(stream, ({ result }) => result?.structuredContent?.answer),
  },
]

/** Processor time of a token in microseconds, of each dialect, in the order of {@link dialects}. */
export type DialectCosts = {
  readonly cpu: readonly number[]
  readonly faults: readonly (string | undefined)[]
}

/** Measures all of them, in turns, at full speed. */
export async function measureDialects(peer: Peer, windowMs: number): Promise<DialectCosts> {
  const cpu: number[] = []
  const faults: (string | undefined)[] = []
  for (const dialect of dialects) {
    const plan = {
      script: { tokens: 2_000, rate: 0 },
      slots: 8,
      spreadMs: 0,
      warmUpMs: windowMs / 2,
      windowMs,
    }
    const { measures, fault } = await underLoad(dialect, peer, plan)
    cpu.push(measures.cpu as number)
    faults.push(fault)
    await peer.idle()
  }
  return { cpu, faults }
}
