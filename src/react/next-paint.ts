/** Milliseconds. A hidden page paints nothing, but its state must not stand still: a tab's title may show it. */
const HIDDEN_MS = 1_000

/**
 * Calls back once, when the page is about to paint, or after a second on a page that doesn't.
 *
 * @returns calls it off
 */
export function nextPaint(callback: () => void): () => void {
  const cancel = () => {
    cancelAnimationFrame(frame)
    clearTimeout(timer)
  }
  const call = () => {
    cancel()
    callback()
  }
  const frame = requestAnimationFrame(call)
  const timer = setTimeout(call, HIDDEN_MS)
  return cancel
}
