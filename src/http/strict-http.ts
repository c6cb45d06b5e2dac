/**
 * Requests that Node's parser accepts but that a proxy in front may read differently: the two would disagree about
 * where a request ends, or which host it is for. They are refused and their connection is closed.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { Problem, type RefusalCode } from './problem.ts'

/** Connections that are about to be closed: nothing more that comes on them may run. */
const closing = new WeakSet<Socket>()

/** Call it before any other hook that may refuse. It needs a server with `requireHostHeader: false`. */
export function refuseAmbiguousRequests(app: FastifyInstance): void {
  // With a callback, all of this happens while Node parses. A second request in the same packet comes after the first
  // one has been refused and before the connection is closed, and must not run either.
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    const problem = closing.has(raw.socket)
      ? badRequest('It follows a request that was refused.')
      : problemOf(raw)
    if (problem) closing.add(raw.socket)
    done(problem)
  })

  // Node would answer 417 itself, without a body. The hook above does it with a body.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
}

/** The refusal of a request whose address can't be decoded. */
export function badAddress({ socket }: IncomingMessage): Problem {
  closing.add(socket)
  return badRequest("The address can't be decoded.")
}

function problemOf({ headers, rawHeaders, httpVersion }: IncomingMessage): Problem | undefined {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
  if (hosts > 1) return badRequest('A request needs one Host header, not several.')
  if (hosts === 0 && httpVersion !== '1.0') return badRequest('A request needs a Host header.')
  if ((headers['transfer-encoding'] ?? 'chunked').toLowerCase() !== 'chunked')
    return badRequest("The only Transfer-Encoding that is accepted is 'chunked'.")
  // RFC 9110 §10.1.4: chunked is always acceptable and never listed.
  if (/(^|,)\s*chunked\s*(;|,|$)/i.test(`${headers.te ?? ''}`))
    return badRequest("A TE header must not list 'chunked'.")
  // HTTP/1.0 has no expectations; Node ignores them.
  if (httpVersion !== '1.0' && (headers.expect ?? '100-continue').toLowerCase() !== '100-continue')
    return closed('expectation_failed', "The only expectation that is supported is '100-continue'.")
  return undefined
}

const badRequest = (detail: string) => closed('bad_request', detail)

const closed = (code: RefusalCode, detail: string) =>
  new Problem(code, detail, { headers: { connection: 'close' } })
