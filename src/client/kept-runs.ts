/** Runs that outlive their connection, by their ids: read, cancelled, erased. */
import type { ErrorFrame, PredictionFrame } from '../core/frame.ts'
import type { AnyProgram, FrameOf, ProgramTypes } from './program-types.ts'
import { follow, readingOf } from './reconnect.ts'
import type { Reconnecting } from './reconnecting.ts'
import { addressOf, authorization, type Connection, isOf, refusalOf } from './request.ts'

/** A run, by the id that `onRun` was called with. With keys, it is found only by the key that it was asked with. */
export type RunAddress = Connection & { readonly id: string }

/** How a run stands, as the service keeps it. */
export type KeptRun<Of extends ProgramTypes = AnyProgram> = {
  readonly id: string
  /** The name of its program. */
  readonly program: Of['name']
  /** What it was asked. */
  readonly inputs: Of['inputs']
  readonly status: 'running' | 'done' | 'failed' | 'cancelled'
  /** How many processes have worked on it. */
  readonly attempt: number
  /** The id of its last event. */
  readonly position: string
  readonly created_at: string
  /** Milliseconds since then, on the service's clock: until its end, or until it was asked how it stands. */
  readonly duration_ms: number
  /** When it is forgotten; of a run that is over. */
  readonly expires_at?: string
  readonly prediction?: Omit<PredictionFrame, 'data'> & { data: Of['outputs'] }
  readonly error?: ErrorFrame
}

/**
 * Reads a run to its end, also one that is over. The signal ends the reading, and not the run.
 *
 * @param reading `after` is the id of the last event that the caller has; left out, everything comes, in short: a `reset`
 *   that keeps nothing, then one token frame for each field
 * @returns its frames as they come, none that the caller has; the last is a prediction or an error
 * @throws RefusedError (`run_not_found` for a run that isn't there any longer, or is somebody else's), NotTheServiceError;
 *   IncompleteStreamError once connecting again has failed for `reconnectMs`; a TypeError, as of `fetch`, when nothing
 *   ever answered; the signal's reason when it aborts
 */
export function attachRun<Of extends ProgramTypes = AnyProgram>(
  reading: RunAddress & Reconnecting & { readonly after?: string | undefined },
): AsyncGenerator<FrameOf<Of>, void, undefined> {
  // There is a run, so there was a service: it is waited for.
  const following = { ...reading, connectMs: Number.POSITIVE_INFINITY }
  return follow(readingOf(reading), following) as AsyncGenerator<FrameOf<Of>, void, undefined>
}

/**
 * Asks how a run stands.
 *
 * @throws RefusedError, NotTheServiceError; what `fetch` throws when nothing answers; the signal's reason when it aborts
 */
export async function readRun<Of extends ProgramTypes = AnyProgram>(
  address: RunAddress,
): Promise<KeptRun<Of>> {
  return (await (await ask(address, 'GET')).json()) as KeptRun<Of>
}

/**
 * Ends a run: the service aborts its models, and whoever reads it gets the error `cancelled`. One that is over stays as it
 * is.
 *
 * @returns how it ended
 * @throws RefusedError, NotTheServiceError; what `fetch` throws when nothing answers; the signal's reason when it aborts
 */
export async function cancelRun<Of extends ProgramTypes = AnyProgram>(
  address: RunAddress,
): Promise<KeptRun<Of>> {
  return (await (await ask(address, 'POST', '/cancel')).json()) as KeptRun<Of>
}

/**
 * Ends a run, if it isn't over, and has the service forget it.
 *
 * @throws RefusedError, NotTheServiceError; what `fetch` throws when nothing answers; the signal's reason when it aborts
 */
export async function eraseRun(address: RunAddress): Promise<void> {
  await ask(address, 'DELETE')
}

async function ask(
  { url, id, apiKey, signal, fetch = globalThis.fetch }: RunAddress,
  method: 'GET' | 'POST' | 'DELETE',
  what = '',
): Promise<Response> {
  const response = await fetch(addressOf(url, `v1/runs/${encodeURIComponent(id)}${what}`), {
    method,
    headers: authorization(apiKey),
    ...(signal && { signal }),
  })
  if (response.status === 204 || (response.ok && isOf(response, 'application/json'))) return response
  throw await refusalOf(response, url)
}
