/**
 * A run on the page: its lanes as columns, the lane of the answer below them at full width, and the timeline.
 * It is built from the program's description and the frames alone; nothing here knows a predictor by name.
 */
import { keyOf, type Lane, type ProgramDescription, type RunState } from '../client/index.ts'
import type { Announcer } from './announcer.ts'
import { LaneView } from './lane-view.ts'
import { hasOwnOutputs, resultElement } from './result-view.ts'
import { Timeline } from './timeline.ts'

export type RunElements = {
  readonly timeline: HTMLElement
  readonly columns: HTMLElement
  readonly answers: HTMLElement
}

export class RunView {
  readonly #elements: RunElements
  readonly #announcer: Announcer
  readonly #askAgain: () => void
  readonly #program: ProgramDescription
  readonly #timeline = new Timeline()
  readonly #lanes = new Map<string, LaneView>()
  #isOver = false

  /** Takes the elements over from the previous run. */
  constructor(
    elements: RunElements,
    program: ProgramDescription,
    announcer: Announcer,
    askAgain: () => void,
  ) {
    this.#elements = elements
    this.#announcer = announcer
    this.#askAgain = askAgain
    this.#program = program
    elements.columns.replaceChildren()
    elements.answers.replaceChildren()
    elements.timeline.replaceChildren(this.#timeline.element)
  }

  /** Shows this state. Called once per animation frame. */
  show(state: RunState, now: number): void {
    if (this.#lanes.size !== state.lanes.length) this.#addLanes(state.lanes)
    this.#timeline.show(state, now)
    for (const lane of state.lanes) this.#lanes.get(keyOf(lane))?.show(lane, now)
    if (state.phase !== 'running' && !this.#isOver) {
      this.#isOver = true
      for (const lane of state.lanes) this.#lanes.get(keyOf(lane))?.showEnd(lane, state)
      if (state.prediction && hasOwnOutputs(this.#program)) {
        this.#elements.answers.append(resultElement(state.prediction))
      }
    }
    this.#announcer.tell(state, this.#answer(state))
  }

  /** Scrolls the lanes whose reader is at the end. Call this last in an animation frame. */
  keepUp(): void {
    for (const lane of this.#lanes.values()) lane.keepUp()
  }

  #isAnswer({ predictor }: Lane): boolean {
    return predictor === this.#program.answer?.predictor
  }

  /** What the answer's field has; without such a field, the whole prediction. */
  #answer({ lanes, prediction }: RunState): string | undefined {
    const { answer } = this.#program
    if (!answer) return prediction && JSON.stringify(prediction)
    return lanes.findLast((lane) => this.#isAnswer(lane))?.fields[answer.field]?.text
  }

  #addLanes(lanes: readonly Lane[]): void {
    let before: Element | undefined
    for (const lane of lanes) {
      const container = this.#isAnswer(lane) ? this.#elements.answers : this.#elements.columns
      let view = this.#lanes.get(keyOf(lane))
      if (!view) {
        view = new LaneView({ lane, isAnswer: this.#isAnswer(lane), askAgain: this.#askAgain })
        this.#lanes.set(keyOf(lane), view)
        if (before?.parentElement === container) before.after(view.element)
        else container.append(view.element)
      }
      before = view.element
    }
  }
}
