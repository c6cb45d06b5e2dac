/**
 * Whether the reader has gone somewhere on their own since the run began. The page then leaves everything where it is.
 *
 * It goes by what they do, not by scroll events, since the page also scrolls when it grows, shrinks or scrolls itself.
 */

const SCROLLING_KEYS = ['PageUp', 'PageDown', 'Home', 'End', 'ArrowUp', 'ArrowDown', ' ']

/** Elements for which these keys mean something else. */
const TAKES_KEYS = 'input, textarea, select, button, summary, a'

export class Reader {
  #hasMoved = false

  constructor() {
    const moved = () => {
      this.#hasMoved = true
    }
    // With Ctrl, a wheel changes the size of everything.
    addEventListener('wheel', (event) => event.ctrlKey || moved(), { passive: true })
    addEventListener('touchmove', moved, { passive: true })
    addEventListener('keydown', ({ key, target }) => {
      if (SCROLLING_KEYS.includes(key) && !(target as Element).closest?.(TAKES_KEYS)) moved()
    })
    // The page's own scroll bar is the only place to press outside its content.
    addEventListener('pointerdown', ({ clientX }) => {
      if (clientX >= document.documentElement.clientWidth) moved()
    })
  }

  /** Starts over, with a run whose reader has just asked. */
  begin(): void {
    this.#hasMoved = false
  }

  get hasMoved(): boolean {
    return this.#hasMoved
  }

  /** Whether they are somewhere of their own: they have gone there, or have marked some text there. */
  isElsewhere(within: Element): boolean {
    const selection = document.getSelection()
    const isMarking = selection?.isCollapsed === false && within.contains(selection.anchorNode)
    return this.#hasMoved || isMarking
  }
}
