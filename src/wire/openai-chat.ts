/**
 * OpenAI's chat completions, streamed and whole. A completion has one text, so the answer is its `content`, and what the
 * other lanes write is its `reasoning_content`, one lane after the other, each below a title.
 */
import type { Frame, PredictionFrame, StatusFrame, TokenFrame, UsageFrame } from '../core/frame.ts'
import type { Answer } from '../core/program.ts'
import { answerIn, inPlaceOfAnswer, isOfAnswer } from './answer-text.ts'
import type { Dialect, Encoder, RunInfo, Whole } from './dialect.ts'
import { InTurn, type Lane } from './in-turn.ts'
import { coveredBy } from './lanes.ts'
import { DONE, dataEvent, inJson, KEEP_ALIVE, native, onOneLine } from './native.ts'
import { errorOf } from './openai-error.ts'

export type ChatOptions = {
  /** Whether a chunk at the end says how many tokens were used, if that is known. */
  readonly includeUsage: boolean
}

/** The dialect of a streamed completion. */
export const chatCompletions = ({ includeUsage }: ChatOptions): Dialect => ({
  headers: native.headers,
  open: (run) => new ChunkEncoder(run, includeUsage),
})

const NO_FINISH = ',"logprobs":null,"finish_reason":null}]'

class ChunkEncoder implements Encoder {
  readonly end = DONE
  readonly keepAlive = KEEP_ALIVE

  /** The events of the batch that is being encoded. */
  #text = ''
  #hasBegun = false
  readonly #voice: OneVoice
  readonly #includeUsage: boolean
  /** What every chunk begins with, and what comes after its delta. */
  readonly #head: string
  readonly #tail: string

  constructor(run: RunInfo, includeUsage: boolean) {
    const about = onOneLine({ ...namesOf(run), object: 'chat.completion.chunk' })
    this.#head = `data: ${about.slice(0, -1)},"choices":[`
    this.#tail = `${NO_FINISH}${includeUsage ? ',"usage":null' : ''}}\n\n`
    this.#includeUsage = includeUsage
    const head = `${this.#head}{"index":0,"delta":`
    const contentHead = `${head}{"content":"`
    const reasoningHead = `${head}{"reasoning_content":"`
    const tail = `"}${this.#tail}`
    this.#voice = new OneVoice(
      run.answer,
      (text) => {
        this.#text += contentHead + inJson(text) + tail
      },
      (text) => {
        this.#text += reasoningHead + inJson(text) + tail
      },
    )
  }

  encode(frames: readonly Frame[]): string {
    this.#text = ''
    if (!this.#hasBegun && frames.length > 0) {
      this.#hasBegun = true
      this.#text = `${this.#head}{"index":0,"delta":{"role":"assistant","content":""}${this.#tail}`
    }
    for (const frame of frames) {
      this.#voice.take(frame)
      if (frame.type === 'status') this.#addStatus(frame)
      else if (frame.type === 'prediction') this.#finish(frame)
      else if (frame.type === 'error') this.#text += dataEvent({ error: errorOf(frame) })
    }
    return this.#text
  }

  /** An empty delta, with what Open WebUI shows as its status line. Other clients pass it over. */
  #addStatus({ message, phase }: StatusFrame): void {
    const done = phase === 'end' || phase === 'failed'
    const event = onOneLine({ type: 'status', data: { description: message, done } })
    this.#text += `${this.#head}{"index":0,"delta":{}${this.#tail.slice(0, -3)},"event":${event}}\n\n`
  }

  #finish(frame: PredictionFrame): void {
    const reason = this.#voice.finishReason(frame)
    const tail = this.#tail.replace('"finish_reason":null', `"finish_reason":"${reason}"`)
    this.#text += `${this.#head}{"index":0,"delta":{}${tail}`
    const { usage } = this.#voice
    if (this.#includeUsage && usage) this.#text += `${this.#head}],"usage":${onOneLine(usage)}}\n\n`
  }
}

