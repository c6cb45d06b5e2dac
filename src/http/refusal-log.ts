/** The line that a refusal leaves in the log. */
import type { FastifyBaseLogger } from 'fastify'
import type { Problem } from './problem.ts'

/**
 * Neither body nor address is in it: either may hold what is nobody else's business.
 *
 * @param log the request's, with its id and, where it is known, its client
 * @param remoteAddress undefined where the connection is already gone
 */
export function logRefusal(
  log: FastifyBaseLogger,
  { code, status }: Problem,
  remoteAddress: string | undefined,
): void {
  log.info({ code, status, remote_address: remoteAddress }, 'request refused')
}
