/** Runs that outlive their connection: `/v1/runs`, and what can be done with one by its id. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { NamedProgram } from '../../core/program.ts'
import { errorFrame, predictionFrame } from '../../core/schemas.ts'
import type { Opened } from '../../runs/log.ts'
import { written } from '../../runs/position.ts'
import { logRun } from '../../telemetry/run-log.ts'
import { clientOf } from '../keys.ts'
import { noSuchRun } from '../run-problems.ts'
import { questionReader } from './asking.ts'
import { questionKeys } from './question.ts'
import { addressOf, positionAsked, sendReading, startRun } from './resumable.ts'
import type { StreamDeps } from './stream.ts'

export const runState = z
  .object({
    id: z.string().describe('Whoever knows it may read the run: keep it as you keep a key.'),
    program: z.string().describe('The name of its program.'),
    inputs: z.record(z.string(), z.unknown()).describe('What it was asked.'),
    status: z.enum(['running', 'done', 'failed', 'cancelled']),
    attempt: z.int().min(0).describe('How many processes have worked on it.'),
    position: z.string().describe('The id of its last event.'),
    created_at: z.iso.datetime(),
    duration_ms: z.int().min(0).describe('Milliseconds since then: until its end, or until now.'),
    expires_at: z.iso.datetime().optional().describe('When it is forgotten; of a run that is over.'),
    prediction: predictionFrame.optional(),
    error: errorFrame.optional(),
  })
  .describe('A run that outlives its connection.')

export type RunState = z.infer<typeof runState>

export const runStarted = z.object({ id: z.string(), status: z.literal('running') })

export function runsRoutes(app: FastifyInstance, deps: StreamDeps): void {
  const { programs, resumable, config } = deps
  // Whoever began it may be long gone: the line is the run's own.
  resumable.onEnd = ({ id, requestId, principal: client, run, error, durationMs }) =>
    logRun(
      app.log.child({ request_id: requestId, run: inLog(id), ...(client !== undefined && { client }) }),
      run,
      error,
      durationMs,
    )

  startRoute(app, '/v1/runs', programs.default, deps)
  for (const named of programs.all) startRoute(app, `/v1/programs/${named.name}/runs`, named, deps)

  const open = async (request: FastifyRequest): Promise<Opened> => {
    const { id } = request.params as { id: string }
    const opened = await resumable.open(id, clientOf(request))
    if (opened) return opened
    throw noSuchRun()
  }
  const stateOf = ({ tail }: Opened): RunState => {
    const { id, header, position, endedAt, end } = tail
    return {
      id,
      program: header.program,
      inputs: header.inputs,
      status: statusOf(end),
      attempt: position.attempt,
      position: written(position),
      created_at: timeOf(header.createdAt),
      duration_ms: Math.max(0, (endedAt ?? Date.now()) - header.createdAt), // two machines may have written these
      ...(endedAt !== undefined && { expires_at: timeOf(endedAt + config.RUN_RETENTION_MS) }),
      ...(end?.type === 'prediction' && { prediction: end }),
      ...(end?.type === 'error' && { error: end }),
    }
  }

  app.get('/v1/runs/:id', async (request, reply) => {
    const opened = await open(request)
    opened.leave()
    return reply.header('cache-control', 'no-store').send(stateOf(opened))
  })

  app.get('/v1/runs/:id/stream', { exposeHeadRoute: false }, async (request, reply) => {
    positionAsked(request) // refused before anything is looked up
    return sendReading(request, reply, await open(request), deps)
  })

  app.post('/v1/runs/:id/cancel', async (request, reply) => {
    const opened = await open(request)
    try {
      await resumable.cancel(opened)
      return reply.header('cache-control', 'no-store').send(stateOf(opened))
    } finally {
      opened.leave()
    }
  })

  app.delete('/v1/runs/:id', async (request, reply) => {
    const opened = await open(request)
    try {
      await resumable.erase(opened)
      return reply.status(204).send()
    } finally {
      opened.leave()
    }
  })
}

function startRoute(app: FastifyInstance, path: string, named: NamedProgram, deps: StreamDeps): void {
  const read = questionReader(named.program, deps.lm, deps.config, questionKeys.ofRuns)

  app.post(path, async (request, reply) => {
    const run = await startRun(request, named, read(request.body), deps)
    run.leave()
    const { id, end } = run.tail
    return reply
      .status(run.isNew ? 201 : 200)
      .headers({ ...addressOf(run), 'cache-control': 'no-store' })
      .send({ id, status: statusOf(end) })
  })
}

function statusOf(end: Opened['tail']['end']): RunState['status'] {
  if (!end) return 'running'
  if (end.type !== 'error') return 'done'
  return end.code === 'cancelled' ? 'cancelled' : 'failed'
}

const timeOf = (ms: number) => new Date(ms).toISOString()

/** An id is a key to the run: the log has no more of it than finds it. */
const inLog = (id: string) => id.slice(0, 6)
