/**
 * Frames -> bytes: server-sent events of one `data:` line each. LF only, one space, no other fields, since naive
 * readers split at `data: ` and at blank lines.
 */
import type { Frame } from '../core/frame.ts'

export const DONE = 'data: [DONE]\n\n'
export const KEEP_ALIVE = ': keep-alive\n\n'

/** Line ends to Unicode, though not to server-sent events: readers that split by Unicode's rules would break. */
const UNICODE_LINE_ENDS = /[\u0085\u2028\u2029]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Lone surrogates leave as JSON escapes (well-formed JSON.stringify), so the bytes are always valid UTF-8. */
export function encodeFrame(frame: Frame): string {
  return `data: ${JSON.stringify(frame).replace(UNICODE_LINE_ENDS, escaped)}\n\n`
}

/** Each batch of frames as one string, and `[DONE]` at the end. */
export async function* encodeStream(batches: AsyncIterable<readonly Frame[]>): AsyncGenerator<string> {
  for await (const frames of batches) yield frames.map(encodeFrame).join('')
  yield DONE
}
