/**
 * A run on the page: its lanes as columns, the last predictor's lane below them at full width, and the timeline.
 * It is built from the program's description and the frames alone; nothing here knows a predictor by name.
 */
import type { Lane, ProgramDescription, RunState } from '../client/index.ts'
import type { Announcer } from './announcer.ts'
import { LaneView } from './lane-view.ts'
import { Timeline } from './timeline.ts'
import { keyOf } from './words.ts'

export type RunElements = {
  readonly timeline: HTMLElement
  readonly columns: HTMLElement
  readonly answers: HTMLElement
}

export class RunView {
  readonly #elements: RunElements
  readonly #announcer: Announcer
  readonly #askAgain: () => void
  /** The predictor that no other one waits for. */
  readonly #last: string | undefined
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
    this.#last = program.predictors.at(-1)?.predictor
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
    }
    this.#announcer.tell(
      state,
      state.lanes.findLast((lane) => this.#isAnswer(lane)),
    )
  }

  /** Scrolls the lanes whose reader is at the end. Call this last in an animation frame. */
  keepUp(): void {
    for (const lane of this.#lanes.values()) lane.keepUp()
  }

  #isAnswer({ predictor }: Lane): boolean {
    return predictor === this.#last
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
