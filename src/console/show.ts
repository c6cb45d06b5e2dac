/** A run on the console: a board on a terminal, plain text elsewhere, or its frames as JSON; and its answer. */
import { once } from 'node:events'
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
import { answerOf, textAnswerOf, writeAnswer } from './answer.ts'
import { Board } from './board.ts'
import { harmlessJson, harmlessLine } from './harmless.ts'
import { faultsOf } from './inputs.ts'
import type { Options } from './options.ts'
import { PlainLog } from './plain.ts'
import type { Inputs, Source } from './source.ts'

type Shown = Pick<Options, 'reasoning' | 'json'>

/** Drawn on from the moment that the inputs are known to be right. */
let board: Board | undefined

/** Writes text to standard error as it is. */
export const say = (text: string) => void process.stderr.write(text)

/** Says something in a line, which stands above the board if there is one. */
export function sayLine(text: string): void {
  if (board) board.say(text)
  else say(`${harmlessLine(text)}\n`)
}

/** The terminal that a board can be drawn on. Everything else gets plain text, such as a terminal without cells. */
function boardTerminal({ json }: Shown): WriteStream | undefined {
  const { CI, TERM } = process.env
  const { stderr } = process
  const isDrawable = stderr.isTTY && stderr.columns > 0 && stderr.rows > 0
  return isDrawable && !json && !CI && TERM !== 'dumb' ? stderr : undefined
}

/**
 * Checks the inputs, loads the model, runs the program and shows all of it.
 *
 * @throws RunFailed if the run ended in an error; InputsError; whatever else asking throws
 */
export async function show(
  { program, model, check, load, ask, now, remedy }: Source,
  inputs: Inputs,
  options: Shown,
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
