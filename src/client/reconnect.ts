/** Reads a run that outlives its connection: where one breaks, the next goes on after the last event that came. */
import type { Frame } from '../core/frame.ts'
import { IncompleteStreamError } from './errors.ts'
import { DONE, eventsOf, framesIn } from './events.ts'
import type { Reconnecting } from './reconnecting.ts'
import { addressOf, authorization, type Connection, isOf, refusalOf, retryAfterOf } from './request.ts'

/** Asks for the run's stream, with a header that says which event was the last. */
export type Connect = (after: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<Response>

type Following = Reconnecting &
  Pick<Connection, 'url' | 'signal'> & {
    /** The id of the last event that the caller has. */
    readonly after?: string | undefined
    /** Milliseconds of trying in vain before anything has answered. */
    readonly connectMs?: number | undefined
    /** Called with each answer that has a stream, before it is read. */
    readonly onOpen?: ((response: Response) => void) | undefined
  }

/** Milliseconds: the first wait, and the longest. Each is drawn from the upper half, since a service may lose many at once. */
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 8_000

const CONNECT_MS = 5_000
const RECONNECT_MS = 120_000
const SILENCE_MS = 60_000

/** What a service, or a proxy before it, answers while it starts, ends or has too much to do. */
const PASSING = new Set([408, 429, 502, 503, 504])

/** Reads a run by its id. */
export function readingOf({
  url,
  id,
  apiKey,
  fetch = globalThis.fetch,
}: Connection & { readonly id: string }): Connect {
  const address = addressOf(url, `v1/runs/${encodeURIComponent(id)}/stream`)
  const headers = authorization(apiKey)
  return (after, signal) => fetch(address, { headers: { ...headers, ...after }, signal })
}

/** How one connection ended. */
type Ended = { readonly error: Error; readonly retryAfter?: number | undefined }

/**
 * Yields the frames of a run to its end, over as many connections as it takes.
 *
 * @throws RefusedError, NotTheServiceError at once, if they won't pass, or for `reconnectMs` if nothing else ever came;
 *   IncompleteStreamError if there was a connection, and none for `reconnectMs`; a TypeError, as of `fetch`, if nothing
 *   answered for `connectMs`; the signal's reason when it aborts
 */
export async function* follow(
  connect: Connect,
  following: Following,
): AsyncGenerator<Frame, void, undefined> {
  const { url, signal, reconnectMs = RECONNECT_MS, silenceMs = SILENCE_MS, onCut } = following
  const connectMs = Math.min(following.connectMs ?? CONNECT_MS, reconnectMs)
  const reader = new Reader(connect, following)
  // Milliseconds of trying in vain. The clock alone would count the hour too that a computer sleeps.
  let vainMs = 0
  for (;;) {
    const began = performance.now()
    const ended = yield* reader.read()
    if (!ended) return
    const { error, retryAfter = 0 } = ended
    const waitMs = retryAfter * 1_000 + drawnWait(reader.failures++)
    vainMs = reader.wasHeard ? 0 : vainMs + Math.min(performance.now() - began, silenceMs)
    vainMs += waitMs
    if (!reader.wasAnswered && vainMs > connectMs) throw unanswered(url, reader.failures, error)
    if (vainMs > reconnectMs) throw reader.hasBegun ? lost(reconnectMs, error) : error
    onCut?.({ error, waitMs })
    await pause(waitMs, signal)
  }
}

class Reader {
  /** Attempts since the last event with an id. */
  failures = 0
  /** Whether the last connection brought anything. */
  wasHeard = false
  /** Whether there ever was an answer, of whatever kind. */
  wasAnswered = false
  /** Whether there ever was a stream. */
  hasBegun = false
  readonly #connect: Connect
  readonly #following: Following
  #after: string | undefined

  constructor(connect: Connect, following: Following) {
    this.#connect = connect
    this.#following = following
    this.#after = following.after
  }

  /** Yields what one connection brings. Returns how it ended if another is worth trying. */
  async *read(): AsyncGenerator<Frame, Ended | undefined, undefined> {
    const { signal, onEvent, onOpen, onReconnect } = this.#following
    this.wasHeard = false
    const connection = new AbortController()
    const alive = this.#watch(connection)
    let isDone = false
    try {
      const either = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal
      const opened = await this.#open(either)
      if ('error' in opened) return opened
      isDone = opened.status === 204 // all of it has been read before
      if (isDone) return undefined
      if (this.hasBegun || this.failures > 0) onReconnect?.()
      this.hasBegun = true
      onOpen?.(opened)
      const body = opened.body as ReadableStream<Uint8Array>
      for await (const events of eventsOf(body, { signal, onAlive: alive.heard })) {
        isDone = events.at(-1)?.data === DONE
        for (const { data, id } of events) {
          if (id !== undefined) {
            this.#after = id
            this.failures = 0
          }
          onEvent?.(data, id)
        }
        yield* framesIn(events)
      }
      return undefined
    } catch (error) {
      if (error instanceof IncompleteStreamError) return { error }
      throw error
    } finally {
      alive.end()
      if (!isDone) connection.abort()
    }
  }

  /**
   * @returns an answer with a stream, or one that says that the run is over; else how the attempt ended
   * @throws what no further attempt changes
   */
  async #open(either: AbortSignal): Promise<Response | Ended> {
    const { url, signal } = this.#following
    const after = this.#after === undefined ? {} : { 'last-event-id': this.#after }
    let error: Error
    let response: Response | undefined
    try {
      response = await this.#connect(after, either)
      this.wasAnswered = true
      if (response.status === 204 || (isOf(response, 'text/event-stream') && response.body)) return response
      error = await refusalOf(response, url)
    } catch (thrown) {
      if (signal?.aborted) throw signal.reason
      return { error: thrown as Error }
    }
    if (!PASSING.has(response.status)) throw error
    return { error, retryAfter: retryAfterOf(response) }
  }

  /** Ends a connection that brings nothing. */
  #watch(connection: AbortController) {
    const { silenceMs = SILENCE_MS } = this.#following
    const onSilence = () => connection.abort(new Error(`Nothing came for ${silenceMs / 1_000} s.`))
    let timer = setTimeout(onSilence, silenceMs)
    return {
      heard: () => {
        this.wasHeard = true
        clearTimeout(timer)
        timer = setTimeout(onSilence, silenceMs)
      },
      end: () => clearTimeout(timer),
    }
  }
}

function drawnWait(failures: number): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures)
  return wait * (0.5 + Math.random() / 2)
}

/** Of the same type as what `fetch` throws, which says no more than that it failed. */
function unanswered(url: string | URL, attempts: number, cause: Error): TypeError {
  const { origin } = new URL(url)
  return new TypeError(
    `Nothing answers at ${origin}, asked ${attempts === 1 ? 'once' : `${attempts} times`}.`,
    {
      cause,
    },
  )
}

function lost(reconnectMs: number, cause: Error): IncompleteStreamError {
  const seconds = Math.round(reconnectMs / 1_000)
  return new IncompleteStreamError(`The connection broke, and none could be made for ${seconds} s.`, {
    cause,
  })
}

/** @throws the signal's reason when it aborts */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
  })
}
