/**
 * OpenAI's responses, streamed and whole: the part of that interface that keeps nothing between two requests. Each lane is
 * an output item of its own, and items may be written at the same time: the answer is a message, any other lane a
 * reasoning item with one summary. What a status says has no place in it.
 */
import type { ErrorFrame, Frame, PredictionFrame, StatusFrame, TokenFrame } from '../core/frame.ts'
import { answerIn, inPlaceOfAnswer, isOfAnswer } from './answer-text.ts'
import type { Dialect, Encoder, RunInfo, Whole } from './dialect.ts'
import type { Lane } from './in-turn.ts'
import { coveredBy } from './lanes.ts'
import { inJson, KEEP_ALIVE, native, onOneLine } from './native.ts'

/** The dialect of a streamed response. */
export const responses: Dialect = {
  headers: native.headers,
  open: (run) => new EventEncoder(run),
}

/** A response that is answered with at once, when its run is over. */
export function wholeResponse(run: RunInfo): Whole {
  const encoder = new EventEncoder(run)
  return {
    take: (frames) => void encoder.encode(frames),
    answer: ({ data }) => encoder.response(answerIn(data, run.answer)),
  }
}

type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed'

class EventEncoder implements Encoder {
  readonly end = ''
  readonly keepAlive = KEEP_ALIVE

  readonly #run: RunInfo
  /** The events of the batch that is being encoded. */
  #text = ''
  /** The number of the next event. */
  #sequence = 0
  /** In the order in which they began. */
  readonly #items: Item[] = []
  /** Those that aren't over, by lane. */
  readonly #open = new Map<string, Item>()
  /** Of those, the one that wrote last. */
  #latest: Item | undefined
  #usage: { input: number; output: number } | undefined
  #status: Status = 'in_progress'
  #error: ErrorFrame | undefined

  constructor(run: RunInfo) {
    this.#run = run
  }

  encode(frames: readonly Frame[]): string {
    this.#text = ''
    if (this.#sequence === 0 && frames.length > 0) {
      this.#add('response.created', { response: this.response() })
      this.#add('response.in_progress', { response: this.response() })
    }
    for (const frame of frames) this.#take(frame)
    return this.#text
  }

  /**
   * The response as it is now.
   *
   * @param answer stands for what was streamed of it
   */
  response(answer?: string): object {
    const { id, program, createdAt } = this.#run
    const items = answer === undefined ? this.#items : this.#items.filter(({ isAnswer }) => !isAnswer)
    const output = items.map((item) => item.shape)
    if (answer !== undefined) {
      const item = new Item(id, ANSWER, true, items.length)
      item.text = answer
      item.status = 'completed'
      output.push(item.shape)
    }
    return {
      id: `resp_${id}`,
      object: 'response',
      created_at: createdAt,
      status: this.#status,
      error: this.#error ? { code: errorCodeOf(this.#error), message: this.#error.message } : null,
      incomplete_details: this.#status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      model: program,
      output,
      ...UNUSED,
      metadata: this.#error ? { code: this.#error.code, request_id: this.#error.request_id } : {},
      ...(this.#usage && { usage: usageOf(this.#usage) }),
    }
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case 'token':
        this.#write(frame)
        break
      case 'status':
        if (frame.phase === 'failed') this.#tellFailure(frame)
        break
      case 'usage': {
        const { input, output } = this.#usage ?? { input: 0, output: 0 }
        this.#usage = { input: input + frame.input_tokens, output: output + frame.output_tokens }
        break
      }
      case 'prediction':
        this.#complete(frame)
        break
      case 'error':
        this.#closeAll()
        this.#error = frame
        this.#finish('failed')
        break
    }
  }

