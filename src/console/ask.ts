/**
 * `npm run ask -- "question"`: a run on the console.
 *
 * Exit codes: 0 for an answer, 1 for a run or a model that failed, 2 for a wrong command line, inputs or configuration,
 * 130 and 143 after SIGINT and SIGTERM.
 */
import { once } from 'node:events'
import { addAbortSignal } from 'node:stream'
import { text as readAll } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WriteStream } from 'node:tty'
import {
  endRun,
  type Frame,
  IncompleteStreamError,
  RefusedError,
  type RunState,
  reduceRun,
  startRun,
} from '../client/index.ts'
import { ConfigError } from '../config.ts'
import { remedyOf } from '../core/errors.ts'
import { surviveStrayErrors } from '../programs/stray-errors.ts'
import { answerOf, textAnswerOf, writeAnswer } from './answer.ts'
import { Board } from './board.ts'
import { harmlessJson, harmlessLine } from './harmless.ts'
import { faultsOf, InputsError, readInputs } from './inputs.ts'
import { cancel, connectionNews, wayBack } from './kept-run.ts'
import { type Options, readOptions, USAGE, UsageError } from './options.ts'
import { PlainLog } from './plain.ts'
import { type Source, saidBy, service, thisProcess } from './source.ts'

/** Milliseconds that the model has to end after an interruption. One that is being loaded may take longer. */
const CLOSE_MS = 300

const say = (text: string) => void process.stderr.write(text)

/** Drawn on from the moment that the inputs are known to be right. */
let board: Board | undefined

function sayLine(text: string): void {
  if (board) board.say(text)
  else say(`${harmlessLine(text)}\n`)
}

/** The terminal that a board can be drawn on. Everything else gets plain text, such as a terminal without cells. */
function boardTerminal({ json }: Options): WriteStream | undefined {
  const { CI, TERM } = process.env
  const { stderr } = process
  const isDrawable = stderr.isTTY && stderr.columns > 0 && stderr.rows > 0
  return isDrawable && !json && !CI && TERM !== 'dumb' ? stderr : undefined
}

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
  const { url } = options
  if (options.cancel !== undefined && url) {
    const address = { url, id: options.cancel, apiKey: apiKey(), signal }
    process.stdout.write(await cancel(address, options).catch(saidBy(url)))
    return 0
  }
  let source: Source | undefined
  let kept = options.resume
  const onRun = ({ id }: { readonly id: string }) => {
    kept = id
    sayLine(`run ${id}`)
  }
  try {
    source = url
      ? await service(url, options.program, apiKey(), signal)
      : await thisProcess(options.program, sayLine, signal)
    const shown =
      options.resume === undefined
        ? await askingOf(source, options, { signal, onRun })
        : readingOf(source, options.resume, signal)
    await show(source, shown, options, signal)
  } catch (error) {
    // A run that is kept goes on, whether its reader leaves it or has lost it.
    const isLost = error instanceof IncompleteStreamError && kept !== undefined
    if (!signal.aborted && !isLost) throw error
    if (!signal.aborted) {
      sayLine((error as Error).message)
      exitCode = 1
    }
    if (kept !== undefined) say(wayBack(kept, options))
  } finally {
    await Promise.race([source?.close(), ...(interrupted.signal.aborted ? [sleep(CLOSE_MS)] : [])])
  }
  return exitCode
}

/** @throws ConfigError for a key that no header can carry */
function apiKey(): string | undefined {
  const key = process.env.TRIBUTARY_API_KEY?.trim() || undefined
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    throw new ConfigError('TRIBUTARY_API_KEY: a key has no spaces and only ASCII characters')
  }
  return key
}

/** A run to show: one that begins when its frames are asked for, or one that there is. */
type Shown = {
  /** What it is asked, if it is asked here. */
  readonly inputs: Readonly<Record<string, unknown>> | undefined
  readonly frames: () => AsyncIterable<Frame>
}

async function askingOf(
  { program, ask }: Source,
  options: Options,
  { signal, onRun }: { signal: AbortSignal; onRun: (run: { readonly id: string }) => void },
): Promise<Shown> {
  const { reasoning, json, resumable } = options
  const readStdin = async () => (process.stdin.isTTY ? '' : readAll(addAbortSignal(signal, process.stdin)))
  const inputs = await readInputs(program, options, readStdin)
  const kept = resumable ? { onRun, ...connectionNews(sayLine) } : undefined
  return { inputs, frames: () => ask(inputs, { include: { reasoning, usage: json }, signal, kept }) }
}

function readingOf({ read }: Source, id: string, signal: AbortSignal): Shown {
  const news = connectionNews(sayLine)
  return { inputs: undefined, frames: () => (read as NonNullable<typeof read>)(id, { signal, ...news }) }
}

/**
 * Checks the inputs, loads the model, runs the program, or reads a run that there is, and shows all of it.
 *
 * @throws RunFailed if the run ended in an error; InputsError; whatever else asking throws
 */
async function show(
  { program, model, check, load }: Source,
  { inputs, frames }: Shown,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const { reasoning, json } = options
  const terminal = boardTerminal(options)
  const textAnswer = terminal && process.stdout.isTTY ? textAnswerOf(program) : undefined
  const drawn = () => terminal && new Board(terminal, { reasoning, answer: textAnswer })
  const plain = new PlainLog(say)
  if (!json) sayLine(model)

  let state: RunState | undefined
  let answer: string | undefined
  try {
    if (inputs) check(inputs)
    if (load) {
      board = drawn()
      await Promise.race([load(), abortOf(signal)])
    }
    state = startRun(program, performance.now())
    for await (const frame of frames()) {
      state = reduceRun(state, frame, performance.now())
      board ??= drawn()
      board?.show(state)
      if (json) process.stdout.write(`${harmlessJson(frame)}\n`)
      else if (!board) plain.take(frame)
    }
    if (state.prediction) answer = answerOf(program, state.prediction)
  } catch (error) {
    const phase = error instanceof IncompleteStreamError ? 'incomplete' : 'stopped'
    state &&= endRun(state, phase, performance.now())
    if (error instanceof RefusedError && inputs && error.faults.length > 0) {
      throw faultsOf(program, error, inputs)
    }
    throw error
  } finally {
    if (state) board?.show(endRun(state, 'stopped', performance.now()))
    board?.end(textAnswer && answer)
    board = undefined
  }
  if (signal.aborted) return
  // Without --url, whoever asks also runs the process, and can change more than a client can.
  if (state.error) throw new RunFailed(state.error, options.url ? undefined : remedyOf(state.error.code))
  if (answer === undefined || json || textAnswer) return
  if (terminal && process.stdout.isTTY) say('\n')
  writeAnswer(answer)
}

/** Rejects with the signal's reason as soon as it aborts. */
async function abortOf(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}

/** The run's own error frame, as one line. */
class RunFailed extends Error {
  constructor(
    { predictor, message, code, retryable }: Extract<Frame, { type: 'error' }>,
    remedy: string | undefined,
  ) {
    const where = predictor ? `${predictor}: ` : ''
    const said = remedy === undefined ? message : `${message} ${remedy}`
    super(`${where}${said} (${code}${retryable ? ', asking again may help' : ''})`)
  }
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
  const isForAsker = [UsageError, InputsError, ConfigError].some((one) => error instanceof one)
  return isForAsker ? 2 : 1
})
// Whatever a program has opened, such as a connection, would keep the process alive. What was written is taken first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
