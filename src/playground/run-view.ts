/**
 * A run on the page: its lanes as columns, the lane of the answer below them at full width, and the timeline.
 * It is built from the program's description and the frames alone; nothing here knows a predictor by name.
 */
import { keyOf, type Lane, type RunState } from '../client/index.ts'
import type { Announcer } from './announcer.ts'
import { BringIntoView, type JumpLink } from './answer-in-view.ts'
import { AskedView, type RunActions } from './asked-view.ts'
import { el } from './dom.ts'
import { Folds } from './folds.ts'
import { keepRowsFull } from './lane-grid.ts'
import { LaneView } from './lane-view.ts'
import { noticeElement, noticeOfRun } from './notice.ts'
import type { Reader } from './reader.ts'
import { hasOwnOutputs, resultElement } from './result-view.ts'
import type { ShownRun } from './run-record.ts'
import { Timeline } from './timeline.ts'

export type RunSurroundings = {
  readonly announcer: Announcer
  readonly reader: Reader
  readonly jumpLink: JumpLink
  readonly askAgain: () => void
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
  readonly #columns = el('div', 'columns')
  readonly #answers = el('div', 'answers')
  readonly #id = `run-${++views}`
  readonly #timeline = new Timeline()
  readonly #lanes = new Map<string, LaneView>()
  readonly #folds: Folds
  readonly #bringIntoView = new BringIntoView()
  #hasAnswerBegun = false
  #isOver = false

  constructor(run: ShownRun, surroundings: RunSurroundings) {
    this.run = run
    this.#surroundings = surroundings
    this.#asked = new AskedView(run, surroundings.actions)
    this.element = el(
      'section',
      'run',
      this.#asked.element,
      this.#noticePlace,
      this.#timeline.element,
      this.#columns,
      this.#answers,
    )
    this.#folds = new Folds(this.#columns)
    keepRowsFull(this.#columns)
    surroundings.jumpLink.show(undefined)
  }

  /** Whether its end has been shown. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** @param neighbours how many runs stand beside each other, and which of them this one is, from 0 */
  place(index: number, neighbours: number): void {
    this.element.ariaLabel = neighbours === 1 ? 'The run' : `Run ${index + 1} of ${neighbours}`
    this.#asked.show(this.run.folding.state.phase !== 'running', neighbours > 1)
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
    this.#timeline.show(state, now, this.#program.prices)
    for (const lane of state.lanes)
      this.#lanes.get(keyOf(lane))?.show(lane, state, now, happenings.get(keyOf(lane)))
    this.#showAnswer(state)
    if (state.phase !== 'running' && !this.#isOver) this.#showEnd(state)
    if (this.#surroundings.isWatched) this.#surroundings.announcer.tell(state, this.#program.answer)
  }

  /** Shows what is known only once the run is over. */
  #showEnd(state: RunState): void {
    this.#isOver = true
    for (const lane of state.lanes) this.#lanes.get(keyOf(lane))?.showEnd(lane, state)
    if (state.prediction && hasOwnOutputs(this.#program)) {
      this.#answers.append(resultElement(state.prediction, `${this.#id}-result`))
    }
    const notice = noticeOfRun(this.run)
    const { announcer, askAgain, isWatched } = this.#surroundings
    if (!notice) return
    this.#noticePlace.replaceChildren(noticeElement(notice, askAgain))
    // The announcer itself tells of an error frame.
    if (isWatched && !state.error) announcer.say([notice.message, notice.remedy].filter(Boolean).join(' '))
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
