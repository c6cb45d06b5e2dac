/**
 * `npm run ask -- "question"`: the command that asks for a run, comes back to one or replays one, and shows it.
 *
 * Exit codes: 0 for an answer, 1 for a run or a model that failed, 2 for a wrong command line, inputs, configuration or
 * recording, 130 and 143 after SIGINT and SIGTERM.
 */
import { addAbortSignal } from 'node:stream'
import { text as readAll } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { IncompleteStreamError, RefusedError } from '../client/index.ts'
import { ConfigError } from '../config.ts'
import { surviveStrayErrors } from '../programs/stray-errors.ts'
import { FileError } from './file-error.ts'
import { InputsError, readInputs } from './inputs.ts'
import { cancel, connectionNews, wayBack } from './kept-run.ts'
import { type Options, readOptions, USAGE, UsageError } from './options.ts'
import { recording } from './record.ts'
import { replay } from './replay.ts'
import { askedOf, keptBy, saidBy } from './service.ts'
import { say, sayLine, show } from './show.ts'
import type { Inputs, Source } from './source.ts'

/** Milliseconds that the model has to end after an interruption. One that is being loaded may take longer. */
const CLOSE_MS = 300

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const interrupted = new AbortController()
  let exitCode = 0
  const interrupt = (code: number) => () => {
    if (interrupted.signal.aborted) process.exit(code) // asked twice: at once
    exitCode = code
    interrupted.abort(new Error('interrupted'))
  }
  process.on('SIGINT', interrupt(130))
  process.on('SIGTERM', interrupt(143))

  const { signal } = interrupted
  let source: Source | undefined
  /** The id of a run that goes on without its reader. */
  let kept = options.resume
  const onRun = ({ id }: { readonly id: string }) => {
    kept = id
    sayLine(`run ${id}`)
  }
  try {
    if (options.cancel !== undefined) {
      process.stdout.write(await cancelled(options, options.cancel, signal))
      return 0
    }
    source = await sourceOf(options, onRun, signal)
    const inputs = await inputsFor(source, options, signal)
    if (options.record !== undefined) source = recording(source, options.record)
    await show(source, inputs, options, signal)
  } catch (error) {
    const isLost = kept !== undefined && error instanceof IncompleteStreamError
    if (!signal.aborted && !isLost) throw error
    if (!signal.aborted) {
      sayLine((error as Error).message)
      exitCode = 1
    }
    if (kept !== undefined) say(wayBack(kept, options))
  } finally {
    await Promise.race([source?.close(), ...(signal.aborted ? [sleep(CLOSE_MS)] : [])])
  }
  return exitCode
}

async function sourceOf(
  options: Options,
  onRun: (run: { readonly id: string }) => void,
  signal: AbortSignal,
): Promise<Source> {
  const { url, program } = options
  if (options.replay !== undefined) return replay(options.replay, options.speed)
  if (!url) {
    const { thisProcess } = await import('./this-process.ts') // with all that makes a model, which others have no use for
    return thisProcess(program, sayLine, signal)
  }
  const service = { url, apiKey: apiKey(), signal }
  const news = connectionNews(sayLine)
  if (options.resume !== undefined) return keptBy(service, options.resume, news)
  return askedOf(service, program, options.resumable ? { onRun, ...news } : undefined)
}

async function inputsFor({ asked, program }: Source, options: Options, signal: AbortSignal): Promise<Inputs> {
  if (asked) return asked.inputs ?? {}
  const readStdin = async () => (process.stdin.isTTY ? '' : readAll(addAbortSignal(signal, process.stdin)))
  return readInputs(program, options, readStdin)
}

function cancelled({ url, json }: Options, id: string, signal: AbortSignal): Promise<string> {
  const address = url as URL // without one, the command line is wrong
  return cancel({ url: address, id, apiKey: apiKey(), signal }, { json }).catch(saidBy(address))
}

/** @throws ConfigError for a key that no header can carry */
function apiKey(): string | undefined {
  const key = process.env.TRIBUTARY_API_KEY?.trim() || undefined
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    throw new ConfigError('TRIBUTARY_API_KEY: a key has no spaces and only ASCII characters')
  }
  return key
}

const KEY_WANTED = 'The service wants a key: set TRIBUTARY_API_KEY to one that it knows.'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0) // the reader has read enough
})

surviveStrayErrors(
  ({ error, place = 'somewhere' }) =>
    sayLine(`${place}: outside of the run, the program threw ${String(error)}`),
  (error) => {
    throw error
  },
)
const exitCode = await main().catch((error: Error) => {
  if (error instanceof ConfigError || error instanceof InputsError) say(`${error.message}\n`)
  else if (error instanceof RefusedError && error.status === 401) say(`${KEY_WANTED}\n`)
  else sayLine(error.message)
  if (error instanceof UsageError) say(`\n${USAGE}`)
  const isForAsker = [UsageError, InputsError, ConfigError, FileError].some((one) => error instanceof one)
  return isForAsker ? 2 : 1
})
// Whatever a program has opened, such as a connection, would keep the process alive. What was written is taken first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
