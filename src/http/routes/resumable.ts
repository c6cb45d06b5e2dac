/** What the routes of runs that outlive their connection have in common: starting one, and sending what it writes. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Parts } from '../../compose.ts'
import type { Config } from '../../config.ts'
import type { NamedProgram } from '../../core/program.ts'
import type { Opened } from '../../runs/log.ts'
import { isAfter, type Position, positionOf } from '../../runs/position.ts'
import { native } from '../../wire/native.ts'
import { FROM_START, resumableStream } from '../../wire/resumable.ts'
import { clientOf } from '../keys.ts'
import { Problem } from '../problem.ts'
import { noSuchEvent } from '../run-problems.ts'
import type { Question } from './question.ts'

export type ResumableDeps = Pick<Parts, 'resumable'> & { readonly config: Config }

/** Nobody but the client is to keep what a run wrote, and nobody in between. */
export const NOT_STORED = { 'cache-control': 'no-store, no-transform' }

const HEADERS = { ...native.headers, ...NOT_STORED }

type Started = Opened & { readonly isNew: boolean }

/**
 * Starts a run, or finds the one that was started with the same `idempotency-key`.
 *
 * @throws Problem for a key that can't be, or that stands for another question; NotAdmitted; LogUnavailable
 */
export function startRun(
  request: FastifyRequest,
  program: NamedProgram,
  { inputs, include }: Pick<Question, 'inputs' | 'include'>,
  { resumable }: ResumableDeps,
): Promise<Started> {
  const key = request.headers['idempotency-key']
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(String(key))) {
    throw new Problem('bad_request', 'An Idempotency-Key has 1 to 255 visible ASCII characters.')
  }
  return resumable.start({
    program,
    inputs,
    include,
    requestId: request.id,
    principal: clientOf(request),
    key: key === undefined ? undefined : String(key),
  })
}

/** Answers with what a run writes, to the client that started it. */
export function sendRun(
  request: FastifyRequest,
  reply: FastifyReply,
  run: Started,
  deps: ResumableDeps,
): FastifyReply {
  const after = run.isNew ? FROM_START : positionAsked(request)
  reply.headers(addressOf(run))
  return send(reply, run, { after, deps })
}

/** Answers with what a run writes, to whoever reads it. */
export function sendReading(
  request: FastifyRequest,
  reply: FastifyReply,
  opened: Opened,
  deps: ResumableDeps,
): FastifyReply {
  const { tail } = opened
  const after = positionAsked(request)
  if (after && tail.endedAt !== undefined && !isAfter(tail.position, after)) {
    opened.leave()
    if (isAfter(after, tail.position)) throw noSuchEvent()
    return reply.status(204).send() // an EventSource asks no more
  }
  // Drawn, so that those whose instance has died don't all come at once.
  return send(reply, opened, { after, deps, retryMs: 500 + Math.floor(Math.random() * 1_000) })
}

/** How a run is named to whoever started it. */
export const addressOf = ({ tail: { id } }: Opened) => ({ 'x-run-id': id, location: `/v1/runs/${id}` })

/**
 * What the client has. Its header goes before its address, which an `EventSource` repeats as it was.
 *
 * @throws Problem for an id that no event has
 */
export function positionAsked({ headers, query }: FastifyRequest): Position | undefined {
  const asked = headers['last-event-id'] ?? (query as { after?: unknown }).after
  if (asked === undefined || asked === '') return undefined
  const position = positionOf(String(asked))
  if (position) return position
  throw noSuchEvent()
}

function send(
  reply: FastifyReply,
  { tail, leave }: Opened,
  { after, deps, retryMs }: { after: Position | undefined; deps: ResumableDeps; retryMs?: number },
): FastifyReply {
  const stream = resumableStream(tail, {
    after,
    heartbeatMs: deps.config.HEARTBEAT_MS,
    ...(retryMs !== undefined && { retryMs }),
    leave,
    onMoved: () => reply.raw.destroy(), // without [DONE], which would be the end of the run
  })
  reply.raw.once('pipe', () => {
    if (stream.readableLength === 0) reply.raw.flushHeaders()
  })
  return reply.headers(HEADERS).send(stream)
}
