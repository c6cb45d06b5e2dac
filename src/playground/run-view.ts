/**
 * A run on the page: its lanes as columns, the lane of the answer below them at full width, and the timeline.
 * It is built from the program's description and the frames alone; nothing here knows a predictor by name.
 */
import { keyOf, type Lane, type ProgramDescription, type RunState } from '../client/index.ts'
import type { Announcer } from './announcer.ts'
import { BringIntoView, type JumpLink } from './answer-in-view.ts'
import { Folds } from './folds.ts'
import { LaneView } from './lane-view.ts'
import type { Reader } from './reader.ts'
import { hasOwnOutputs, resultElement } from './result-view.ts'
import { Timeline } from './timeline.ts'

export type RunElements = {
  readonly timeline: HTMLElement
  readonly columns: HTMLElement
  readonly answers: HTMLElement
}

export type RunSurroundings = {
  readonly announcer: Announcer
  readonly reader: Reader
  readonly jumpLink: JumpLink
  readonly askAgain: () => void
}

export class RunView {
  readonly #elements: RunElements
  readonly #surroundings: RunSurroundings
  readonly #program: ProgramDescription
  readonly #timeline = new Timeline()
  readonly #lanes = new Map<string, LaneView>()
  readonly #folds: Folds
  readonly #bringIntoView = new BringIntoView()
  #hasAnswerBegun = false
  #isOver = false

  /** Takes the elements over from the previous run. */
  constructor(elements: RunElements, program: ProgramDescription, surroundings: RunSurroundings) {
    this.#elements = elements
    this.#surroundings = surroundings
    this.#program = program
    elements.columns.replaceChildren()
    elements.answers.replaceChildren()
    elements.timeline.replaceChildren(this.#timeline.element)
    this.#folds = new Folds(elements.columns)
    surroundings.jumpLink.show(undefined)
  }

  /** Shows this state. Called once per animation frame. */
  show(state: RunState, now: number): void {
    if (this.#lanes.size !== state.lanes.length) this.#addLanes(state.lanes)
    this.#timeline.show(state, now)
    for (const lane of state.lanes) this.#lanes.get(keyOf(lane))?.show(lane, state, now)
    this.#showAnswer(state)
    if (state.phase !== 'running' && !this.#isOver) {
      this.#isOver = true
      for (const lane of state.lanes) this.#lanes.get(keyOf(lane))?.showEnd(lane, state)
      if (state.prediction && hasOwnOutputs(this.#program)) {
        this.#elements.answers.append(resultElement(state.prediction))
      }
    }
    this.#surroundings.announcer.tell(state, this.#program.answer)
  }

  /** Scrolls to what the reader wants to see. Call this last in an animation frame. */
  keepUp(): void {
    this.#folds.keepUp()
    for (const lane of this.#lanes.values()) lane.keepUp()
    if (this.#surroundings.reader.hasMoved) this.#bringIntoView.end()
    this.#bringIntoView.keepUp()
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
    const { reader, jumpLink } = this.#surroundings
    jumpLink.show(view.element)
    if (reader.isElsewhere(this.#elements.columns)) return
    this.#folds.begin()
    this.#bringIntoView.begin(view.element)
  }

  #addLanes(lanes: readonly Lane[]): void {
    let before: Element | undefined
    for (const lane of lanes) {
      const isAnswer = this.#isAnswer(lane)
      const container = isAnswer ? this.#elements.answers : this.#elements.columns
      let view = this.#lanes.get(keyOf(lane))
      if (!view) {
        const { askAgain } = this.#surroundings
        view = new LaneView({ lane, isAnswer, askAgain, onFold: () => this.#folds.show() })
        this.#lanes.set(keyOf(lane), view)
        if (!isAnswer) this.#folds.add(view)
        if (before?.parentElement === container) before.after(view.element)
        else container.append(view.element)
      }
      before = view.element
    }
  }
}
