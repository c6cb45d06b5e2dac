/** Answers to requests that get no stream: each is a refusal that says what to change. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { excerpt } from '../core/fault.ts'
import { LogUnavailable } from '../runs/log.ts'
import { KeyTaken } from '../runs/resumable-runs.ts'
import { NotAdmitted } from '../runs/runs.ts'
import { Problem } from './problem.ts'
import { logRefusal } from './refusal-log.ts'
import { keyTaken } from './run-problems.ts'

/** A refusal as the clients of a route read it. */
export type Refusal = (
  problem: Problem,
  requestId: string,
) => { readonly type: string; readonly body: string }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of routes whose clients read something other than problem documents. */
    readonly refusal?: Refusal
  }
}

const problemDocument: Refusal = (problem, requestId) => ({
  type: 'application/problem+json',
  body: JSON.stringify(problem.toBody(requestId)),
})

/**
 * Bytes of a body that are worth reading although they are too many. Many clients read nothing before they have sent all
 * of it, nginx among them. A connection that is closed meanwhile is reset, and they never see the answer.
 */
const MAX_DISCARDED = 16 * 1024 * 1024

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Refuses what no route is there for, and answers what hooks and routes throw. */
export function answerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request) => {
    const path = request.url.split('?', 1)[0] as string
    const allowed = METHODS.filter((method) => app.hasRoute({ method, url: path }))
    if (allowed.length === 0)
      throw new Problem('not_found', `There is nothing at ${excerpt(path)}. See /docs.`)
    const detail = `${excerpt(path)} takes ${allowed.join(', ')}, not ${request.method}.`
    throw new Problem('method_not_allowed', detail, { headers: { allow: allowed.join(', ') } })
  })

  app.setErrorHandler(answerError)
}

/** Answers with what was thrown before a stream began. */
export function answerError(
  error: FastifyError | Problem | Unready,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const problem = loggedProblem(error, request)
  const { refusal = problemDocument } = request.routeOptions.config
  const { type, body } = refusal(problem, request.id)
  // Fastify would close the connection. Without that, Node reads the rest and forgets it, within the time of any request.
  const isShort = Number(request.headers['content-length']) <= MAX_DISCARDED
  if (problem.code === 'body_too_large' && isShort) reply.removeHeader('connection')
  return reply.status(problem.status).headers(problem.headers).type(type).send(body)
}

/** What was thrown before a stream began, as a refusal that is in the log. */
export function loggedProblem(error: FastifyError | Problem | Unready, request: FastifyRequest): Problem {
  const problem = error instanceof Problem ? error : problemOf(error, request)
  if (problem.status === 500) request.log.error({ err: error }, 'request failed')
  logRefusal(request.log, problem, request.ip)
  return problem
}

/** What runs throw before they begin. */
type Unready = NotAdmitted | LogUnavailable | KeyTaken

/** An error thrown before a stream begins, as a refusal that says what to change. */
function problemOf(error: FastifyError | Unready, request: FastifyRequest): Problem {
  if (error instanceof NotAdmitted || error instanceof LogUnavailable) {
    const detail = `${error.message} Ask again in ${error.retryAfter} seconds.`
    return new Problem(error.code, detail, { headers: { 'retry-after': String(error.retryAfter) } })
  }
  if (error instanceof KeyTaken) return keyTaken()
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem(
        'body_too_large',
        `The body may have ${request.routeOptions.bodyLimit} bytes. Ask a shorter question.`,
      )
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': {
      const sent = request.headers['content-type']
        ? `'${excerpt(request.headers['content-type'])}'`
        : 'no content type'
      const detail = `The body came with ${sent}. Send JSON and say so: add the header 'content-type: application/json'.`
      return new Problem('unsupported_media_type', detail)
    }
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Problem('bad_body', "The body isn't as long as its content-length says.")
    default:
      if (error.statusCode !== undefined && error.statusCode < 500) {
        return new Problem('bad_request', 'The request is malformed.')
      }
      return new Problem('internal', 'Something went wrong inside the service; its log says what.')
  }
}
