/**
 * AG-UI 1.0, which CopilotKit's pages read too. The answer is a text message, every other lane a reasoning message, and
 * a module that says when it starts and ends a step. For clients that know of subagents, each call of a predictor is
 * one: then messages have names, and a branch can fail alone.
 *
 * The clients check every event: the first has to be `RUN_STARTED`, nothing may be open at the end and nothing follow
 * it, not even `[DONE]`; a type that an older client doesn't know ends the run.
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
import { dataEvent, KEEP_ALIVE, native } from './native.ts'

/** What a client said of the run that it asked for. */
export type AgUiRun = {
  readonly threadId: string
  /** Unique in the thread: what is said in the run has its id. */
  readonly runId: string
  /** Whether the client knows of them, as those do that send a `protocolVersion`. */
  readonly hasSubagents: boolean
}

export const agUi = (asked: AgUiRun): Dialect => ({
  headers: native.headers,
  open: (run) => new AgUiEncoder(run, asked),
})

type Call = Pick<TokenFrame, 'predictor' | 'call'>

class AgUiEncoder implements Encoder {
  readonly end = '' // [DONE] isn't JSON, which is fatal
  readonly keepAlive = KEEP_ALIVE
  readonly #run: RunInfo
  readonly #asked: AgUiRun
  readonly #messages = new Lanes((token) => this.#begin(token))
  readonly #steps = new Set<string>()
  /** Calls of predictors that haven't ended, and the ids of all that have begun: none may begin twice. */
  readonly #subagents = new Map<string, Call>()
  readonly #begun = new Set<string>()
  readonly #usage: object[] = []
  #hasStarted = false

  constructor(run: RunInfo, asked: AgUiRun) {
    this.#run = run
    this.#asked = asked
  }

  encode(frames: readonly Frame[]): string {
    let text = ''
    const { threadId, runId } = this.#asked
    if (!this.#hasStarted) text = dataEvent({ type: 'RUN_STARTED', threadId, runId })
    this.#hasStarted = true
    for (const frame of frames)
      text += frame.type === 'token' ? this.#messages.write(frame) : this.#other(frame)
    return text
  }

  /** A message, and before it the subagent that it is of, unless that has begun. */
  #begin(frame: TokenFrame): LaneEvents {
    const events = isOfAnswer(frame, this.#run.answer) ? this.#answer(frame) : this.#thought(frame)
    return { ...events, start: this.#subagent(frame) + events.start }
  }

  #answer(frame: TokenFrame) {
    const about = this.#about(frame)
    return {
      start: dataEvent({ type: 'TEXT_MESSAGE_START', ...about, role: 'assistant', name: frame.predictor }),
      content: dataEvent({ type: 'TEXT_MESSAGE_CONTENT', ...about, delta: '' }),
      end: dataEvent({ type: 'TEXT_MESSAGE_END', ...about }),
    }
  }

  /** A message in a span of its own: other lanes may begin and end meanwhile. */
  #thought(frame: TokenFrame) {
    const about = this.#about(frame)
    return {
      start:
        dataEvent({ type: 'REASONING_START', ...about }) +
        dataEvent({ type: 'REASONING_MESSAGE_START', ...about, role: 'reasoning' }),
      content: dataEvent({ type: 'REASONING_MESSAGE_CONTENT', ...about, delta: '' }),
      end:
        dataEvent({ type: 'REASONING_MESSAGE_END', ...about }) +
        dataEvent({ type: 'REASONING_END', ...about }),
    }
  }

  #about(frame: TokenFrame) {
    const { runId, hasSubagents } = this.#asked
    return {
      messageId: `${runId}.${laneId(frame)}`,
      ...(hasSubagents && { subagentRunId: this.#idOf(frame) }),
    }
  }

  #idOf({ predictor, call = 1 }: Call): string {
    return `${this.#asked.runId}.${predictor}.${call}`
  }

