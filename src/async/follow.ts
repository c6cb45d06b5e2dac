/**
 * A controller that also aborts when a signal does, with the same reason. `AbortSignal.any` can do that too, but takes
 * 8 µs instead of 0.3 and leaves its work to the garbage collector.
 *
 * @returns the controller, and a function that stops following the signal
 */
export function follow(signal: AbortSignal): { controller: AbortController; unfollow: () => void } {
  const controller = new AbortController()
  const onAbort = () => controller.abort(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return { controller, unfollow: () => signal.removeEventListener('abort', onAbort) }
}
