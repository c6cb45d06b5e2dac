/**
 * The bytes of a streamed chat completion -> events -> deltas. It finds the events in whatever pieces the network
 * brings: most by the shape of an event read before (`event-shape.ts`), the others with a parser. What an event says is
 * up to `chat-events.ts`.
 */
import { createParser } from 'eventsource-parser'
import { RunError } from '../../core/errors.ts'
import type { Delta, Usage } from '../../core/lm.ts'
import { ChatEvents, type ChatEventsOptions } from './chat-events.ts'
import { EventShape, type TextDelta } from './event-shape.ts'

const LINE_FEED = 0x0a

/** Shapes that may prove useless before no more are learned: in some streams every event has a shape of its own. */
const USELESS_SHAPES = 8

/** Deltas before a shape is learned: the first ones of a completion are the least alike, and the most urgent. */
const UNLEARNED = 2

export type ChatChunksOptions = ChatEventsOptions & {
  /** The longest event, in characters: one that never ends must have a bound. */
  readonly maxEventChars: number
}

export class ChatChunks {
  readonly #options: ChatChunksOptions
  readonly #events: ChatEvents
  readonly #decoder = new TextDecoder()
  readonly #parser: ReturnType<typeof createParser>
  /** Whether the last piece ended where an event ends. False before the first, which may begin with a BOM. */
  #isBetweenEvents = false
  /** Whether the parser holds the beginning of an event. */
  #isWithinEvent = false
  /** The shape of the last event that went through the parser; most events are alike. */
  #shape: EventShape | undefined
  #uselessShapes = 0
  #parsed = 0

  constructor(options: ChatChunksOptions) {
    this.#options = options
    this.#events = new ChatEvents(options)
    this.#parser = createParser({
      maxBufferSize: options.maxEventChars,
      onEvent: ({ event, data }) => this.#events.read(event, data),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') this.#events.fail(new RunError('upstream_too_large'))
      },
    })
  }

  /**
   * Takes one read of the network, in the pieces that HTTP split it into.
   *
   * @returns its deltas in order, without `finish`
   */
  push(pieces: readonly Buffer[]): readonly Delta[] {
    for (const piece of pieces) this.#readText(this.#decode(piece))
    return this.#events.takeDeltas()
  }

  /**
   * The body has ended.
   *
   * @returns the `finish` delta, after those of a last event that had no blank line
   * @throws RunError if the model isn't known to have finished
   */
  end(): readonly Delta[] {
    const deltas = this.isFinished ? [] : this.push([Buffer.from('\n\n')])
    return [...deltas, this.#events.finish()]
  }

  /** The error that ends the completion, after the deltas that {@link push} returned before it. */
  get error(): RunError | undefined {
    return this.#events.error
  }

  /** The upstream has said that it is done. */
  get isDone(): boolean {
    return this.#events.isDone
  }

  /** The model has finished, though usage and `[DONE]` may still come. */
  get isFinished(): boolean {
    return this.#events.isFinished
  }

  get usage(): Usage | undefined {
    return this.#events.usage
  }

  /**
   * Most pieces are whole events, and no character can be split between events. Decoding such a piece by itself is
   * cheaper, and if it is all ASCII, its text takes half the memory and half the time to scan.
   */
  #decode(piece: Buffer): string {
    const wasBetweenEvents = this.#isBetweenEvents
    this.#isBetweenEvents = piece[piece.length - 1] === LINE_FEED && piece[piece.length - 2] === LINE_FEED
    return wasBetweenEvents && this.#isBetweenEvents
      ? piece.toString()
      : this.#decoder.decode(piece, { stream: true })
  }

  #readText(text: string): void {
    for (let at = 0; at < text.length && !this.error; ) {
      if (this.#shape && !this.#isWithinEvent && !this.isFinished) {
        const { deltas } = this.#events
        const known = deltas.length
        at = this.#shape.read(text, at, deltas)
        if (deltas.length > known) this.#uselessShapes = 0
        if (at === text.length) return
      }
      at = this.#parse(text, at)
    }
  }

  /**
   * Parses up to the end of an event, as far as a blank line made of LF shows one, or of the text.
   *
   * @returns where it stopped
   */
  #parse(text: string, at: number): number {
    const blankLine = text.indexOf('\n\n', at)
    const end = blankLine === -1 ? text.length : blankLine + 2
    const event = text.slice(at, end)
    const isWhole = !this.#isWithinEvent && blankLine !== -1
    const known = this.#events.deltas.length
    this.#isWithinEvent = blankLine === -1
    this.#parser.feed(event)
    const [delta, ...more] = this.#events.deltas.slice(known)
    if (isWhole && delta && more.length === 0 && 'text' in delta) this.#learn(event, delta)
    return end
  }

  #learn(event: string, delta: TextDelta): void {
    if (this.#uselessShapes === USELESS_SHAPES || this.#parsed++ < UNLEARNED) return
    this.#uselessShapes++
    this.#shape = EventShape.of(event, delta, (other) => {
      const chunks = new ChatChunks(this.#options)
      chunks.#uselessShapes = USELESS_SHAPES // it must not learn shapes itself
      return chunks.push([Buffer.from(other)])
    })
  }
}
