/** Runs of a running service: one that is asked, and one that it keeps. */
import {
  attachRun,
  type Connection,
  describeProgram,
  type Frame,
  type RecordedFrame,
  readRun,
  streamRun,
} from '../client/index.ts'
import { type ModelInfo, modelName } from '../core/lm.ts'
import { isIncluded } from './included.ts'
import type { ConnectionNews } from './kept-run.ts'
import { now, type Source } from './source.ts'

/** What can be included, by its name in a request. */
const EXTRA = ['reasoning', 'usage'] as const

/** How the service is reached. The signal ends what is asked of it before a run. */
export type Service = Pick<Connection, 'apiKey'> & { readonly url: URL; readonly signal: AbortSignal }

/** A run that is to go on without its reader: `onRun` is called with its id. */
export type Resumable = ConnectionNews & { readonly onRun: (run: { readonly id: string }) => void }

/**
 * A program of a service.
 *
 * @param program its name; undefined is the default program
 * @param resumable undefined for a run that ends with its reader
 * @throws NotTheServiceError, RefusedError; an Error that says so if nothing answers
 */
export async function askedOf(
  service: Service,
  program: string | undefined,
  resumable: Resumable | undefined,
): Promise<Source> {
  const { url, apiKey } = service
  return {
    ...(await described(service, program)),
    check: () => {}, // the service does
    ask: (inputs, { include, signal }) => {
      const wanted = EXTRA.filter((one) => include[one])
      const frames = streamRun({
        url,
        inputs,
        program,
        apiKey,
        signal,
        ...(wanted.length > 0 && { include: wanted }),
        ...(resumable && { resumable: true, ...resumable }),
      })
      return timed(frames)
    },
  }
}

/**
 * A run that a service keeps, from its beginning. The signal of `ask` ends the reading, and not the run.
 *
 * @throws NotTheServiceError; RefusedError, also if there is no such run; an Error that says so if nothing answers
 */
export async function keptBy(service: Service, id: string, news: ConnectionNews): Promise<Source> {
  const { url, apiKey } = service
  const { program } = await readRun({ ...service, id }).catch(saidBy(url))
  return {
    ...(await described(service, program)),
    asked: { inputs: undefined },
    check: () => {},
    async *ask(_inputs, { include, signal }) {
      for await (const one of timed(attachRun({ url, id, apiKey, signal, ...news }))) {
        if (isIncluded(one.frame, include)) yield one
      }
    },
  }
}

/** What every run of a service has. */
async function described(service: Service, program: string | undefined) {
  const description = await describeProgram({ ...service, program }).catch(saidBy(service.url))
  return {
    model: await modelOf(service),
    program: description,
    load: undefined,
    now,
    close: async () => {},
  } satisfies Partial<Source>
}

/** Frames with the time at which each came. */
async function* timed(frames: AsyncIterable<Frame>): AsyncGenerator<RecordedFrame> {
  for await (const frame of frames) yield { at: now(), frame }
}

/** What `fetch` throws when nothing answered, as a sentence. */
export const saidBy =
  (url: URL) =>
  (error: unknown): never => {
    if (!(error instanceof TypeError)) throw error
    throw new Error(`Nothing answers at ${url.origin}. Is the service running there?`, { cause: error })
  }

async function modelOf({ url, apiKey, signal }: Service): Promise<string> {
  const base = url.href.endsWith('/') ? url : new URL(`${url.href}/`)
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` } // a proxy in front may want it
  const answer = await fetch(new URL('readyz', base), { headers, signal })
  const { model } = (await answer.json()) as { model: ModelInfo }
  return modelName(model)
}