  /** The beginning of a call's subagent, unless it has begun. */
  #subagent(call: Call): string {
    const subagentRunId = this.#idOf(call)
    if (!this.#asked.hasSubagents || this.#begun.has(subagentRunId)) return ''
    this.#begun.add(subagentRunId)
    this.#subagents.set(subagentRunId, call)
    return dataEvent({ type: 'SUBAGENT_STARTED', subagentRunId, name: call.predictor })
  }

  #other(frame: Exclude<Frame, TokenFrame>): string {
    switch (frame.type) {
      case 'status':
        return this.#status(frame)
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

  #status(frame: StatusFrame): string {
    const { type: _, ...value } = frame
    const status = dataEvent({ type: 'CUSTOM', name: 'status', value })
    const { module, predictor, phase } = frame
    switch (phase) {
      case 'start':
        return this.#enter(module) + status
      case 'end':
        return status + this.#leave(coveredBy(frame)) + this.#exit(module)
      case 'failed':
        return status + this.#cut(frame) + (predictor === undefined ? this.#exit(module) : '')
      default:
        return status
    }
  }

  #enter(module: string): string {
    if (this.#steps.has(module)) return ''
    this.#steps.add(module)
    return dataEvent({ type: 'STEP_STARTED', stepName: module })
  }

  #exit(module: string): string {
    return this.#steps.delete(module) ? dataEvent({ type: 'STEP_FINISHED', stepName: module }) : ''
  }

  /** Says what has failed alone, even if it had said nothing yet. */
  #cut(frame: StatusFrame): string {
    const { module, predictor = module, call, message, code } = frame
    const isCut = coveredBy(frame)
    // Of a part that is made of others, it is its own call that has failed, and not only one of theirs.
    const isTold = frame.predictor === undefined ? isCut : isCallOf({ predictor, call })
    const isSilent = ![...this.#subagents.values()].some(isTold)
    const failure = { message, ...(code !== undefined && { code }) }
    return (isSilent ? this.#subagent({ predictor, call }) : '') + this.#leave(isCut, () => failure)
  }

  /**
   * Ends calls, with all that they have open.
   *
   * @param failureOf what a call has failed of; left out where they have gone well
   */
  #leave(isOne: (call: Call) => boolean, failureOf?: (call: Call) => Failure): string {
    let text = this.#messages.end(isOne)
    for (const [subagentRunId, call] of this.#subagents) {
      if (!isOne(call)) continue
      this.#subagents.delete(subagentRunId)
      text += failureOf
        ? dataEvent({ type: 'SUBAGENT_ERROR', subagentRunId, ...failureOf(call) })
        : dataEvent({ type: 'SUBAGENT_FINISHED', subagentRunId })
    }
    return text
  }

  #count({ model, input_tokens, output_tokens }: UsageFrame): void {
    this.#usage.push({ model, inputTokens: input_tokens, outputTokens: output_tokens })
  }

  #finish({ data, truncated, degraded }: PredictionFrame): string {
    const { threadId, runId } = this.#asked
    return (
      this.#leave(all) +
      [...this.#steps].map((module) => this.#exit(module)).join('') +
      (truncated ? dataEvent({ type: 'CUSTOM', name: 'truncated', value: truncated }) : '') +
      (degraded ? dataEvent({ type: 'CUSTOM', name: 'degraded', value: degraded }) : '') +
      dataEvent({
        type: 'RUN_FINISHED',
        threadId,
        runId,
        result: data,
        outcome: { type: 'success' },
        ...(this.#usage.length > 0 && { usage: this.#usage }),
      })
    )
  }

  #fail({ code, message, predictor }: ErrorFrame): string {
    const failure = { message, code }
    const ofOthers = { message: 'It was ended with the run.' }
    return (
      this.#leave(all, (call) => (call.predictor === predictor ? failure : ofOthers)) +
      dataEvent({ type: 'RUN_ERROR', ...failure })
    )
  }
}

type Failure = { readonly message: string; readonly code?: string }

const all = () => true

const isCallOf = (one: Call) => (other: Call) => other.predictor === one.predictor && other.call === one.call
