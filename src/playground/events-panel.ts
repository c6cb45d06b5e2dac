/** The events of a run as they came. The page shows a bounded number of them; copying takes them all. */
import { copyButton } from './copy-button.ts'
import { el, setText } from './dom.ts'
import { StickToEnd } from './stick-to-end.ts'

/** The most events that are in the DOM. */
const SHOWN = 500

export class EventsPanel {
  readonly element: HTMLDetailsElement
  readonly #label = el('summary')
  readonly #note = el('p', 'note')
  readonly #list = el('div', 'code events')
  readonly #end = new StickToEnd(this.#list)
  #events: readonly string[] = []
  #rendered = 0

  constructor() {
    const copy = copyButton('frames', () => this.#events.map((data) => `data: ${data}\n\n`).join(''))
    this.#list.tabIndex = 0
    this.#list.role = 'group'
    this.#list.ariaLabel = 'Frames as received'
    this.element = el('details', '', this.#label, el('div', 'head', this.#note, copy), this.#list)
    this.element.addEventListener('toggle', () => {
      this.show(this.#events)
      this.keepUp()
    })
    this.show([])
  }

  /** Shows what has come. A new list starts over. */
  show(events: readonly string[]): void {
    if (events !== this.#events) {
      this.#events = events
      this.#rendered = 0
      this.#list.replaceChildren()
    }
    const count = events.length.toLocaleString('en')
    setText(this.#label, `Frames (${count})`)
    if (!this.element.open) return
    setText(this.#note, note(events.length, count))
    const fresh = events.slice(Math.max(this.#rendered, events.length - SHOWN))
    if (fresh.length === 0) return
    this.#rendered = events.length
    this.#list.append(...fresh.map((data) => el('div', '', `data: ${data}`)))
    while (this.#list.childElementCount > SHOWN) this.#list.firstElementChild?.remove()
  }

  /** Call this last in an animation frame. */
  keepUp(): void {
    if (this.element.open) this.#end.keepUp()
  }
}

function note(length: number, count: string): string {
  if (length === 0) return 'They appear here as they come.'
  return length > SHOWN
    ? `The last ${SHOWN} of ${count}; Copy takes them all.`
    : 'As received, one event a line.'
}
