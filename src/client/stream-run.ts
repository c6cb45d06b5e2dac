/**
 * Asks a program and yields the frames of its run. It works unchanged in browsers and in Node. It asks for one run, and
 * whether to ask for another is the caller's decision.
 */
import type { Frame } from '../core/frame.ts'
import { DONE, eventsOf, framesIn } from './events.ts'
import type { AnyProgram, FrameOf, ProgramTypes } from './program-types.ts'
import { type Connect, follow, readingOf } from './reconnect.ts'
import type { Reconnecting } from './reconnecting.ts'
import { addressOf, authorization, type Connection, isOf, refusalOf } from './request.ts'
import { socketFramesOf } from './socket-run.ts'

/** What the program is asked: all of its inputs by name, or `question` alone, which is short for `inputs: { question }`. */
export type Asked<Of extends ProgramTypes = AnyProgram> =
  | { readonly inputs: Of['inputs']; readonly question?: undefined }
  | ({ readonly question: string } extends Of['inputs']
      ? { readonly question: string; readonly inputs?: undefined }
      : never)

/** Frames that come only if they are included. */
export type ExtraFrame = 'reasoning' | 'usage' | 'values'

/**
 * A run to ask for. Its `signal` ends the run: the service aborts its models. A resumable run goes on without its reader:
 * there, the signal ends the reading, and `cancelRun` the run.
 */
export type Asking<Of extends ProgramTypes = AnyProgram> = Connection &
  Reconnecting &
  Asked<Of> & {
    /** The program's name. Left out, the service's default program runs. */
    readonly program?: Of['name'] | undefined
    readonly include?: readonly ExtraFrame[] | undefined
    /** Whether the run outlives its connection: then one that breaks is made again, and no frame is missing. */
    readonly resumable?: boolean | undefined
    /**
     * Milliseconds of trying in vain after which a resumable run is given up if nothing has ever answered: the address may
     * be wrong. 5 seconds if left out, and `reconnectMs` at most.
     */
    readonly connectMs?: number | undefined
    /**
     * `websocket` where streams of events don't get through. A resumable run takes no notice of it: it reads events again
     * from where it was cut. Node has one from version 22 on.
     */
    readonly transport?: 'events' | 'websocket' | undefined
    /** Called once with the id of a resumable run, by which anybody may read it who has the key that it was asked with. */
    readonly onRun?: ((run: { readonly id: string }) => void) | undefined
  }

/**
 * Streams a run. With the types of its program, as in `streamRun<Invoice>(…)`, its frames have the program's names and
 * values. Nothing checks them: they are as right as the description that they were made from.
 *
 * What is read of a resumable run folds to the same state however often its connection breaks. A `reset` frame without
 * a message says that the run is told anew, from the calls on that it keeps.
 *
 * @returns its frames as they come; the last is a prediction or an error
 * @throws RefusedError, NotTheServiceError; IncompleteStreamError, of a resumable run only once connecting again has
 *   failed for `reconnectMs`; what `fetch` throws when nothing answers, of a resumable run for `connectMs`; the signal's
 *   reason when it aborts
 */
export function streamRun<Of extends ProgramTypes = AnyProgram>(
  asking: Asking<Of>,
): AsyncGenerator<FrameOf<Of>, void, undefined> {
  // The compiler can't tell that a program's own names are names.
  const any = asking as unknown as Asking
  const frames = any.resumable ? resumableFramesOf(any) : plainFramesOf(any)
  return frames as AsyncGenerator<FrameOf<Of>, void, undefined>
}

const plainFramesOf = (asking: Asking) =>
  asking.transport === 'websocket' ? socketFramesOf(asking) : framesOf(asking)

async function* framesOf(asking: Asking): AsyncGenerator<Frame, void, undefined> {
  const { url, signal, fetch = globalThis.fetch, onEvent } = asking
  // A controller of our own, so that a consumer that stops reading ends the run just as an abort does.
  const leaving = new AbortController()
  const { address, init } = questionOf(asking)
  const response = await fetch(address, {
    ...init,
    signal: signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal,
  })
  if (!isOf(response, 'text/event-stream') || !response.body) throw await refusalOf(response, url)
  let isDone = false
  try {
    for await (const events of eventsOf(response.body, { signal })) {
      isDone = events.at(-1)?.data === DONE
      for (const { data, id } of events) onEvent?.(data, id)
      yield* framesIn(events)
    }
  } finally {
    if (!isDone) leaving.abort()
  }
}

function questionOf(asking: Asking) {
  const { url, question, inputs = { question }, program, include, apiKey, resumable } = asking
  const route = program === undefined ? 'v1/stream' : `v1/programs/${encodeURIComponent(program)}/stream`
  return {
    address: addressOf(url, route),
    init: {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization(apiKey) },
      body: JSON.stringify({ ...inputs, ...(include && { include }), ...(resumable && { resumable }) }),
    },
  }
}

/**
 * Posts until it knows the run's id, under a key that makes all of that one run, and then reads the run by its id. Without
 * `x-run-id`, which a proxy may have taken away, it goes on posting.
 */
function resumableFramesOf(asking: Asking): AsyncGenerator<Frame, void, undefined> {
  const { fetch = globalThis.fetch, onRun } = asking
  const { address, init } = questionOf(asking)
  const headers = { ...init.headers, 'idempotency-key': randomKey() }
  let connect: Connect = (after, signal) =>
    fetch(address, { ...init, headers: { ...headers, ...after }, signal })
  let id: string | null = null
  const onOpen = (response: Response) => {
    if (id) return
    id = response.headers.get('x-run-id')
    if (!id) return
    connect = readingOf({ ...asking, id })
    onRun?.({ id })
  }
  return follow((after, signal) => connect(after, signal), { ...asking, onOpen })
}

/** Without `crypto.randomUUID`, which a page without TLS doesn't have. */
const randomKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
