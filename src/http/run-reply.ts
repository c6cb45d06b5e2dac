/** A run as the answer of a request, in whatever dialect: its models stop when the client goes away. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import type { Values } from '../core/adapters/adapter.ts'
import { RunError } from '../core/errors.ts'
import type { NamedProgram } from '../core/program.ts'
import type { AdmittedRun, Runs, StartOptions } from '../runs/runs.ts'
import { logRun } from '../telemetry/run-log.ts'
import type { Dialect, RunInfo } from '../wire/dialect.ts'
import { eventStream } from '../wire/event-stream.ts'
import { hasStalled } from './connections.ts'

/**
 * Starts a run that ends with its request, and is in the log when it has.
 *
 * @param inputs what the program takes, checked
 * @throws NotAdmitted
 */
export function runOf(
  request: FastifyRequest,
  reply: FastifyReply,
  named: NamedProgram,
  inputs: Values,
  options: RunOfOptions,
  runs: Runs,
): AdmittedRun {
  const { run, over } = beginRun(request, named, inputs, options, runs)
  onClose(request, reply, over)
  return run
}

type RunOfOptions = Pick<StartOptions, 'include' | 'takesBack'>

/**
 * Starts a run.
 *
 * @returns it, and a function to call once: when its reader has all of it, or with the reason why the reader is lost. Then
 *   nothing is left of it, and it is in the log
 * @throws NotAdmitted
 */
export function beginRun(
  request: FastifyRequest,
  { program }: NamedProgram,
  inputs: Values,
  options: RunOfOptions,
  runs: Runs,
): { readonly run: AdmittedRun; readonly over: (lost: RunError | undefined) => void } {
  const began = performance.now()
  const run = runs.start(program, inputs, { id: request.id, ...options })
  return {
    run,
    async over(lost) {
      if (lost) run.abort(lost)
      logRun(request.log, run, (await run.finished) ?? lost, performance.now() - began)
      run.leave()
    },
  }
}

/** Answers with what a run writes, as it writes it. */
export function sendFrames(
  reply: FastifyReply,
  run: AdmittedRun,
  dialect: Dialect,
  info: RunInfo,
  { HEARTBEAT_MS }: Config,
): FastifyReply {
  // Headers leave with the first frame. A program without status messages sends its first one only when the model does.
  reply.raw.once('pipe', () => {
    if (run.frames.waiting === 0) reply.raw.flushHeaders()
  })
  return reply.headers(dialect.headers).send(eventStream(run.frames, dialect, info, HEARTBEAT_MS))
}

/** What a dialect is told of a run. */
export const infoOf = (id: string, { name, program }: NamedProgram): RunInfo => ({
  id,
  program: name,
  answer: program.answer,
  createdAt: Math.floor(Date.now() / 1_000),
})

/**
 * Calls `end` once, when the response is over: with the reason when the client didn't take all of it.
 *
 * Fastify's `request.signal` fires while the client is still there, and its `onResponse` doesn't run when the
 * client leaves; the raw response's `close` without `finish` is the reliable sign. A client that half-closes counts
 * as gone, as for Node: its FIN looks like that of a closed client.
 */
function onClose(
  { raw: { socket } }: FastifyRequest, // the response has none while it waits for an earlier one's end
  { raw }: FastifyReply,
  end: (lost: RunError | undefined) => void,
): void {
  raw.once('close', () => {
    if (raw.writableFinished) end(undefined)
    else end(new RunError(hasStalled(socket) ? 'client_stalled' : 'client_closed'))
  })
}
