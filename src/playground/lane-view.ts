/**
 * One lane: its phase, its reasoning on a line that opens, what it writes, and its error if it failed. It folds to a
 * single line, so that others have the room.
 */
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
  titleOf,
} from '../client/index.ts'
import { copyButton } from './copy-button.ts'
import { button, el, setAttribute, setText } from './dom.ts'
import { laneFigures, type Prices } from './figures.ts'
import { JsonText } from './json-text.ts'
import { Prose } from './markdown/prose.ts'
import { noticeElement, noticeOfError } from './notice.ts'
import { StickToEnd } from './stick-to-end.ts'
import { firstWords, lastWords, Thinking } from './thinking.ts'
import { withoutPointers } from './words.ts'

export type LaneOptions = {
  readonly lane: Lane
  readonly isAnswer: boolean
  /** Unlike that of any other run on the page. */
  readonly idPrefix: string
  readonly prices: Prices | undefined
  readonly askAgain: () => void
  /** Called when the reader has opened or folded it. */
  readonly onFold: () => void
}

export class LaneView {
  readonly element: HTMLElement
  readonly #title: string
  readonly #standing = el('span', 'standing')
  readonly #tries = el('span', 'tries')
  readonly #message = el('span', 'message')
  readonly #happenings = el('ul', 'happenings')
  readonly #summary = el('span', 'summary')
  readonly #clock = el('span', 'clock')
  readonly #body = el('div', 'body')
  readonly #copy: HTMLButtonElement
  readonly #toggle: HTMLButtonElement
  readonly #end: StickToEnd
  readonly #outputs = new Map<string, JsonText | Prose>()
  readonly #thinking = new Thinking()
  readonly #notes = el('div', 'notes')
  readonly #figures = el('p', 'figures')
  readonly #prices: Prices | undefined
  readonly #askAgain: () => void
  #lane: Lane
  #shown: Lane | undefined
  #truncated: readonly string[] = []
  #isFolded = false

