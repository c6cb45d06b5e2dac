/**
 * `npm run ask -- "question"`: a run on the console, live or recorded.
 *
 * Exit codes: 0 for an answer, 1 for a run or a model that failed, 2 for a wrong command line, inputs, configuration or
 * recording, 130 and 143 after SIGINT and SIGTERM.
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
import { surviveStrayErrors } from '../programs/stray-errors.ts'
import { answerOf, textAnswerOf, writeAnswer } from './answer.ts'
import { Board } from './board.ts'
import { FileError } from './file-error.ts'
import { harmlessJson, harmlessLine } from './harmless.ts'
import { faultsOf, InputsError, readInputs } from './inputs.ts'
import { type Options, readOptions, USAGE, UsageError } from './options.ts'
import { PlainLog } from './plain.ts'
import { recording } from './record.ts'
import { replay } from './replay.ts'
import type { Inputs, Source } from './source.ts'

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

  let source: Source | undefined
  try {
    source = await sourceOf(options, interrupted.signal)
    const readStdin = async () =>
      process.stdin.isTTY ? '' : readAll(addAbortSignal(interrupted.signal, process.stdin))
    const inputs = source.inputs ?? (await readInputs(source.program, options, readStdin))
    if (options.record !== undefined) source = recording(source, options.record)
    await show(source, inputs, options, interrupted.signal)
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
  } finally {
    await Promise.race([source?.close(), ...(interrupted.signal.aborted ? [sleep(CLOSE_MS)] : [])])
  }
  return exitCode
}

async function sourceOf(options: Options, signal: AbortSignal): Promise<Source> {
  const { url, program } = options
  if (options.replay !== undefined) return replay(options.replay, options.speed)
  const { service, thisProcess } = await import('./source.ts') // with all that makes a model, which a replay has no use for
  return url ? service(url, program, apiKey(), signal) : thisProcess(program, sayLine, signal)
}

/** @throws ConfigError for a key that no header can carry */
function apiKey(): string | undefined {
  const key = process.env.TRIBUTARY_API_KEY?.trim() || undefined
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    throw new ConfigError('TRIBUTARY_API_KEY: a key has no spaces and only ASCII characters')
  }
  return key
}

/**
 * Checks the inputs, loads the model, runs the program and shows all of it.
 *
 * @throws RunFailed if the run ended in an error; InputsError; whatever else asking throws
 */
async function show(
  { program, model, check, load, ask, now, remedy }: Source,
  inputs: Inputs,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const { reasoning, json } = options
  const terminal = boardTerminal(options)
  const textAnswer = terminal && process.stdout.isTTY ? textAnswerOf(program) : undefined
  const drawn = () => terminal && new Board(terminal, { reasoning, answer: textAnswer, now })
  const plain = new PlainLog(say)
  if (!json && model !== undefined) sayLine(model)

  let state: RunState | undefined
  let answer: string | undefined
  try {
    check(inputs)
    if (load) {
      board = drawn()
      await Promise.race([load(), abortOf(signal)])
    }
    state = startRun(program, now())
    for await (const { at, frame } of ask(inputs, { include: { reasoning, usage: json }, signal })) {
      state = reduceRun(state, frame, at)
      board ??= drawn()
      board?.show(state)
      if (json) process.stdout.write(`${harmlessJson(frame)}\n`)
      else if (!board) plain.take(frame)
    }
    if (state.prediction) answer = answerOf(program, state.prediction)
  } catch (error) {
    const phase = error instanceof IncompleteStreamError ? 'incomplete' : 'stopped'
    state &&= endRun(state, phase, now())
    if (error instanceof RefusedError && error.faults.length > 0) throw faultsOf(program, error, inputs)
    throw error
  } finally {
    if (state) board?.show(endRun(state, 'stopped', now()))
    board?.end(textAnswer && answer)
    board = undefined
  }
  if (signal.aborted) return
  if (state.error) throw new RunFailed(state.error, remedy?.(state.error.code))
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
  const isForAsker = [UsageError, InputsError, ConfigError, FileError].some((one) => error instanceof one)
  return isForAsker ? 2 : 1
})
// Whatever a program has opened, such as a connection, would keep the process alive. What was written is taken first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
