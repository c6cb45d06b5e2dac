/** `POST /v1/stream` and `POST /v1/programs/{name}/stream`: a question in, the frames of its run out. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Parts } from '../../compose.ts'
import type { Config } from '../../config.ts'
import { RunError } from '../../core/errors.ts'
import type { NamedProgram } from '../../core/program.ts'
import { logRun } from '../../telemetry/run-log.ts'
import { eventStream } from '../../wire/event-stream.ts'
import { native } from '../../wire/native.ts'
import { hasStalled } from '../connections.ts'
import { questionReader } from './asking.ts'
import { questionKeys } from './question.ts'
import { sendRun, startRun } from './resumable.ts'

export type StreamDeps = Parts & { readonly config: Config }

export function streamRoutes(app: FastifyInstance, deps: StreamDeps): void {
  const { programs } = deps
  streamRoute(app, '/v1/stream', programs.default, deps)
  for (const named of programs.all) streamRoute(app, `/v1/programs/${named.name}/stream`, named, deps)
}

function streamRoute(app: FastifyInstance, path: string, named: NamedProgram, deps: StreamDeps): void {
  const { lm, runs, config } = deps
  const read = questionReader(named.program, lm, config, questionKeys.ofStreams)

  app.post(path, async (request, reply) => {
    const { inputs, include, isResumable } = read(request.body)
    if (isResumable)
      return sendRun(request, reply, await startRun(request, named, { inputs, include }, deps), deps)
    const began = performance.now()
    const run = runs.start(named.program, inputs, { id: request.id, include })
    onClose(request, reply, async (lost) => {
      if (lost) run.abort(lost)
      logRun(reply.log, run, (await run.finished) ?? lost, performance.now() - began)
      run.leave()
    })
    // Headers leave with the first frame. A program without status messages sends its first one only when the model does.
    reply.raw.once('pipe', () => {
      if (run.frames.waiting === 0) reply.raw.flushHeaders()
    })
    return reply.headers(native.headers).send(eventStream(run.frames, native, config.HEARTBEAT_MS))
  })
}

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
