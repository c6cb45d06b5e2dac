/**
 * The body of a streamed chat completion -> deltas. It sees what SDKs hide: whether the stream ended or broke
 * off, errors in the middle of it, and where one read of the network begins and ends.
 *
 * What upstreams really send: a role-only first delta, empty and null contents, usage with no choices, comments,
 * CRLF, empty events, an error as an event, a finish reason with no `[DONE]` and an open socket, `[DONE]` with no finish
 * reason, which llama-cpp-python also says when it cuts a stream for another one. So `[DONE]` alone is no good end.
 */
import { createParser } from 'eventsource-parser'
import { asRunError, RunError } from '../../core/errors.ts'
import type { Delta, Usage } from '../../core/lm.ts'
import type { Strike } from '../../secrets.ts'
import { addTexts, type Choice, endOf, type FinishReason, isRefusal } from './choice.ts'
import { EventShape, type TextDelta } from './event-shape.ts'
import { jsonValue } from './json-value.ts'
import { upstreamError } from './upstream-errors.ts'
import { clean } from './upstream-words.ts'

/** What we read of a chunk; anything may be absent or null. */
type Chunk = {
  readonly object?: unknown
  readonly model?: unknown
  readonly error?: unknown
  readonly choices?: readonly Choice[] | null
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown } | null
}

/** Characters of a model's name. One that is longer is no name. */
const MODEL_NAME = 200

const LINE_FEED = 0x0a

/** Shapes that may prove useless before no more are learned: in some streams each event has one of its own. */
const USELESS_SHAPES = 8

/** Deltas before a shape is learned: the first of a completion are the least like the others, and the most urgent. */
const UNLEARNED = 2

export type ChatChunksOptions = {
  /** The model's name, for usage that doesn't carry one. */
  readonly model: string
  /** Characters that an event may have, so that one that never ends has a bound. */
  readonly maxEventChars: number
  /** Takes the configured secrets out of the upstream's words. */
  readonly strike: Strike
}

export class ChatChunks {
  readonly #options: ChatChunksOptions
  readonly #decoder = new TextDecoder()
  readonly #parser: ReturnType<typeof createParser>
  /** Whether the last piece ended as events do; not before the first, which may begin with a byte order mark. */
  #isBetweenEvents = false
  /** Whether the parser holds the beginning of an event. */
  #isWithinEvent = false
  /** What the last event that was read in full looks like; most are alike. */
  #shape: EventShape | undefined
  #uselessShapes = 0
  #readInFull = 0
  #deltas: Delta[] = []
  #failure: RunError | undefined
  #finishReason: FinishReason | undefined
  #usage: Usage | undefined
  #isDone = false
  /** Whether nothing has come that is an event, `[DONE]` not counted. */
  #isEmpty = true

