/** `POST /v1/stream` and `POST /v1/programs/{name}/stream`: a question in, the frames of its run out. */
import type { FastifyInstance } from 'fastify'
import type { Parts } from '../../compose.ts'
import type { Config } from '../../config.ts'
import type { NamedProgram } from '../../core/program.ts'
import { native } from '../../wire/native.ts'
import { infoOf, runOf, sendFrames } from '../run-reply.ts'
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
    const run = runOf(request, reply, named, inputs, { include }, runs)
    return sendFrames(reply, run, native, infoOf(request.id, named), config)
  })
}
