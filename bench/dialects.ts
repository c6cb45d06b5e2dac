/**
 * The service's dialects, each next to the native one in the same process. What they add to a token is measured as a
 * ratio, which holds on other machines too.
 */
import { underLoad } from './cells.ts'
import type { Contender } from './peers.ts'
import type { Peer } from './processes.ts'
import { asIs, readFrames, type Translate } from './reading.ts'

const MODEL = 'parallel-composer'

export type DialectContender = Pick<Contender, 'name' | 'title' | 'path' | 'read' | 'body'>

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

function responses(): Translate {
  return ({ type, item_id, delta, response }) => {
    if (type === 'response.failed') return { type: 'error', message: response.error.message }
    if (type === 'response.completed') return { type: 'prediction' }
    const [, predictor, field] = /_\d+_(\S+)\.(\w+)$/.exec(item_id ?? '') ?? []
    const isLane = typeof delta === 'string' && field !== 'reasoning'
    return { type: 'token', predictor: predictor ?? '', chunk: isLane ? delta : '' }
  }
}

export const dialects: readonly DialectContender[] = [
  { name: 'native', title: 'native', path: '/v1/stream', read: (stream) => readFrames(stream, asIs) },
  {
    name: 'chat',
    title: 'OpenAI chat completions',
    path: '/v1/chat/completions',
    body: (question) => ({ model: MODEL, stream: true, messages: [{ role: 'user', content: question }] }),
    read: (stream) => readFrames(stream, chat()),
  },
  {
    name: 'responses',
    title: 'OpenAI responses',
    path: '/v1/responses',
    body: (question) => ({ model: MODEL, stream: true, input: question }),
    read: (stream) => readFrames(stream, responses()),
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
