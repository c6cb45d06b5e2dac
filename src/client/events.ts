/** The events of a response, in the batches in which the network brings them. */
import { createParser } from 'eventsource-parser'
import type { Frame } from '../core/frame.ts'
import { IncompleteStreamError } from './errors.ts'

export type StreamEvent = {
  /** Where the stream is after it, if it is one that can be read again from there. */
  readonly id: string | undefined
  readonly data: string
}

/** The data of a stream's last event. */
export const DONE = '[DONE]'

/**
 * Reads a stream to its end, which is `[DONE]`: what comes after that isn't looked at. Ending the iteration earlier
 * leaves the response open, so the caller aborts its request.
 *
 * @param onAlive called for everything that the network brings, comments included
 * @throws IncompleteStreamError if the stream ends, or the connection breaks, before `[DONE]`; the signal's reason
 *   when it aborts
 */
export async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  { signal, onAlive }: { readonly signal?: AbortSignal | undefined; readonly onAlive?: () => void },
): AsyncGenerator<readonly StreamEvent[], void, undefined> {
  let events: StreamEvent[] = []
  let isDone = false
  const parser = createParser({
    onEvent({ id, data }) {
      if (isDone) return
      events.push({ id, data })
      isDone = data === DONE
    },
  })
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader()
  try {
    while (!isDone) {
      const { done, value } = await reader.read().catch((cause) => {
        if (signal?.aborted) throw signal.reason
        throw new IncompleteStreamError('The connection broke before the stream was over.', { cause })
      })
      if (done) throw new IncompleteStreamError('The stream ended before it was over: it has no [DONE].')
      onAlive?.()
      parser.feed(value)
      const arrived = events
      events = []
      yield arrived
    }
  } finally {
    if (isDone) reader.cancel().catch(() => {})
  }
}

/** The frame types that this client knows. It skips others, so that a newer service doesn't break it. */
const KNOWN: Readonly<Record<Frame['type'], true>> = {
  status: true,
  token: true,
  value: true,
  usage: true,
  reset: true,
  prediction: true,
  error: true,
}

/** The frames among events: nothing else that a stream may have one day is one. */
export const framesIn = (events: readonly StreamEvent[]): Frame[] =>
  events.flatMap(({ data }) => (data === DONE ? [] : knownFrame(data)))

function knownFrame(data: string): Frame[] {
  try {
    const frame: { type?: unknown } | null = JSON.parse(data)
    return Object.hasOwn(KNOWN, String(frame?.type)) ? [frame as Frame] : []
  } catch {
    return []
  }
}
