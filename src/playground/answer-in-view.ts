/** Brings the answer's beginning to where it can be read, once, and a link to it for readers who are elsewhere. */
import { el, setText } from './dom.ts'

/** Where the lane's top may be, and where it is brought otherwise: in heights of the window. */
const LOWEST = 0.5
const BEST = 0.2

/** Scrolls until an element is high enough in the window. */
export class BringIntoView {
  #element: Element | undefined

  begin(element: Element): void {
    this.#element = element
  }

  /**
   * Call this last in an animation frame: it needs the layout. A page that is too short for it grows with the answer,
   * so it may take several.
   */
  keepUp(): void {
    const { top } = this.#element?.getBoundingClientRect() ?? {}
    if (top === undefined) return
    if (top >= 0 && top <= innerHeight * LOWEST) this.#element = undefined
    else scrollBy({ top: top - innerHeight * BEST, behavior: 'instant' })
  }

  end(): void {
    this.#element = undefined
  }
}

/** A link at the window's lower edge, which is there while the answer isn't to be seen. */
export class JumpLink {
  readonly #link = el('a')
  readonly #place = el('nav', 'jump', this.#link)
  #lane: HTMLElement | undefined
  readonly #observer = new IntersectionObserver(
    ([entry]) => {
      if (!entry) return
      this.#place.hidden = entry.isIntersecting || this.#lane === undefined
      setText(this.#link, entry.boundingClientRect.top > 0 ? 'The answer ↓' : 'The answer ↑')
    },
    { rootMargin: '-48px 0px' }, // an edge of it is not the answer
  )

  constructor() {
    this.#place.ariaLabel = 'Answer'
    this.#place.hidden = true
    this.#link.href = '#answers'
    this.#link.addEventListener('click', (event) => {
      event.preventDefault() // a new address would be an entry in the history
      this.#lane?.scrollIntoView({ block: 'start' })
      this.#lane?.querySelector<HTMLElement>('.body')?.focus({ preventScroll: true })
    })
    document.body.append(this.#place)
  }

  /** @param lane the lane of an answer that has begun; undefined is none */
  show(lane: HTMLElement | undefined): void {
    if (lane === this.#lane) return
    this.#observer.disconnect()
    this.#lane = lane
    this.#place.hidden = true
    if (lane) this.#observer.observe(lane)
  }
}
