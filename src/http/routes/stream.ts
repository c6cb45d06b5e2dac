/** `POST /v1/stream` and `POST /v1/programs/{name}/stream`: a question in, the frames of its run out. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Parts } from '../../compose.ts'
import { type Config, inputLimitsOf } from '../../config.ts'
import type { Values } from '../../core/adapters/adapter.ts'
import { adaptersFor } from '../../core/adapters/adapters.ts'
import type { AdapterName } from '../../core/adapters/names.ts'
import { errorCodes, RunError } from '../../core/errors.ts'
import { type LM, lmFor } from '../../core/lm.ts'
import type { Program } from '../../core/program.ts'
import { logRun } from '../../telemetry/run-log.ts'
import { eventStream } from '../../wire/event-stream.ts'
import { native } from '../../wire/native.ts'
import { hasStalled } from '../connections.ts'
import { Problem } from '../problem.ts'
import { checkQuestion } from './question.ts'

export type StreamDeps = Parts & { readonly config: Config }

export function streamRoutes(app: FastifyInstance, deps: StreamDeps): void {
  const { programs } = deps
  streamRoute(app, '/v1/stream', programs.default.program, deps)
  for (const { name, program } of programs.all) {
    streamRoute(app, `/v1/programs/${name}/stream`, program, deps)
  }
}

function streamRoute(
  app: FastifyInstance,
  path: string,
  program: Program,
  { lm, runs, config }: StreamDeps,
): void {
  const limits = inputLimitsOf(config)
  const refuseWhatDoesNotFit = promptCheck(lm, config.LM_ADAPTER, program)

  app.post(path, (request, reply) => {
    const { inputs, include } = checkQuestion(program, limits, request.body)
    refuseWhatDoesNotFit(inputs)
    const began = performance.now()
    const run = runs.start(program, inputs, { id: request.id, include })
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
 * Refuses a question that the model's context can't hold, as far as that is known before the stream: by the
 * prompts of the predictors that take nothing but what the program is asked.
 */
function promptCheck(lm: LM, fallback: AdapterName, program: Program): (inputs: Values) => void {
  const asked = new Map(program.inputs.map(({ name, type }) => [name, type.text]))
  const opening = program.places
    .flatMap((place) => (place.kind === 'predictor' ? [place.predictor] : []))
    .filter((predictor) => predictor.inputs.every(({ name, type }) => asked.get(name) === type.text))
  return (inputs) => {
    const fits = opening.every((predictor) => {
      return predictor.asking.roles.some((role) => {
        const model = lmFor(lm, role)
        const [adapter] = adaptersFor(predictor, fallback, model)
        const form = { signature: predictor, adapter: adapter.name }
        return model.fits?.(adapter.prompt(predictor, inputs), form) ?? true
      })
    })
    if (!fits) throw new Problem('prompt_too_long', errorCodes.prompt_too_long.message)
  }
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
