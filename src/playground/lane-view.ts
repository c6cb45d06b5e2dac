/** One lane: its phase, what it writes, its reasoning folded below, and its error if it failed. */
import {
  elapsed,
  isJson,
  keyOf,
  type Lane,
  lookOf,
  nameOf,
  outputsOf,
  REASONING,
  type RunState,
  standing,
} from '../client/index.ts'
import { copyButton } from './copy-button.ts'
import { el, setAttribute, setText } from './dom.ts'
import { Prose } from './markdown/prose.ts'
import { noticeElement, noticeOfError } from './notice.ts'
import { StickToEnd } from './stick-to-end.ts'
import { StreamedText } from './streamed-text.ts'
import { wait } from './words.ts'

export type LaneOptions = {
  readonly lane: Lane
  readonly isAnswer: boolean
  readonly askAgain: () => void
}

export class LaneView {
  readonly element: HTMLElement
  readonly #standing = el('span', 'standing')
  readonly #message = el('span', 'message')
  readonly #clock = el('span', 'clock')
  readonly #body = el('div', 'body')
  readonly #copy: HTMLButtonElement
  readonly #end: StickToEnd
  readonly #outputs = new Map<string, StreamedText | Prose>()
  readonly #reasoning = new StreamedText()
  readonly #reasoningLabel = el('summary', '', REASONING)
  readonly #fold = el('details', 'reasoning', this.#reasoningLabel, this.#reasoning.element)
  readonly #notes = el('div', 'notes')
  readonly #figures = el('p', 'figures')
  readonly #askAgain: () => void
  #lane: Lane
  #shown: Lane | undefined

  constructor({ lane, isAnswer, askAgain }: LaneOptions) {
    this.#lane = lane
    this.#askAgain = askAgain
    const title = el('h2', '', nameOf(lane))
    title.id = `lane ${keyOf(lane)}`.replaceAll(' ', '-')
    this.#copy = copyButton(nameOf(lane), () => this.#text())
    const head = el('header', 'head', title, this.#clock, this.#copy)
    const mark = el('span', 'mark')
    mark.ariaHidden = 'true'
    const status = el('p', 'status', mark, this.#standing, this.#message)
    this.element = el(
      'section',
      isAnswer ? 'lane answer' : 'lane',
      head,
      status,
      this.#body,
      this.#notes,
      this.#fold,
      this.#figures,
    )
    this.element.setAttribute('aria-labelledby', title.id)
    // It scrolls, so it must be reachable by keyboard.
    this.#body.tabIndex = 0
    this.#body.role = 'group'
    this.#body.setAttribute('aria-labelledby', title.id)
    this.#fold.hidden = true
    this.#end = new StickToEnd(this.#body)
  }

  show(lane: Lane, now: number): void {
    setText(this.#clock, elapsed(lane, now))
    if (lane === this.#shown) return
    this.#lane = lane
    setAttribute(this.element, 'data-phase', lookOf(lane))
    setText(this.#standing, standing(lane))
    const isOver = lane.phase === 'stopped' || (lane.phase === 'failed' && !lane.failedAlone)
    setText(this.#message, isOver ? '' : (lane.message ?? ''))
    if (lane.attempt !== (this.#shown?.attempt ?? 1)) this.#clearTexts()
    this.#showTexts(lane)
    setText(this.#figures, figures(lane))
    this.#shown = lane
  }

  /** Shows what is known only once the run is over. */
  showEnd(lane: Lane, { error, truncated }: RunState): void {
    if (error && lane.phase === 'failed' && !lane.failedAlone)
      this.#notes.append(noticeElement(noticeOfError(error), this.#askAgain))
    if (truncated.includes(lane.predictor)) {
      const message = 'The model ran into its token limit: this text ends early.'
      this.#notes.append(noticeElement({ kind: 'cut', message, mayAskAgain: false }, this.#askAgain))
    }
  }

  /** Call this last in an animation frame. */
  keepUp(): void {
    this.#end.keepUp()
  }

  #clearTexts(): void {
    for (const output of this.#outputs.values()) output.clear()
    this.#reasoning.clear()
    this.#fold.hidden = true
  }

  #showTexts(lane: Lane): void {
    const outputs = outputsOf(lane)
    this.#copy.hidden = outputs.every(([, { text }]) => text === '')
    for (const [name, { text, isClosed }] of outputs) {
      let output = this.#outputs.get(name)
      if (!output) {
        output = isJson(lane, name) ? new StreamedText() : new Prose()
        output.element.classList.toggle('json', isJson(lane, name))
        this.#outputs.set(name, output)
        if (outputs.length > 1) this.#body.append(el('h3', '', name))
        this.#body.append(output.element)
      }
      output.show(text, isClosed || lane.endedAt !== undefined)
    }
    const reasoning = lane.fields[REASONING]
    if (!reasoning || reasoning.text === '') return
    this.#fold.hidden = false
    this.#reasoning.show(reasoning.text)
    setText(this.#reasoningLabel, `${REASONING} (${reasoning.text.length.toLocaleString('en')} characters)`)
  }

  /** What it has written: the bare text of a single field, or several fields under their names. */
  #text(): string {
    const outputs = outputsOf(this.#lane)
    return outputs.length === 1
      ? (outputs[0]?.[1].text ?? '')
      : outputs.map(([name, { text }]) => `${name}:\n${text}`).join('\n\n')
  }
}

function figures({ startedAt, firstTokenAt, usage }: Lane): string {
  const parts: string[] = []
  if (startedAt !== undefined && firstTokenAt !== undefined) {
    parts.push(`first token after ${wait(firstTokenAt - startedAt)}`)
  }
  if (usage) {
    parts.push(`${usage.input_tokens.toLocaleString('en')} tokens in`)
    parts.push(`${usage.output_tokens.toLocaleString('en')} out`)
    const writing = usage.duration_ms - usage.first_token_ms
    if (writing >= 100) parts.push(`${Math.round((usage.output_tokens / writing) * 1000)} a second`)
  }
  return parts.join(' · ')
}
