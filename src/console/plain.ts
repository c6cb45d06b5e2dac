/** A run without a terminal to draw on: each field once, when it closes, as text with a label. */
import type { Frame } from '../client/index.ts'
import { harmlessText } from './harmless.ts'

export class PlainLog {
  readonly #write: (text: string) => void
  readonly #fields = new Map<string, string>()

  /** @param write called with whole lines */
  constructor(write: (text: string) => void) {
    this.#write = write
  }

  take(frame: Frame): void {
    if (frame.type === 'status' && frame.phase === 'waiting') this.#write(`${harmlessText(frame.message)}\n`)
    if (frame.type !== 'token') return
    const { predictor, call = 1, field, chunk, is_last } = frame
    const lane = JSON.stringify([predictor, call, field])
    const text = (this.#fields.get(lane) ?? '') + chunk
    this.#fields.set(lane, text)
    if (!is_last) return
    const label = call === 1 ? `${predictor} ${field}` : `${predictor} ${call} ${field}`
    this.#write(`[${label}] ${harmlessText(text)}\n`)
    this.#fields.delete(lane)
  }
}
