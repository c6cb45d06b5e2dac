/** Keeps a scroller at its end while the reader is there, and leaves it alone once they scroll away. */

/** Pixels from the end that still count as the end. */
const NEAR = 24

export class StickToEnd {
  readonly #scroller: Element
  #isAtEnd: boolean

  /**
   * @param events where the scroller's scroll events arrive: for the page as a whole, that is the document
   * @param fromTheTop whether to stick before anything has been scrolled; otherwise the reader has to go to the end
   *   first
   */
  constructor(scroller: Element, events: EventTarget = scroller, fromTheTop = true) {
    this.#scroller = scroller
    this.#isAtEnd = fromTheTop
    // Browsers send these before animation frames, so what is read here has been laid out already.
    events.addEventListener('scroll', () => {
      const { scrollTop, scrollHeight, clientHeight } = scroller
      this.#isAtEnd = (fromTheTop || scrollTop > 0) && scrollHeight - clientHeight - scrollTop < NEAR
    })
  }

  /** Call this last in an animation frame: it needs the layout. */
  keepUp(): void {
    if (this.#isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight
  }

  /** Goes back to the top, unless the reader has scrolled to a place of their own. */
  release(): void {
    if (!this.#isAtEnd) return
    this.#isAtEnd = false
    this.#scroller.scrollTop = 0
  }
}
