/**
 * Asks a program and yields the frames of its run. It works unchanged in browsers and in Node. It posts once: whether
 * to ask again is the caller's decision.
 */
import { createParser } from 'eventsource-parser'
import type { Frame } from '../core/frame.ts'
import { IncompleteStreamError } from './errors.ts'
import type { AnyProgram, FrameOf, ProgramTypes } from './program-types.ts'
import { addressOf, authorization, type Connection, isOf, refusalOf } from './request.ts'

/** What the program is asked: all of its inputs by name, or `question` alone, which is short for `inputs: { question }`. */
export type Asked<Of extends ProgramTypes = AnyProgram> =
  | { readonly inputs: Of['inputs']; readonly question?: undefined }
  | ({ readonly question: string } extends Of['inputs']
      ? { readonly question: string; readonly inputs?: undefined }
      : never)

/** Frames that come only if they are included. */
export type ExtraFrame = 'reasoning' | 'usage' | 'values'

/** A run to ask for. Its `signal` ends the run: the service aborts its models. */
export type Asking<Of extends ProgramTypes = AnyProgram> = Connection &
  Asked<Of> & {
    /** The program's name. Left out, the service's default program runs. */
    readonly program?: Of['name'] | undefined
    readonly include?: readonly ExtraFrame[] | undefined
    /** Called with the text of each event as it came, `[DONE]` and frames of unknown types included. */
    readonly onEvent?: ((data: string) => void) | undefined
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

/**
 * Streams a run. With the types of its program, as in `streamRun<Invoice>(…)`, its frames have the program's names and
 * values. Nothing checks them: they are as right as the description that they were made from.
 *
 * @returns its frames as they come; the last is a prediction or an error
 * @throws RefusedError, NotTheServiceError, IncompleteStreamError; what `fetch` throws when nothing answers; the
 *   signal's reason when it aborts
 */
export function streamRun<Of extends ProgramTypes = AnyProgram>(
  asking: Asking<Of>,
): AsyncGenerator<FrameOf<Of>, void, undefined> {
  // The compiler can't tell that a program's own names are names.
  return framesOf(asking as unknown as Asking) as AsyncGenerator<FrameOf<Of>, void, undefined>
}

async function* framesOf(asking: Asking): AsyncGenerator<Frame, void, undefined> {
  const { url, question, inputs = { question }, program, include } = asking
  const { apiKey, signal, fetch = globalThis.fetch, onEvent } = asking
  // A controller of our own, so that a consumer that stops reading ends the run just as an abort does.
  const leaving = new AbortController()
  const route = program === undefined ? 'v1/stream' : `v1/programs/${encodeURIComponent(program)}/stream`
  const response = await fetch(addressOf(url, route), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization(apiKey) },
    body: JSON.stringify(include ? { ...inputs, include } : inputs),
    signal: signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal,
  })
  if (!isOf(response, 'text/event-stream') || !response.body) throw await refusalOf(response, url)

  let frames: Frame[] = []
  let isDone = false
  const parser = createParser({
    onEvent({ data }) {
      if (isDone) return
      onEvent?.(data)
      if (data === '[DONE]') isDone = true
      else frames.push(...knownFrame(data))
    },
  })
  const reader = response.body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .getReader()
  try {
    while (!isDone) {
      const { done, value } = await reader.read().catch((cause) => {
        if (signal?.aborted) throw signal.reason
        throw new IncompleteStreamError('The connection broke before the stream was over.', { cause })
      })
      if (done) throw new IncompleteStreamError('The stream ended before it was over: it has no [DONE].')
      parser.feed(value)
      const arrived = frames
      frames = []
      yield* arrived
    }
  } finally {
    if (isDone) reader.cancel().catch(() => {})
    else leaving.abort()
  }
}

function knownFrame(data: string): Frame[] {
  try {
    const frame: { type?: unknown } | null = JSON.parse(data)
    return Object.hasOwn(KNOWN, String(frame?.type)) ? [frame as Frame] : []
  } catch {
    return []
  }
}
