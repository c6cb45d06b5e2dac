/** The log line of a refusal. */
import type { FastifyBaseLogger } from 'fastify'
import type { Problem } from './problem.ts'

/**
 * It holds neither the body nor the requested address, since either may hold something private.
 *
 * @param log the request's log, with its id and, if known, its client
 * @param remoteAddress undefined if the connection is already gone
 */
export function logRefusal(
  log: FastifyBaseLogger,
  { code, status }: Problem,
  remoteAddress: string | undefined,
): void {
  log.info({ code, status, remote_address: remoteAddress }, 'request refused')
}
