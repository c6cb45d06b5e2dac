/**
 * The native dialect: the frames themselves, as server-sent events of one `data:` line each. LF only, one space and no
 * other fields, because naive readers split at `data: ` and at blank lines.
 */
import type { Frame, TokenFrame } from '../core/frame.ts'
import type { Dialect, Encoder } from './dialect.ts'

export const DONE = 'data: [DONE]\n\n'
export const KEEP_ALIVE = ': keep-alive\n\n'

/** Line ends in Unicode but not in server-sent events. They would break readers that split by Unicode's rules. */
const UNICODE_LINE_ENDS = /[\u0085\u2028\u2029]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * JSON on one line, by anybody's rules. Lone surrogates leave as JSON escapes (well-formed JSON.stringify), so the
 * bytes are always valid UTF-8.
 */
export const onOneLine = (value: unknown) => JSON.stringify(value).replace(UNICODE_LINE_ENDS, escaped)

/** Anything as an event of one line of data. */
export const dataEvent = (value: object): string => `data: ${onOneLine(value)}\n\n`

/** One frame as an event. */
export const encodeFrame = (frame: Frame): string => dataEvent(frame)

export const native: Dialect = {
  headers: {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no', // nginx would buffer the frames
  },
  open: () => new FrameEncoder(),
}

/** Encodes the frames of one stream. */
export class FrameEncoder implements Encoder {
  readonly end = DONE
  readonly keepAlive = KEEP_ALIVE
  readonly #events = new FrameTexts('data: ', '\n\n')

  /** A batch as one string, with an event for each frame. */
  encode(frames: readonly Frame[]): string {
    let text = ''
    for (const frame of frames) text += this.#events.of(frame)
    return text
  }
}

/**
 * The JSON of each frame of one stream, between two texts. Nearly all are tokens, and most are of the same lane as the one
 * before.
 */
export class FrameTexts {
  readonly #before: string
  readonly #after: string

  /** A token frame of the lane whose head and tail are known. */
  #lane: TokenFrame | undefined
  /** What comes before and after a chunk's text in that lane, including its quotes. */
  #head = ''
  #tail = ''

  constructor(before = '', after = '') {
    this.#before = before
    this.#after = after
  }

  of(frame: Frame): string {
    if (frame.type !== 'token' || frame.is_last) return this.#before + onOneLine(frame) + this.#after
    if (!this.#isInLane(frame)) this.#enterLane(frame)
    return this.#head + inJson(frame.chunk) + this.#tail
  }

  #isInLane({ field, predictor, call }: TokenFrame): boolean {
    const lane = this.#lane
    return lane?.field === field && lane.predictor === predictor && lane.call === call
  }

  #enterLane(frame: TokenFrame): void {
    this.#lane = frame
    const text = this.#before + onOneLine({ ...frame, chunk: '' }) + this.#after
    const at = text.indexOf('"chunk":""') + '"chunk":"'.length // inside a string, these quotes would be escaped
    this.#head = text.slice(0, at)
    this.#tail = text.slice(at)
  }
}

/** A text as it appears between the quotes of a JSON string. Checking each character is faster than a search. */
export function inJson(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return onOneLine(text).slice(1, -1)
  }
  return text
}
