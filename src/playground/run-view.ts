/**
 * A run on the page: its lanes as columns, the last predictor's below them over the full width, and the timeline.
 * All of it follows from the program's description and the frames; nothing here knows a predictor by name.
 */
import type { Lane, ProgramDescription, RunState } from '../client/index.ts'
import type { Announcer } from './announcer.ts'
import { LaneView } from './lane-view.ts'
import { Timeline } from './timeline.ts'
import { keyOf } from './words.ts'

export type RunPlaces = {
  readonly timeline: HTMLElement
  readonly columns: HTMLElement
  readonly answers: HTMLElement
}

export class RunView {
  readonly #places: RunPlaces
  readonly #announcer: Announcer
  readonly #askAgain: () => void
  /** The predictor that nobody waits for. */
  readonly #last: string | undefined
  readonly #timeline = new Timeline()
  readonly #lanes = new Map<string, LaneView>()
  #isOver = false

  /** Takes the places over from the run before. */
  constructor(places: RunPlaces, program: ProgramDescription, announcer: Announcer, askAgain: () => void) {
    this.#places = places
    this.#announcer = announcer
    this.#askAgain = askAgain
    this.#last = program.predictors.at(-1)?.predictor
    places.columns.replaceChildren()
    places.answers.replaceChildren()
    places.timeline.replaceChildren(this.#timeline.element)
  }

  /** Brings the page to this state, once an animation frame. */
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

  /** Scrolls where the reader follows. Call it after everything else of an animation frame has been written. */
  keepUp(): void {
    for (const lane of this.#lanes.values()) lane.keepUp()
  }

  #isAnswer({ predictor }: Lane): boolean {
    return predictor === this.#last
  }

  #addLanes(lanes: readonly Lane[]): void {
    let before: Element | undefined
    for (const lane of lanes) {
      const place = this.#isAnswer(lane) ? this.#places.answers : this.#places.columns
      let view = this.#lanes.get(keyOf(lane))
      if (!view) {
        view = new LaneView({ lane, isAnswer: this.#isAnswer(lane), askAgain: this.#askAgain })
        this.#lanes.set(keyOf(lane), view)
        if (before?.parentElement === place) before.after(view.element)
        else place.append(view.element)
      }
      before = view.element
    }
  }
}
