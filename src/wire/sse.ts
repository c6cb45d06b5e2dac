/**
 * Frames -> bytes: server-sent events of one `data:` line each. LF only, one space, no other fields, since naive
 * readers split at `data: ` and at blank lines.
 */
import type { Frame, TokenFrame } from '../core/frame.ts'

export const DONE = 'data: [DONE]\n\n'
export const KEEP_ALIVE = ': keep-alive\n\n'

/** Line ends to Unicode, though not to server-sent events: readers that split by Unicode's rules would break. */
const UNICODE_LINE_ENDS = /[\u0085\u2028\u2029]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * JSON on one line, whoever splits it. Lone surrogates leave as JSON escapes (well-formed JSON.stringify), so the
 * bytes are always valid UTF-8.
 */
const json = (value: unknown) => JSON.stringify(value).replace(UNICODE_LINE_ENDS, escaped)

/** One frame as an event. */
export function encodeFrame(frame: Frame): string {
  return `data: ${json(frame)}\n\n`
}

/** Encodes the frames of one stream: nearly all of them are tokens, and most of the lane that the last was of. */
export class FrameEncoder {
  #field: string | undefined
  #predictor: string | undefined
  #call: number | undefined
  /** What stands before and after the chunk in a token frame of this lane. */
  #head = ''
  #tail = ''

  /** Each of a batch as an event, all in one string. */
  encode(frames: readonly Frame[]): string {
    let text = ''
    for (const frame of frames) text += frame.type === 'token' ? this.#token(frame) : encodeFrame(frame)
    return text
  }

  #token(frame: TokenFrame): string {
    if (frame.is_last) return encodeFrame(frame)
    const { field, predictor, call, chunk } = frame
    if (field !== this.#field || predictor !== this.#predictor || call !== this.#call) {
      this.#field = field
      this.#predictor = predictor
      this.#call = call
      const [head, tail] = encodeFrame({ ...frame, chunk: '' }).split('"chunk":""') as [string, string]
      this.#head = `${head}"chunk":`
      this.#tail = tail
    }
    return this.#head + (isPlain(chunk) ? `"${chunk}"` : json(chunk)) + this.#tail
  }
}

/** Whether a text stands in JSON as it is, between quotes. A look at each character is quicker than a search. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false
  }
  return true
}
