/**
 * Requests that aren't valid HTTP or don't arrive in time. They are answered on the bare socket, which is then closed.
 */
import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { Problem } from './problem.ts'
import { logRefusal } from './refusal-log.ts'

/**
 * For Node's `clientError`: there is no request and no response yet.
 *
 * @param log a log without a request id: each answer gets one of its own
 */
export function refuseBadRequests(log: FastifyBaseLogger) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    // After a reset there is nobody to answer. And if something has been sent, it may be part of a stream: an answer
    // must not come after it.
    if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
      socket.destroy()
      return
    }
    const problem = problemOf(error.code)
    const id = randomUUID()
    const body = JSON.stringify(problem.toBody(id))
    logRefusal(log.child({ request_id: id }), problem, socket.remoteAddress)
    socket.end(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
        `connection: close\r\ncontent-type: application/problem+json\r\nx-request-id: ${id}\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }
}

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout', 'The request took too long to arrive.')
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large', 'The header fields are too large. Send fewer or shorter ones.')
    default:
      return new Problem('bad_request', "The request isn't valid HTTP.")
  }
}
