/**
 * A run on the page: its lanes as columns, the lane of the answer below them at full width, and the timeline.
 * It is built from the program's description and the frames alone; nothing here knows a predictor by name.
 */
import { keyOf, type Lane, type RunState } from '../client/index.ts'
import type { Announcer } from './announcer.ts'
import { BringIntoView, type JumpLink } from './answer-in-view.ts'
import { AskedView, type RunActions } from './asked-view.ts'
import { el, setText } from './dom.ts'
import { Folds } from './folds.ts'
import { keepRowsFull } from './lane-grid.ts'
import { LaneView } from './lane-view.ts'
import { noticeElement, noticeOfRun } from './notice.ts'
import type { Reader } from './reader.ts'
import { hasOwnOutputs, resultElement } from './result-view.ts'
import type { RunEnd } from './run-record.ts'
import type { ShownRun } from './shown-run.ts'
import { Timeline } from './timeline.ts'

export type RunSurroundings = {
  readonly announcer: Announcer
  readonly reader: Reader
  readonly jumpLink: JumpLink
  readonly askAgain: () => void
  /** Turns to the service again about this run. */
  readonly tryAgain: () => void
  readonly actions: RunActions
  /** Whether the reader watches it come. What is over already is neither announced nor scrolled to. */
  readonly isWatched: boolean
}

/** How many there have been: two runs beside each other have the same lanes, and an id is that of one element. */
let views = 0

export class RunView {
  readonly run: ShownRun
  readonly element: HTMLElement
  readonly #surroundings: RunSurroundings
  readonly #asked: AskedView
  readonly #noticePlace = el('div', 'notice-place')
  readonly #connection = el('p', 'connection')
  readonly #columns = el('div', 'columns')
  readonly #answers = el('div', 'answers')
  readonly #id = `run-${++views}`
  readonly #timeline = new Timeline()
  readonly #lanes = new Map<string, LaneView>()
  readonly #folds: Folds
  readonly #bringIntoView = new BringIntoView()
  #hasAnswerBegun = false
  #isOver = false
  /** The end that its notice tells of. */
  #toldEnd: RunEnd | undefined
  #least = 0

  constructor(run: ShownRun, surroundings: RunSurroundings) {
    this.run = run
    this.#surroundings = surroundings
    this.#asked = new AskedView(run, surroundings.actions)
    this.element = el(
      'section',
      'run',
      this.#asked.element,
      this.#noticePlace,
      this.#connection,
      this.#timeline.element,
      this.#columns,
      this.#answers,
    )
    this.#noticePlace.role = 'status' // it is read out when something comes into it
    this.#connection.role = 'status'
    this.#folds = new Folds(this.#columns)
    keepRowsFull(this.#columns)
    surroundings.jumpLink.show(undefined)
  }

  /** Whether its end has been shown, as it is known now. */
  get isOver(): boolean {
    return this.#isOver && this.#toldEnd === this.run.record.end
  }

  /**
   * @param index which of the runs beside each other it is, from 0
   * @param neighbours how many there are
   * @param longest of which the longest took so long until now, in milliseconds: their timelines have one scale
   */
  place(index: number, neighbours: number, longest: number): void {
    this.element.ariaLabel = neighbours === 1 ? 'The run' : `Run ${index + 1} of ${neighbours}`
    this.#asked.show(this.run.folding.state.phase !== 'running', neighbours > 1)
    const least = neighbours > 1 ? longest : 0
    if (least === this.#least) return
    this.#least = least
    const { state } = this.run.folding
    this.#timeline.show(state, this.run.now, { prices: this.#program.prices, least })
  }

  focus(): void {
    this.#asked.focus()
  }

  /** Shows the run as it is. Called once per animation frame. */
  show(): void {
    const { run } = this
    const { state, happenings } = run.folding
    const { now } = run
    if (this.#lanes.size !== state.lanes.length) this.#addLanes(state.lanes)
    this.#timeline.show(state, now, { prices: this.#program.prices, least: this.#least })
    for (const lane of state.lanes)
      this.#lanes.get(keyOf(lane))?.show(lane, state, now, happenings.get(keyOf(lane)))
    this.#showAnswer(state)
    setText(this.#connection, run.isCut && state.phase === 'running' ? 'Connection lost; trying again…' : '')
    if (state.phase !== 'running') {
      if (!this.#isOver) this.#showEnd(state)
      this.#showNotice()
    }
    if (this.#surroundings.isWatched) this.#surroundings.announcer.tell(state, this.#program.answer)
  }

  /** Shows what is known only once the run is over. */
  #showEnd(state: RunState): void {
    this.#isOver = true
    for (const lane of state.lanes) this.#lanes.get(keyOf(lane))?.showEnd(lane, state)
    if (state.prediction && hasOwnOutputs(this.#program)) {
      this.#answers.append(resultElement(state.prediction, `${this.#id}-result`))
    }
  }

  #showNotice(): void {
    const { askAgain, tryAgain } = this.#surroundings
    this.#toldEnd = this.run.record.end
    const notice = noticeOfRun(this.run)
    this.#noticePlace.replaceChildren(...(notice ? [noticeElement(notice, askAgain, tryAgain)] : []))
  }

  /** Scrolls to what the reader wants to see. Call this last in an animation frame. */
  keepUp(): void {
    this.#folds.keepUp()
    for (const lane of this.#lanes.values()) lane.keepUp()
    if (this.#surroundings.reader.hasMoved) this.#bringIntoView.end()
    this.#bringIntoView.keepUp()
  }

  get #program() {
    return this.run.record.program
  }

  #isAnswer({ predictor }: Lane): boolean {
    return predictor === this.#program.answer?.predictor
  }

  /** When the answer begins, the reader's eye goes there, unless they are reading something else. */
  #showAnswer({ lanes }: RunState): void {
    if (this.#hasAnswerBegun) return
    const begun = lanes.find((lane) => this.#isAnswer(lane) && lane.firstTokenAt !== undefined)
    const view = begun && this.#lanes.get(keyOf(begun))
    if (!view) return
    this.#hasAnswerBegun = true
    const { reader, jumpLink, isWatched } = this.#surroundings
    jumpLink.show(view.element)
    if (!isWatched) this.#folds.begin()
    if (!isWatched || reader.isElsewhere(this.#columns)) return
    this.#folds.begin()
    this.#bringIntoView.begin(view.element)
  }

  #addLanes(lanes: readonly Lane[]): void {
    let before: Element | undefined
    for (const lane of lanes) {
      const isAnswer = this.#isAnswer(lane)
      const container = isAnswer ? this.#answers : this.#columns
      let view = this.#lanes.get(keyOf(lane))
      if (!view) {
        const { askAgain } = this.#surroundings
        view = new LaneView({
          lane,
          isAnswer,
          idPrefix: this.#id,
          prices: this.#program.prices,
          askAgain,
          onFold: () => this.#folds.show(),
        })
        this.#lanes.set(keyOf(lane), view)
        if (!isAnswer) this.#folds.add(view)
        if (before?.parentElement === container) before.after(view.element)
        else container.append(view.element)
      }
      before = view.element
    }
  }
}
