/** Keeps what scrolls at its end while the reader is there, and leaves it alone as soon as they are not. */

/** Pixels from the end that still count as the end. */
const NEAR = 24

export class Follow {
  readonly #scroller: Element
  #isAtEnd: boolean

  /**
   * @param events where the scroller's scroll events arrive, which for the page is the document
   * @param fromTheTop whether to follow too where nothing has been scrolled yet; else the reader has to go to the
   *   end first
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

  /** Call it after everything else of an animation frame has been written: it needs the layout. */
  keep(): void {
    if (this.#isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight
  }
}
