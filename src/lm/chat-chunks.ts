/**
 * The body of a streamed chat completion -> deltas. It sees what SDKs hide: whether the stream ended or broke
 * off, errors in the middle of it, and where one read of the network begins and ends.
 *
 * What upstreams really send: a role-only first delta, empty and null contents, usage with no choices, comments,
 * CRLF, empty events, reasoning under two names, an error as an event, a finish reason with no `[DONE]` and an
 * open socket, `[DONE]` with no finish reason.
 */
import { createParser } from 'eventsource-parser'
import { RunError } from '../core/errors.ts'
import { EventShape, type TextDelta } from './event-shape.ts'
import type { Delta, Usage } from './lm.ts'
import { upstreamError } from './upstream-words.ts'

/** What we read of a chunk; anything may be absent or null. */
type Chunk = {
  readonly model?: string
  readonly error?: unknown
  readonly choices?: readonly {
    readonly delta?: {
      readonly content?: unknown
      readonly reasoning?: unknown
      readonly reasoning_content?: unknown
    }
    readonly finish_reason?: string | null
  }[]
  readonly usage?: {
    readonly prompt_tokens?: number | null
    readonly completion_tokens?: number | null
  } | null
}

/** Finish reasons that say that the model did not finish. Every other one but `length` is a good end. */
const BAD_ENDS: ReadonlySet<string> = new Set(['abort', 'error', 'content_filter', 'cancelled'])

const LINE_FEED = 0x0a

/** Shapes that may prove useless before no more are learned: in some streams each event has one of its own. */
const USELESS_SHAPES = 8

/** Deltas before a shape is learned: the first of a completion are the least like the others, and the most urgent. */
const UNLEARNED = 2

export class ChatChunks {
  readonly #model: string
  readonly #maxEventChars: number
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
  #finishReason: 'stop' | 'length' | undefined
  #usage: Usage | undefined
  #isDone = false

  /**
   * @param model its name, for usage that doesn't carry one
   * @param maxEventChars what an event may have, so that one that never ends has a bound
   */
  constructor(model: string, maxEventChars: number) {
    this.#model = model
    this.#maxEventChars = maxEventChars
    this.#parser = createParser({
      maxBufferSize: maxEventChars,
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
      const chunks = new ChatChunks(this.#model, this.#maxEventChars)
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
   * @returns the `finish` delta, behind what an event without its blank line still brought
   * @throws RunError where the model didn't finish
   */
  end(): readonly Delta[] {
    const deltas = this.isFinished ? [] : this.push([Buffer.from('\n\n')])
    if (this.#failure) throw this.#failure
    if (!this.isFinished) throw new RunError('upstream_truncated')
    return [...deltas, { type: 'finish', reason: this.#finishReason ?? 'stop', usage: this.#usage }]
  }

  #read(event: string | undefined, data: string): void {
    if (data === '[DONE]') {
      this.#isDone = true
      return
    }
    const chunk = jsonObject(data) as Chunk | undefined
    if (chunk?.usage) this.#usage = this.#usageOf(chunk)
    // Behind the finish reason only usage counts: whether anything else is still read depends on the network.
    if (this.#finishReason) return
    if (event === 'error' || chunk?.error) this.#failure = upstreamError(chunk?.error ?? chunk ?? data)
    else if (chunk) this.#take(chunk)
    else this.#failure = new RunError('upstream_bad_response', { cause: 'an event that is no JSON object' })
  }

  #usageOf({ model, usage }: Chunk): Usage {
    return {
      model: model ?? this.#model,
      inputTokens: usage?.prompt_tokens ?? 0,
      outputTokens: usage?.completion_tokens ?? 0,
    }
  }

  #take(chunk: Chunk): void {
    const choice = chunk.choices?.[0]
    if (!choice) return
    this.#addText('reasoning', choice.delta?.reasoning || choice.delta?.reasoning_content)
    this.#addText('text', choice.delta?.content)
    const reason = choice.finish_reason
    if (!reason) return
    if (BAD_ENDS.has(reason))
      this.#failure = upstreamError(`the model ended with the finish reason '${reason}'`)
    else this.#finishReason = reason === 'length' ? 'length' : 'stop'
  }

  #addText(type: 'text' | 'reasoning', text: unknown): void {
    if (typeof text === 'string' && text !== '') this.#deltas.push({ type, text })
  }
}

/** What a text holds, if that is a JSON object. */
export function jsonObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
