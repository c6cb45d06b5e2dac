/**
 * Asks a question and yields the frames of its run. It works unchanged in browsers and in Node. It posts once: whether
 * to ask again is the caller's decision.
 */
import { createParser } from 'eventsource-parser'
import type { ProgramDescription } from '../core/description.ts'
import type { Frame } from '../core/frame.ts'
import { type Fault, IncompleteStreamError, NotTheServiceError, RefusedError } from './errors.ts'

export type Asking = {
  /** The service's address, such as `http://127.0.0.1:8000`. */
  readonly url: string | URL
  readonly question: string
  /** The program's name. Left out, the service's default program runs. */
  readonly program?: string | undefined
  /** The key, if the service wants one. It goes into a header, never into the address. */
  readonly apiKey?: string | undefined
  /** Extra frames. */
  readonly include?: readonly ('reasoning' | 'usage')[] | undefined
  /** Ends the run: the service aborts its models. */
  readonly signal?: AbortSignal | undefined
  /** Used instead of the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** Called with the text of each event as it came, `[DONE]` and frames of unknown types included. */
  readonly onEvent?: ((data: string) => void) | undefined
}

/** The frame types that this client knows. It skips others, so that a newer service doesn't break it. */
const KNOWN: Readonly<Record<Frame['type'], true>> = {
  status: true,
  token: true,
  value: true,
  usage: true,
  prediction: true,
  error: true,
}

/**
 * Streams a run.
 *
 * @returns its frames as they come; the last is a prediction or an error
 * @throws RefusedError, NotTheServiceError, IncompleteStreamError; what `fetch` throws when nothing answers; the
 *   signal's reason when it aborts
 */
export async function* streamRun(asking: Asking): AsyncGenerator<Frame, void, undefined> {
  const { url, question, program, apiKey, include, signal, fetch = globalThis.fetch, onEvent } = asking
  // A controller of our own, so that a consumer that stops reading ends the run just as an abort does.
  const leaving = new AbortController()
  const route = program === undefined ? 'v1/stream' : `v1/programs/${encodeURIComponent(program)}/stream`
  const response = await fetch(at(url, route), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization(apiKey) },
    body: JSON.stringify(include ? { question, include } : { question }),
    signal: signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal,
  })
  if (!isOf(response, 'text/event-stream') || !response.body) throw await refusal(response, url)

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

/**
 * Asks for the description of a program.
 *
 * @throws NotTheServiceError, RefusedError; what `fetch` throws when nothing answers
 */
export async function describeProgram({
  url,
  program,
  apiKey,
  signal,
  fetch = globalThis.fetch,
}: Pick<Asking, 'url' | 'program' | 'apiKey' | 'signal' | 'fetch'>): Promise<ProgramDescription> {
  const route = program === undefined ? 'v1/program' : `v1/programs/${encodeURIComponent(program)}`
  const response = await fetch(at(url, route), {
    headers: authorization(apiKey),
    ...(signal && { signal }),
  })
  if (!response.ok || !isOf(response, 'application/json')) throw await refusal(response, url)
  return (await response.json()) as ProgramDescription
}

function authorization(apiKey: string | undefined): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
}

/** The URL of a route, whether or not the service's address ends in a slash. */
function at(url: string | URL, route: string): URL {
  const base = new URL(url)
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return new URL(route, base)
}

const isOf = (response: Response, type: string) =>
  (response.headers.get('content-type') ?? '').startsWith(type)

function knownFrame(data: string): Frame[] {
  try {
    const frame: { type?: unknown } | null = JSON.parse(data)
    return Object.hasOwn(KNOWN, String(frame?.type)) ? [frame as Frame] : []
  } catch {
    return []
  }
}

type Problem = { code?: string; detail?: string; errors?: readonly Fault[] }

async function refusal(response: Response, url: string | URL): Promise<Error> {
  const { status } = response
  if (isOf(response, 'application/problem+json')) {
    const problem = (await response.json()) as Problem
    const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
    return new RefusedError(problem.detail ?? `The service refused the question with status ${status}.`, {
      status,
      code: problem.code ?? 'refused',
      ...(problem.errors && { faults: problem.errors }),
      ...(Number.isFinite(retryAfter) && { retryAfter }),
    })
  }
  await response.body?.cancel()
  const type = response.headers.get('content-type') ?? 'no content type'
  return new NotTheServiceError(
    `${new URL(url).origin} isn't a Tributary service: it answered with status ${status} and ${type}.`,
  )
}
