/** The folds at the page's end: the run's events, and code that asks the same. */
import { CodePanel } from './code-panel.ts'
import { byId } from './dom.ts'
import { EventsPanel } from './events-panel.ts'
import { curlCode, fetchCode, type Snippet } from './snippets.ts'

export class ForDevelopers {
  readonly #events = new EventsPanel()
  readonly #curl = new CodePanel('curl', 'Asks the same in a shell.')
  readonly #fetch = new CodePanel('fetch', "Asks the same in a browser's console or in Node.")

  constructor() {
    byId('developer').append(this.#events.element, this.#curl.element, this.#fetch.element)
  }

  showEvents(events: readonly string[]): void {
    this.#events.show(events)
  }

  showCode(asked: Snippet): void {
    this.#curl.show(curlCode(asked))
    this.#fetch.show(fetchCode(asked))
  }

  /** Call this last in an animation frame. */
  keepUp(): void {
    this.#events.keepUp()
  }
}
