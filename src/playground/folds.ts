/** The lanes beside the answer: when it begins they fold to a line each, and a button opens them all again. */
import { button, el, setText } from './dom.ts'
import type { LaneView } from './lane-view.ts'

export class Folds {
  readonly #columns: HTMLElement
  readonly #all = button('quiet', '', () => this.#foldAll(!this.#isAnyFolded))
  readonly #bar = el('div', 'fold-bar', this.#all)
  readonly #lanes: LaneView[] = []
  #hasBegun = false

  constructor(columns: HTMLElement) {
    this.#columns = columns
    this.show()
  }

  /** Takes in a lane, which folds at once if the others have. */
  add(lane: LaneView): void {
    this.#lanes.push(lane)
    if (!this.#hasBegun) return
    lane.fold(true)
    this.show()
  }

  /** Makes room for the answer. */
  begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    for (const lane of this.#lanes) lane.rewind()
    this.#foldAll(true)
    if (this.#lanes.length > 1) this.#columns.prepend(this.#bar)
  }

  /** Lanes that end later go back to their top too. */
  keepUp(): void {
    if (this.#hasBegun) for (const lane of this.#lanes) lane.rewind()
  }

  /** Says again whether any is folded. */
  show(): void {
    const isAnyFolded = this.#isAnyFolded
    this.#columns.classList.toggle('list', isAnyFolded)
    setText(this.#all, isAnyFolded ? 'Open all' : 'Fold all')
  }

  get #isAnyFolded(): boolean {
    return this.#lanes.some(({ isFolded }) => isFolded)
  }

  #foldAll(isFolded: boolean): void {
    for (const lane of this.#lanes) lane.fold(isFolded)
    this.show()
  }
}
