/** Where runs stand: one, or two beside each other. A run that has yet to begin leaves the one before it where it is. */
import { byId } from './dom.ts'
import type { RunView } from './run-view.ts'

const MOST = 2

export class Stage {
  readonly #element = byId('run')
  #views: readonly RunView[] = []

  get views(): readonly RunView[] {
    return this.#views
  }

  /** The one that came last. */
  get latest(): RunView | undefined {
    return this.#views.at(-1)
  }

  get isEmpty(): boolean {
    return this.#views.length === 0
  }

  /** Shows a run in place of all that is there, or in place of one, or beside it. */
  show(view: RunView, where: 'alone' | 'beside' | RunView = 'alone'): void {
    if (where === 'alone') this.#set([view])
    else if (where === 'beside') this.#set([...this.#views.slice(0, MOST - 1), view])
    else this.#set(this.#views.map((one) => (one === where ? view : one)))
  }

  close(view: RunView): void {
    this.#set(this.#views.filter((one) => one !== view))
  }

  clear(): void {
    this.#set([])
  }

  /** Says again what depends on how many there are, and on whether they are over. */
  place(): void {
    const longest = Math.max(...this.#views.map(({ run: { now, folding } }) => folding.state.endedAt ?? now))
    for (const [index, view] of this.#views.entries()) view.place(index, this.#views.length, longest)
  }

  #set(views: readonly RunView[]): void {
    for (const view of this.#views) if (!views.includes(view)) view.run.leave()
    this.#views = views
    this.#element.hidden = views.length === 0
    this.#element.classList.toggle('two', views.length > 1)
    // Those that stay are moved by nothing: their scrollers would lose their places.
    for (const child of [...this.#element.children]) {
      if (!views.some(({ element }) => element === child)) child.remove()
    }
    for (const [index, { element }] of views.entries()) {
      if (this.#element.children[index] !== element) {
        this.#element.insertBefore(element, this.#element.children[index] ?? null)
      }
    }
    this.place()
  }
}