  constructor({ lane, isAnswer, idPrefix, prices, askAgain, onFold }: LaneOptions) {
    this.#lane = lane
    this.#prices = prices
    this.#askAgain = askAgain
    this.#title = titleOf(lane, isAnswer)
    const title = el('h2', '', this.#title)
    title.id = `${idPrefix} ${keyOf(lane)}`.replaceAll(' ', '-')
    this.#copy = copyButton(isAnswer ? 'the answer' : this.#title, () => this.#text())
    this.#toggle = button('quiet toggle', '', () => {
      this.fold(!this.#isFolded)
      onFold()
    })
    this.#toggle.hidden = true
    const by = isAnswer ? [el('span', 'by', nameOf(lane))] : []
    const head = el('header', 'head', title, ...by, this.#clock, this.#copy, this.#toggle)
    const mark = el('span', 'mark')
    mark.ariaHidden = 'true'
    const status = el('p', 'status', mark, this.#standing, this.#tries, this.#message, this.#summary)
    this.element = el(
      'section',
      isAnswer ? 'lane answer' : 'lane',
      head,
      status,
      this.#happenings,
      this.#thinking.element,
      this.#body,
      this.#notes,
      this.#figures,
    )
    this.element.dataset.lane = nameOf(lane)
    this.element.setAttribute('aria-labelledby', title.id)
    // It scrolls, so it must be reachable by keyboard.
    this.#body.tabIndex = 0
    this.#body.role = 'group'
    this.#body.setAttribute('aria-labelledby', title.id)
    this.#end = new StickToEnd(this.#body)
  }

  get isFolded(): boolean {
    return this.#isFolded
  }

  /** @param happenings what has happened in it so far, in words */
  show(lane: Lane, { truncated }: RunState, now: number, happenings: readonly string[] = []): void {
    setText(this.#clock, elapsed(lane, now))
    if (lane === this.#shown && truncated === this.#truncated) return
    this.#lane = lane
    this.#truncated = truncated
    setAttribute(this.element, 'data-phase', lookOf(lane, truncated))
    setText(this.#standing, standing(lane, truncated))
    const isOver =
      lane.phase === 'stopped' || lane.phase === 'cut' || (lane.phase === 'failed' && !lane.failedAlone)
    const { message = '' } = lane
    // The reason for a new attempt stands below, as soon as there is more to say than that.
    const isToldBelow = lane.phase !== 'waiting' && happenings.some((words) => words.endsWith(message))
    setText(this.#message, isOver || isToldBelow ? '' : withoutPointers(message))
    this.#showHappenings(lane, happenings)
    if (lane.attempt !== (this.#shown?.attempt ?? 1)) this.#clearTexts()
    this.#showTexts(lane)
    this.#showSummary()
    setText(this.#figures, laneFigures(lane, this.#prices))
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

  /** Folds it to a line, or opens it again. From the first time on, it has a button that does the same. */
  fold(isFolded: boolean): void {
    this.#isFolded = isFolded
    this.element.classList.toggle('folded', isFolded)
    this.#toggle.hidden = false
    this.#toggle.ariaExpanded = String(!isFolded)
    setText(this.#toggle, isFolded ? 'Open' : 'Fold')
    this.#toggle.ariaLabel = `${this.#toggle.textContent} ${this.#title}`
    this.#showSummary()
    // Browsers remember where a box was scrolled to while it isn't laid out.
    if (!isFolded && this.#lane.endedAt !== undefined) this.#body.scrollTop = 0
  }

  /** Goes back to the beginning of a text that is over, if its reader was following its end. */
  rewind(): void {
    if (this.#lane.endedAt !== undefined) this.#end.release()
  }

  /** Call this last in an animation frame. */
  keepUp(): void {
    this.#end.keepUp()
  }

  #showHappenings({ attempt, waits }: Lane, happenings: readonly string[]): void {
    const tries = [
      ...(attempt > 1 ? [`attempt ${attempt}`] : []),
      ...(waits > 0 ? [waits === 1 ? 'held up once' : `held up ${waits} times`] : []),
    ]
    setText(this.#tries, tries.join(', '))
    for (const words of happenings.slice(this.#happenings.childElementCount)) {
      this.#happenings.append(el('li', '', withoutPointers(words)))
    }
  }

  #clearTexts(): void {
    for (const output of this.#outputs.values()) output.clear()
    this.#thinking.clear()
  }

  #showTexts(lane: Lane): void {
    const outputs = outputsOf(lane)
    const hasText = outputs.some(([, { text }]) => text !== '')
    this.#copy.hidden = !hasText
    for (const [name, { text, isClosed }] of outputs) {
      let output = this.#outputs.get(name)
      if (!output) {
        output = isJson(lane, name) ? new JsonText() : new Prose()
        this.#outputs.set(name, output)
        if (outputs.length > 1) this.#body.append(el('h3', '', name))
        this.#body.append(output.element)
      }
      output.show(text, isClosed || lane.endedAt !== undefined)
    }
    const goesOn = lane.phase === 'streaming' && !hasText
    this.#thinking.show(lane.fields[REASONING]?.text ?? '', goesOn)
  }

  /** The line that stands for its text: how it begins, or while it is being written, how it goes on. */
  #showSummary(): void {
    if (!this.#isFolded) return
    const text = outputsOf(this.#lane)
      .map(([, { text }]) => text)
      .join(' ')
    setText(this.#summary, this.#lane.endedAt === undefined ? lastWords(text) : firstWords(text))
  }

  /** What it has written: the bare text of a single field, or several fields under their names. */
  #text(): string {
    const outputs = outputsOf(this.#lane)
    return outputs.length === 1
      ? (outputs[0]?.[1].text ?? '')
      : outputs.map(([name, { text }]) => `${name}:\n${text}`).join('\n\n')
  }
}
