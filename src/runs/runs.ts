/** The streams that are open: how many there may be, and how they end when the process does. */
import { RunError } from '../core/errors.ts'
import { Problem } from '../http/problem.ts'

export class OpenStreams {
  readonly #max: number
  readonly #open = new Set<AbortController>()
  #isDraining = false
  #onEmpty: (() => void) | undefined

  /** @param max streams that may be open at the same time */
  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#open.size
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /**
   * Lets a stream in. Abort the controller to end its run; call {@link leave} once nothing is left of it.
   *
   * @throws Problem 503 when no more are taken
   */
  enter(): AbortController {
    if (this.#isDraining) throw unavailable('shutting_down', 'The service is shutting down.')
    if (this.#open.size >= this.#max)
      throw unavailable('too_many_streams', 'As many streams are open as can be.')
    const controller = new AbortController()
    this.#open.add(controller)
    return controller
  }

  leave(controller: AbortController): void {
    this.#open.delete(controller)
    if (this.#open.size === 0) this.#onEmpty?.()
  }

  /**
   * Takes no more streams, and waits for the open ones.
   *
   * @param ms after which those that are left end with `shutting_down`; they have a second to say so
   */
  async drain(ms: number): Promise<void> {
    this.#isDraining = true
    if (this.#open.size === 0) return
    const { promise: empty, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    let timer = setTimeout(() => {
      for (const controller of this.#open) controller.abort(new RunError('shutting_down'))
      timer = setTimeout(resolve, 1_000) // a reader that takes nothing doesn't take this either
    }, ms)
    await empty
    clearTimeout(timer)
  }
}

/** Seconds after which asking again makes sense; runs take some seconds. */
const RETRY_AFTER = '5'

function unavailable(code: string, sentence: string): Problem {
  const detail = `${sentence} Ask again in ${RETRY_AFTER} seconds.`
  return new Problem(503, code, detail, { headers: { 'retry-after': RETRY_AFTER } })
}