  #write(frame: TokenFrame): void {
    const item = this.#itemOf(frame)
    if (!item) return
    if (frame.chunk !== '') this.#say(item, frame.chunk)
    if (frame.is_last) this.#close(item, 'completed')
  }

  /** @returns undefined for a lane that has no text yet: its item begins with that */
  #itemOf(frame: TokenFrame): Item | undefined {
    const latest = this.#latest?.lane
    if (latest?.field === frame.field && latest.predictor === frame.predictor && latest.call === frame.call)
      return this.#latest
    const item =
      this.#open.get(keyOf(frame)) ??
      (frame.chunk === '' ? undefined : this.#begin(frame, isOfAnswer(frame, this.#run.answer)))
    this.#latest = item
    return item
  }

  #say(item: Item, text: string): void {
    item.text += text
    this.#text += `${item.deltaHead}${inJson(text)}","sequence_number":${this.#sequence}}\n\n`
    this.#sequence++
  }

  #begin(lane: Lane, isAnswer: boolean): Item {
    const item = new Item(this.#run.id, lane, isAnswer, this.#items.length)
    this.#items.push(item)
    this.#open.set(keyOf(lane), item)
    this.#add('response.output_item.added', { output_index: item.index, item: item.emptyShape })
    this.#add(`${item.partType}.added`, { ...item.place, part: item.part })
    return item
  }

  #close(item: Item, status: Status): void {
    this.#open.delete(keyOf(item.lane))
    this.#latest = undefined
    item.status = status
    this.#add(`${item.textType}.done`, { ...item.place, ...item.logprobs, text: item.text })
    this.#add(`${item.partType}.done`, { ...item.place, part: item.part })
    this.#add('response.output_item.done', { output_index: item.index, item: item.shape })
  }

  #closeAll(): void {
    for (const item of this.#open.values()) this.#close(item, 'incomplete')
  }

  /** A part that failed alone says no more, and its reader is told. */
  #tellFailure(status: StatusFrame): void {
    const { module, predictor = module, call, message } = status
    const isOver = coveredBy(status)
    for (const item of this.#open.values()) {
      if (isOver(item.lane)) this.#close(item, 'incomplete')
    }
    this.#write({ type: 'token', predictor, field: '', call, chunk: message, is_last: true })
  }

  #complete({ data, truncated }: PredictionFrame): void {
    const { answer } = this.#run
    this.#closeAll()
    if (!this.#items.some(({ isAnswer }) => isAnswer)) {
      const text = inPlaceOfAnswer(data, answer)
      const item = this.#begin(answer ?? ANSWER, true)
      if (text !== '') this.#say(item, text)
      this.#close(item, 'completed')
    }
    this.#finish(answer && truncated?.includes(answer.predictor) ? 'incomplete' : 'completed')
  }

  #finish(status: Status): void {
    this.#status = status
    this.#add(`response.${status}`, { response: this.response() })
  }

  #add(type: string, event: object): void {
    this.#text += `event: ${type}\ndata: ${onOneLine({ type, ...event, sequence_number: this.#sequence })}\n\n`
    this.#sequence++
  }
}

/** Whose text stands for the answer of a program that has none. No lane has an empty name. */
const ANSWER: Lane = { predictor: '', field: '' }

const keyOf = ({ predictor, field, call }: Lane) => `${predictor} ${field} ${call}`

/** One lane, as an output item. */
class Item {
  readonly id: string
  readonly lane: Lane
  readonly isAnswer: boolean
  /** Its place among the items. */
  readonly index: number
  text = ''
  status: Status = 'in_progress'
  /** What the event of a delta begins with, up to its text. */
  readonly deltaHead: string

  constructor(run: string, { predictor, field, call }: Lane, isAnswer: boolean, index: number) {
    const names = [predictor, field, call].filter((name) => name !== undefined && name !== '')
    this.id = [isAnswer ? 'msg' : 'rs', run, index, ...(names.length > 0 ? [names.join('.')] : [])].join('_')
    this.lane = { predictor, field, call }
    this.isAnswer = isAnswer
    this.index = index
    const type = `${this.textType}.delta`
    const event = onOneLine({ type, ...this.place, ...this.logprobs, delta: '' })
    this.deltaHead = `event: ${type}\ndata: ${event.slice(0, -'"}'.length)}`
  }

  get partType(): string {
    return this.isAnswer ? 'response.content_part' : 'response.reasoning_summary_part'
  }

  get textType(): string {
    return this.isAnswer ? 'response.output_text' : 'response.reasoning_summary_text'
  }

  /** Which text an event is about. */
  get place(): object {
    const part = this.isAnswer ? { content_index: 0 } : { summary_index: 0 }
    return { item_id: this.id, output_index: this.index, ...part }
  }

  /** What clients want of an answer's text, though there are none. */
  get logprobs(): object {
    return this.isAnswer ? { logprobs: [] } : {}
  }

  get part(): object {
    const { text } = this
    return this.isAnswer
      ? { type: 'output_text', text, annotations: [], logprobs: [] }
      : { type: 'summary_text', text }
  }

  /** The item before its first part. */
  get emptyShape(): object {
    return this.#shapeWith([])
  }

  get shape(): object {
    return this.#shapeWith([this.part])
  }

  #shapeWith(parts: object[]): object {
    const { id, status } = this
    return this.isAnswer
      ? { id, type: 'message', status, role: 'assistant', content: parts }
      : { id, type: 'reasoning', status, summary: parts }
  }
}

/** What a response says of the things that aren't there. Some clients insist on them. */
const UNUSED = {
  instructions: null,
  max_output_tokens: null,
  parallel_tool_calls: false,
  previous_response_id: null,
  store: false,
  temperature: null,
  text: { format: { type: 'text' } },
  tool_choice: 'none',
  tools: [],
  top_p: null,
  truncation: 'disabled',
}

/** The nearest of those that clients know; the run's own is in the metadata. */
function errorCodeOf({ code }: ErrorFrame): string {
  if (code === 'upstream_rate_limited' || code === 'lm_busy') return 'rate_limit_exceeded'
  return code === 'prompt_too_long' ? 'invalid_prompt' : 'server_error'
}

const usageOf = ({ input, output }: { input: number; output: number }) => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: input + output,
})
