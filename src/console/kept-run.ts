/** Runs that go on without the console: what it says of one that it leaves, and how it ends one. */
import { type Cut, cancelRun, type KeptRun, type RunAddress } from '../client/index.ts'
import { harmlessJson, harmlessText } from './harmless.ts'
import type { Options } from './options.ts'

/** What the reader of a run that outlives its connection is told. */
export type ConnectionNews = {
  readonly onCut: (cut: Cut) => void
  readonly onReconnect: () => void
}

/** Says once that a connection is gone, however often it is asked for in vain, and once that there is one again. */
export function connectionNews(say: (line: string) => void): ConnectionNews {
  let isCut = false
  return {
    onCut: () => {
      if (!isCut) say('The connection broke. Connecting again…')
      isCut = true
    },
    onReconnect: () => {
      if (isCut) say('Connected again.')
      isCut = false
    },
  }
}

/** How to come back to a run, in lines that can be copied. */
export function wayBack(id: string, { url, reasoning }: Options): string {
  const ask = process.env.npm_lifecycle_event === 'ask' ? 'npm run ask --' : 'npx tributary ask'
  const shown = reasoning ? ' --reasoning' : ''
  // An id may begin with a dash.
  return harmlessText(
    [
      'The run goes on. To read it, and to cancel it:',
      `  ${ask} --url ${url?.href}${shown} --resume=${id}`,
      `  ${ask} --url ${url?.href} --cancel=${id}`,
      '',
    ].join('\n'),
  )
}

/**
 * Cancels a run.
 *
 * @returns what to print
 * @throws RefusedError, NotTheServiceError; what `fetch` throws when nothing answers
 */
export async function cancel(address: RunAddress, { json }: Pick<Options, 'json'>): Promise<string> {
  const run = await cancelRun(address)
  return `${json ? harmlessJson(run) : CANCELLED[run.status]}\n`
}

const CANCELLED: Readonly<Record<KeptRun['status'], string>> = {
  running: 'The run has been told to end.',
  cancelled: 'The run is cancelled.',
  done: 'The run was over before, with an answer.',
  failed: 'The run was over before, with an error.',
}