/** A completion that is answered with at once, when its run is over. */
export function wholeCompletion(run: RunInfo): Whole {
  let content = ''
  let reasoning = ''
  const voice = new OneVoice(
    run.answer,
    (text) => {
      content += text
    },
    (text) => {
      reasoning += text
    },
  )
  return {
    take(frames) {
      for (const frame of frames) voice.take(frame)
    },
    answer: (prediction) => ({
      ...namesOf(run),
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: answerIn(prediction.data, run.answer) ?? content,
            refusal: null,
            ...(reasoning !== '' && { reasoning_content: reasoning }),
          },
          logprobs: null,
          finish_reason: voice.finishReason(prediction),
        },
      ],
      ...(voice.usage && { usage: voice.usage }),
    }),
  }
}

const namesOf = ({ id, createdAt, program }: RunInfo) => ({
  id: `chatcmpl-${id}`,
  created: createdAt,
  model: program,
})

type Usage = { prompt_tokens: number; completion_tokens: number; total_tokens: number }

/** A run told as an answer and what was thought before it. */
class OneVoice {
  /** What all calls took, as far as their models told. */
  usage: Usage | undefined

  readonly #answer: Answer | undefined
  readonly #content: InTurn
  readonly #reasoning: InTurn
  readonly #sayContent: (text: string) => void
  #hasContent = false
  #hasReasoning = false

  constructor(
    answer: Answer | undefined,
    content: (text: string) => void,
    reasoning: (text: string) => void,
  ) {
    this.#answer = answer
    this.#sayContent = content
    // Its predictor may be called more than once, also at the same time.
    this.#content = new InTurn((text, _lane, isFirst) => {
      if (isFirst && this.#hasContent) content(GAP)
      this.#hasContent = true
      content(text)
    })
    this.#reasoning = new InTurn((text, lane, isFirst) => {
      if (isFirst) reasoning(`${this.#hasReasoning ? GAP : ''}${titleOf(lane)}`)
      this.#hasReasoning = true
      reasoning(text)
    })
  }

  take(frame: Frame): void {
    switch (frame.type) {
      case 'token':
        this.#take(frame)
        break
      case 'usage':
        this.usage = sum(this.usage, frame)
        break
      case 'status':
        if (frame.phase === 'failed') this.#tellFailure(frame)
        break
      case 'error':
        this.#endAll()
        break
      case 'prediction':
        this.#endAll()
        if (!this.#hasContent) this.#sayInPlaceOfAnswer(frame)
        break
    }
  }

  /** Why the answer is over. */
  finishReason({ truncated }: PredictionFrame): 'stop' | 'length' {
    return this.#answer && truncated?.includes(this.#answer.predictor) ? 'length' : 'stop'
  }

  #take(frame: TokenFrame): void {
    if (isOfAnswer(frame, this.#answer)) this.#content.take(frame)
    else this.#reasoning.take(frame)
  }

  /** A part that failed alone says no more, and its reader is told. */
  #tellFailure(status: StatusFrame): void {
    const { module, predictor = module, call, message } = status
    const isOver = coveredBy(status)
    this.#content.end(isOver)
    this.#reasoning.end(isOver)
    const frame = { type: 'token', predictor, field: '', call, chunk: message, is_last: true } as const
    this.#reasoning.take(frame)
  }

  #endAll(): void {
    this.#reasoning.endAll()
    this.#content.endAll()
  }

  #sayInPlaceOfAnswer({ data }: PredictionFrame): void {
    const text = inPlaceOfAnswer(data, this.#answer)
    if (text !== '') this.#sayContent(text)
  }
}

const GAP = '\n\n'

/** No field has an empty name: that is a lane which says what its predictor failed of. */
const titleOf = ({ predictor, field, call }: Lane) =>
  `**${predictor}${call === undefined ? '' : ` (${call})`}${field === '' ? '' : `: ${field}`}**\n\n`

function sum(before: Usage | undefined, { input_tokens, output_tokens }: UsageFrame): Usage {
  const prompt_tokens = (before?.prompt_tokens ?? 0) + input_tokens
  const completion_tokens = (before?.completion_tokens ?? 0) + output_tokens
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
}
