/**
 * The UI message stream of the AI SDK (version 1), which `useChat` reads. The answer is the message's text, every other
 * lane is reasoning: pages made of stock parts then show one answer and thoughts that can be folded, and only the answer
 * comes back in later turns.
 *
 * The union of its chunks is closed: a chunk of a type that the client doesn't know ends its reading, and so does a delta
 * of a part that isn't open. There are no steps: version 5 and 6 forget the open parts at the end of one.
 */
import type {
  ErrorFrame,
  Frame,
  PredictionFrame,
  StatusFrame,
  TokenFrame,
  UsageFrame,
} from '../core/frame.ts'
import { isOfAnswer } from './answer-text.ts'
import type { Dialect, Encoder, RunInfo } from './dialect.ts'
import { coveredBy, type LaneEvents, Lanes, laneId } from './lanes.ts'
import { DONE, dataEvent, KEEP_ALIVE, native } from './native.ts'

export const aiSdk: Dialect = {
  headers: { ...native.headers, 'x-vercel-ai-ui-message-stream': 'v1' },
  open: (run) => new UiMessageEncoder(run),
}

class UiMessageEncoder implements Encoder {
  readonly end = DONE
  readonly keepAlive = KEEP_ALIVE
  readonly #run: RunInfo
  readonly #parts: Lanes
  readonly #usage = { inputTokens: 0, outputTokens: 0 }
  #hasUsage = false
  #hasStarted = false

  constructor(run: RunInfo) {
    this.#run = run
    this.#parts = new Lanes((token) => partOf(isOfAnswer(token, run.answer) ? 'text' : 'reasoning', token))
  }

  encode(frames: readonly Frame[]): string {
    let text = ''
    if (!this.#hasStarted) text = dataEvent({ type: 'start', messageId: this.#run.id })
    this.#hasStarted = true
    for (const frame of frames) text += frame.type === 'token' ? this.#parts.write(frame) : this.#other(frame)
    return text
  }

  #other(frame: Exclude<Frame, TokenFrame>): string {
    switch (frame.type) {
      case 'status':
        return (frame.phase === 'failed' ? this.#parts.end(coveredBy(frame)) : '') + statusOf(frame)
      case 'usage':
        this.#count(frame)
        return ''
      case 'prediction':
        return this.#finish(frame)
      case 'error':
        return this.#fail(frame)
      default:
        return '' // values aren't asked for, and a reset has no word here: such readers get none
    }
  }

  #count({ input_tokens, output_tokens }: UsageFrame): void {
    this.#usage.inputTokens += input_tokens
    this.#usage.outputTokens += output_tokens
    this.#hasUsage = true
  }

  #finish({ data, truncated, degraded }: PredictionFrame): string {
    const isCut = truncated?.some((name) => name === this.#run.answer?.predictor) ?? false
    const metadata = {
      ...(this.#hasUsage && { usage: this.#usage }),
      ...(truncated && { truncated }),
      ...(degraded && { degraded }),
    }
    return (
      this.#parts.end() +
      dataEvent({ type: 'data-prediction', id: 'prediction', data }) +
      dataEvent({ type: 'finish', finishReason: isCut ? 'length' : 'stop', messageMetadata: metadata })
    )
  }

  #fail({ type: _, ...data }: ErrorFrame): string {
    return (
      this.#parts.end() +
      dataEvent({ type: 'data-error', id: 'error', data }) +
      dataEvent({ type: 'error', errorText: data.message }) +
      dataEvent({ type: 'finish', finishReason: 'error' })
    )
  }
}

/** Shown while it is true, and no part of the message: it isn't sent back in later turns. */
const statusOf = ({ type: _, ...data }: StatusFrame) =>
  dataEvent({ type: 'data-status', id: data.predictor ?? data.module, data, transient: true })

/** An end of a part that was cut short can't be told from any other. */
function partOf(kind: 'text' | 'reasoning', frame: TokenFrame): LaneEvents {
  const { predictor, field, call = 1 } = frame
  const id = laneId(frame)
  const providerMetadata = { tributary: { predictor, field, call } } // two levels: a flat one is refused
  return {
    start: dataEvent({ type: `${kind}-start`, id, providerMetadata }),
    content: dataEvent({ type: `${kind}-delta`, id, delta: '' }),
    end: dataEvent({ type: `${kind}-end`, id }),
  }
}
