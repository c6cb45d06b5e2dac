/**
 * `npm run ask -- "question"`: a run on the console.
 *
 * Exit codes: 0 for an answer, 1 for a run or a model that failed, 2 for a wrong command line, inputs or configuration,
 * 130 and 143 after SIGINT and SIGTERM.
 */
import { addAbortSignal } from 'node:stream'
import { text as readAll } from 'node:stream/consumers'
import {
  endRun,
  type Frame,
  IncompleteStreamError,
  type ProgramDescription,
  RefusedError,
  reduceRun,
  startRun,
} from '../client/index.ts'
import { ConfigError } from '../config.ts'
import { remedyOf } from '../core/errors.ts'
import { surviveStrayErrors } from '../programs/stray-errors.ts'
import { Board } from './board.ts'
import { harmlessJson, harmlessLine, harmlessText } from './harmless.ts'
import { faultsOf, InputsError, readInputs } from './inputs.ts'
import { type Options, readOptions, USAGE, UsageError } from './options.ts'
import { PlainLog } from './plain.ts'
import { type Source, service, thisProcess } from './source.ts'

const say = (text: string) => void process.stderr.write(text)
const sayLine = (text: string) => say(`${harmlessLine(text)}\n`)

/** Whether a person sits at a terminal that can be drawn on. Everything else gets plain text. */
function isDrawable({ json }: Options): boolean {
  const { NO_COLOR, CI, TERM } = process.env
  return !json && process.stdout.isTTY && process.stderr.isTTY && !NO_COLOR && !CI && TERM !== 'dumb'
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

  let source: Source | undefined
  try {
    source = options.url
      ? await service(options.url, options.program, apiKey(), interrupted.signal)
      : await thisProcess(options.program, sayLine, interrupted.signal)
    const readStdin = async () =>
      process.stdin.isTTY ? '' : readAll(addAbortSignal(interrupted.signal, process.stdin))
    const inputs = await readInputs(source.program, options, readStdin)
    await source.load()
    await show(source, inputs, options, interrupted.signal)
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
  } finally {
    await source?.close()
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

/** @throws RunFailed if the run ended in an error; InputsError; whatever else asking throws */
async function show(
  source: Source,
  inputs: Readonly<Record<string, unknown>>,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const drawable = isDrawable(options)
  if (!options.json) sayLine(source.model)
  let state = startRun(source.program, performance.now())
  const board = drawable ? new Board(process.stderr, state, options) : undefined
  const plain = new PlainLog(options.json ? () => {} : say)
  try {
    for await (const frame of source.ask(inputs, { reasoning: options.reasoning, signal })) {
      state = reduceRun(state, frame, performance.now())
      if (options.json) process.stdout.write(`${harmlessJson(frame)}\n`)
      else if (board) board.show(state)
      else plain.take(frame)
    }
  } catch (error) {
    state = endRun(
      state,
      error instanceof IncompleteStreamError ? 'incomplete' : 'stopped',
      performance.now(),
    )
    if (error instanceof RefusedError && error.faults.length > 0) {
      throw faultsOf(source.program, error.faults, inputs)
    }
    throw error
  } finally {
    board?.show(endRun(state, 'stopped', performance.now()))
    board?.end()
  }
  if (signal.aborted) return
  // Without --url, whoever asks also runs the process, and can change more than a client can.
  if (state.error) throw new RunFailed(state.error, options.url ? undefined : remedyOf(state.error.code))
  if (state.prediction && !options.json) writeAnswer(answerOf(source.program, state.prediction), drawable)
}

/** The answer's field, if the program names one among its outputs; else all of the prediction as JSON. */
function answerOf({ answer }: ProgramDescription, prediction: Readonly<Record<string, unknown>>): string {
  const value = answer && prediction[answer.field]
  return typeof value === 'string' ? value : JSON.stringify(prediction, null, 2)
}

/** Plain text, so that it stays in the terminal's scrollback. */
function writeAnswer(answer: string, drawable: boolean): void {
  process.stdout.write(`${drawable ? '\n' : ''}${harmlessText(answer)}\n`)
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
