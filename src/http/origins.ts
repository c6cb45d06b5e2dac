/**
 * Which origins' pages are let in. A browser itself keeps the others from reading answers, as CORS tells it to. That doesn't
 * hold for sockets, nor for answers that nobody has to read: those routes look at the origin themselves.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { Problem } from './problem.ts'

/** Pages served from this machine, on any port, such as a developer's front end. */
const LOOPBACK = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/** The origins of the configuration, as CORS takes them. */
export const originsOf = ({ CORS_ORIGIN }: Pick<Config, 'CORS_ORIGIN'>): '*' | string[] | RegExp =>
  CORS_ORIGIN?.includes('*') ? '*' : (CORS_ORIGIN ?? LOOPBACK)

/**
 * Refuses OPTIONS requests that aren't preflights, whatever they are for: the plugin for CORS answers all of them, before keys
 * are looked at, and those in plain text. Call it before that is registered.
 */
export function refuseOtherOptions(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ method, headers }) => {
    if (method !== 'OPTIONS') return
    if (headers.origin !== undefined && headers['access-control-request-method'] !== undefined) return
    const detail =
      "An OPTIONS request is answered if a browser asks whether a page may send another one: it needs 'origin' and " +
      "'access-control-request-method'."
    throw new Problem('bad_request', detail)
  })
}

/** A hook that refuses pages of origins that aren't let in. A page of the service itself is, and whatever is no page. */
export function foreignOrigins(config: Pick<Config, 'CORS_ORIGIN'>) {
  const allowed = originsOf(config)
  const isAllowed = (origin: string) => {
    if (allowed === '*') return true
    return allowed instanceof RegExp ? allowed.test(origin) : allowed.includes(origin)
  }
  return async ({ headers: { origin, host } }: FastifyRequest): Promise<void> => {
    if (origin === undefined || isAllowed(origin)) return
    if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return
    throw foreignOrigin()
  }
}

export function foreignOrigin(): Problem {
  const detail =
    'Pages of this origin may not ask the service. Whoever runs it can let them in: by its list of origins for CORS.'
  return new Problem('foreign_origin', detail)
}
