/** A run without a terminal to draw on: each field once, when it closes, as text with a label. */
import type { Frame, ResetFrame, StatusFrame, TokenFrame } from '../client/index.ts'
import { harmlessText } from './harmless.ts'
import { notesOf } from './notes.ts'

/** A call that has begun to write. */
type Lane = { readonly label: string; readonly fields: Map<string, string> }

export class PlainLog {
  readonly #write: (text: string) => void
  readonly #lanes = new Map<string, Lane>()

  /** @param write called with whole lines */
  constructor(write: (text: string) => void) {
    this.#write = write
  }

  take(frame: Frame): void {
    if (frame.type === 'status') this.#takeStatus(frame)
    else if (frame.type === 'token') this.#takeToken(frame)
    else if (frame.type === 'reset') this.#takeBack(frame)
    else if (frame.type === 'prediction') for (const note of notesOf(frame)) this.#write(`${note}\n`)
  }

  #takeToken({ predictor, call = 1, field, chunk, is_last }: TokenFrame): void {
    const key = keyOf(predictor, call)
    const label = call === 1 ? predictor : `${predictor} ${call}`
    const lane = this.#lanes.get(key) ?? { label, fields: new Map() }
    this.#lanes.set(key, lane)
    const text = (lane.fields.get(field) ?? '') + chunk
    lane.fields.set(field, text)
    if (is_last) this.#write(`[${label} ${field}] ${harmlessText(text)}\n`)
  }

  /** What is written stays where it is, so a line says that it is void. */
  #takeBack({ keep, message = 'What it wrote is void.' }: ResetFrame): void {
    const kept = new Set(keep.map(({ predictor, call }) => keyOf(predictor, call)))
    for (const [key, { label }] of this.#lanes) {
      if (kept.has(key)) continue
      this.#lanes.delete(key)
      this.#write(`[${label}] ${harmlessText(message)}\n`)
    }
  }

  /** What keeps a call waiting, what a tool says of its work, and what the run goes on without. */
  #takeStatus({ phase, message, module, predictor = module, call = 1 }: StatusFrame): void {
    if (phase === 'waiting') this.#write(`${harmlessText(message)}\n`)
    if (phase !== 'progress' && phase !== 'failed') return
    const label = call === 1 ? predictor : `${predictor} ${call}`
    this.#write(`[${phase === 'failed' ? `${label} failed` : label}] ${harmlessText(message)}\n`)
  }
}

const keyOf = (predictor: string, call: number) => `${predictor} ${call}`