  constructor(options: ChatChunksOptions) {
    this.#options = options
    this.#parser = createParser({
      maxBufferSize: options.maxEventChars,
      onEvent: ({ event, data }) => {
        if (!this.#failure && !this.#isDone && data !== '') this.#read(event, data)
      },
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') this.#failure = new RunError('upstream_too_large')
      },
    })
  }

  /**
   * Takes one read of the network, in the pieces that HTTP made of it.
   *
   * @returns its deltas in order, without `finish`
   */
  push(pieces: readonly Buffer[]): readonly Delta[] {
    for (const piece of pieces) this.#readText(this.#decode(piece))
    const deltas = this.#deltas
    this.#deltas = []
    return deltas
  }

  /**
   * Mostly a piece is an event, and between events no character can be cut. Decoding it by itself costs less, and
   * where it is nothing but ASCII its text takes half the room and half the time to look at.
   */
  #decode(piece: Buffer): string {
    const wasBetweenEvents = this.#isBetweenEvents
    this.#isBetweenEvents = piece[piece.length - 1] === LINE_FEED && piece[piece.length - 2] === LINE_FEED
    return wasBetweenEvents && this.#isBetweenEvents
      ? piece.toString()
      : this.#decoder.decode(piece, { stream: true })
  }

  #readText(text: string): void {
    for (let at = 0; at < text.length && !this.#failure; ) {
      if (this.#shape && !this.#isWithinEvent && !this.isFinished) {
        const read = this.#deltas.length
        at = this.#shape.read(text, at, this.#deltas)
        if (this.#deltas.length > read) this.#uselessShapes = 0
        if (at === text.length) return
      }
      at = this.#readProperly(text, at)
    }
  }

  /**
   * Reads on to the end of an event, as far as blank lines of LF alone show one, or of the text.
   *
   * @returns where it stopped
   */
  #readProperly(text: string, at: number): number {
    const blankLine = text.indexOf('\n\n', at)
    const end = blankLine === -1 ? text.length : blankLine + 2
    const event = text.slice(at, end)
    const isWhole = !this.#isWithinEvent && blankLine !== -1
    const known = this.#deltas.length
    this.#isWithinEvent = blankLine === -1
    this.#parser.feed(event)
    const [delta, ...more] = this.#deltas.slice(known)
    if (isWhole && delta && more.length === 0) this.#learn(event, delta as TextDelta)
    return end
  }

  #learn(event: string, delta: TextDelta): void {
    if (this.#uselessShapes === USELESS_SHAPES || this.#readInFull++ < UNLEARNED) return
    this.#uselessShapes++
    this.#shape = EventShape.of(event, delta, (other) => {
      const chunks = new ChatChunks(this.#options)
      chunks.#uselessShapes = USELESS_SHAPES // it is to read, not to learn
      return chunks.push([Buffer.from(other)])
    })
  }

  /** What went wrong, after the deltas that {@link push} gave before it. */
  get failure(): RunError | undefined {
    return this.#failure
  }

  /** The upstream has said that it is done. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** The model has finished, though usage and `[DONE]` may still come. */
  get isFinished(): boolean {
    return this.#isDone || this.#finishReason !== undefined
  }

  get usage(): Usage | undefined {
    return this.#usage
  }

  /**
   * The body has ended.
   *
   * @returns the `finish` delta, after what an event without its blank line still brought
   * @throws RunError where the model isn't known to have finished
   */
  end(): readonly Delta[] {
    const deltas = this.isFinished ? [] : this.push([Buffer.from('\n\n')])
    if (this.#failure) throw this.#failure
    if (this.#finishReason) {
      return [...deltas, { type: 'finish', reason: this.#finishReason, usage: this.#usage }]
    }
    throw new RunError('upstream_truncated', this.#isEmpty ? { message: EMPTY } : {})
  }

  #read(event: string | undefined, data: string): void {
    if (data.trim() === '[DONE]') {
      this.#isDone = true
      return
    }
    this.#isEmpty = false
    const value = jsonValue(data)
    const chunk: Chunk | undefined = Array.isArray(value) ? value[0] : value // Gemini's errors are lists of one
    if (chunk?.usage) this.#usage = this.#usageOf(chunk)
    // After the finish reason only usage counts: whether anything else is still read depends on the network.
    if (this.#finishReason) return
    try {
      if (event === 'error' || chunk?.error || chunk?.object === 'error') throw this.#error(chunk ?? data)
      if (!chunk) throw malformed('an event that is no JSON object')
      this.#take(chunk)
    } catch (thrown) {
      this.#failure = asRunError(thrown)
    }
  }

  #take({ choices }: Chunk): void {
    if (!choices) return
    if (!Array.isArray(choices)) throw malformed('choices that are no list')
    for (const [place, choice] of (choices as readonly (Choice | null)[]).entries()) {
      if (!choice || Number(choice.index ?? place) !== 0) continue // one choice was asked for
      if (choice.error) throw this.#error(choice)
      addTexts(choice, this.#deltas)
      const end = endOf(choice)
      if (typeof end === 'object') throw this.#badEnd(end.failed)
      this.#finishReason = end
    }
  }

  #badEnd(reason: string): RunError {
    const name = clean(reason, this.#options.strike)
    const cause = new Error(`the finish reason '${name}'`)
    if (isRefusal(reason)) {
      const message = `A filter cut the model's answer (${name}). Ask in another way.`
      return new RunError('upstream_refused', { cause, message })
    }
    const message = `The model's endpoint says: the model ended with the finish reason '${name}'`
    return new RunError('upstream_error', { cause, message })
  }

  #error(said: unknown): RunError {
    return upstreamError({ said, cause: said, strike: this.#options.strike })
  }

  /** @returns undefined where the counts are none */
  #usageOf({ model, usage }: Chunk): Usage | undefined {
    const [inputTokens, outputTokens] = [usage?.prompt_tokens, usage?.completion_tokens].map(countOf)
    if (inputTokens === undefined || outputTokens === undefined) return undefined
    const { model: configured, strike } = this.#options
    const isName = typeof model === 'string' && model.length <= MODEL_NAME && strike(model) === model
    return { model: isName ? model : configured, inputTokens, outputTokens }
  }
}

/** What an answer without a single event may mean: llama-cpp-python says so when the prompt is too long. */
const EMPTY =
  "The model's endpoint ended its answer before it began. The prompt may be too long for the model's context."

const malformed = (what: string) => new RunError('upstream_bad_response', { cause: new Error(what) })

/** A count of tokens; 0 where there is none. */
function countOf(tokens: unknown): number | undefined {
  const count = tokens ?? 0
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}
