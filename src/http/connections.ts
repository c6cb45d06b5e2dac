/**
 * How much of the service one connection may hold, and for how long. By default, Node and Fastify let an answer wait
 * for its reader for ever, and let any number of requests wait on one connection. What waits isn't in V8's heap, so no
 * heap limit helps.
 *
 * A connection is destroyed when nothing moves on it for `connectionTimeout`, which is STALL_MS, unless a request is
 * under way whose answer has nothing to send, such as a stream whose model is silent. Without a request, Node does it
 * by itself: for a connection that was refused and never closed, or that never sent a request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Requests that may wait on one connection for their answers. Browsers and HTTP libraries send one at a time. */
const MAX_UNANSWERED = 16

/**
 * Requests after which a connection is closed, so that clients spread over the processes that share a port. Node's
 * `maxRequestsPerSocket` isn't used: it sends `connection: close` and then waits for the client to close.
 */
const MAX_REQUESTS = 1_000

type Requests = { waiting: number; total: number; last?: ServerResponse }

const requests = new WeakMap<Socket, Requests>()
const stalled = new WeakSet<Socket>()

/** Whether a request on this connection waits for its answer. */
export const isAnswering = (socket: Socket): boolean => (requests.get(socket)?.waiting ?? 0) > 0

/** Whether Node has let go of a request's connection, for it to become something other than HTTP. */
export const isHandedOver = (request: IncomingMessage): boolean =>
  (request as { upgrade?: boolean | null }).upgrade === true // types for it are missing

/** @param maxConnections connections that may be open; any more are closed as they come */
export function limitConnections(app: FastifyInstance, maxConnections: number): void {
  app.server.maxConnections = maxConnections
  app.addHook('onRequest', (request, reply, next) => {
    const { socket } = request.raw
    const ofSocket: Requests = requests.get(socket) ?? { waiting: 0, total: 0 }
    requests.set(socket, ofSocket)
    if (ofSocket.waiting >= MAX_UNANSWERED) socket.destroy()
    // Node still parses what came in the same read; nothing of it may run.
    if (socket.destroyed) {
      reply.hijack()
      return
    }
    const before = ofSocket.waiting > 0 ? ofSocket.last : undefined
    ofSocket.last = reply.raw
    ofSocket.waiting++
    ofSocket.total++
    if (ofSocket.total >= MAX_REQUESTS) reply.header('connection', 'close')
    reply.raw.once('close', () => ofSocket.waiting--)
    if (isHandedOver(request.raw)) {
      // Node has let go of the socket: neither does it say that it has timed out, nor would it close it after a refusal.
      socket.on('timeout', () => dropStalled(socket))
      reply.raw.once('finish', () => socket.destroySoon())
    } else {
      // This listener also keeps Node from destroying the socket itself.
      reply.raw.on('timeout', () => dropStalled(socket))
    }
    // A page waits for its turn, or each one in line would hold a buffer of its own. A question doesn't wait: while its
    // body waits, the connection isn't read, and nobody would see the client leave.
    if (!before || request.method === 'POST') next()
    else {
      before.once('close', () => {
        if (!socket.destroyed) next()
      })
    }
  })
}

/** At a timeout, nothing was read or written for a time. So if bytes are waiting, their reader takes nothing. */
function dropStalled(socket: Socket): void {
  if (socket.writableLength === 0) return
  stalled.add(socket)
  socket.destroy()
}

/** Whether a connection was destroyed because its reader took nothing. */
export const hasStalled = (socket: Socket): boolean => stalled.has(socket)
