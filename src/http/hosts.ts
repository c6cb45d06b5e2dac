/**
 * Which host names the service answers to. Any site can make its own name resolve to 127.0.0.1 (DNS rebinding). To a
 * browser, its pages then have the same origin as a service on this machine, and CORS doesn't apply. But the name that
 * they asked for is still in `Host`.
 */
import { isIPv4 } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { Problem } from './problem.ts'

/**
 * Whether a name or an address means this machine, whatever DNS says.
 *
 * @param host without a port; an IPv6 address with or without its brackets
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  return (
    /^([\w-]+\.)*localhost$/.test(name) ||
    (isIPv4(name) && name.startsWith('127.')) ||
    name === '::1' ||
    name === '[::1]'
  )
}

/**
 * Refuses requests for other hosts on every route, if the service listens on loopback only or `ALLOWED_HOSTS` lists
 * names. Loopback names are always answered: nobody else can have them, and health checks inside a container use them.
 */
export function refuseOtherHosts(
  app: FastifyInstance,
  { HOST, ALLOWED_HOSTS }: Pick<Config, 'HOST' | 'ALLOWED_HOSTS'>,
): void {
  if (ALLOWED_HOSTS ? ALLOWED_HOSTS.includes('*') : !isLoopback(HOST)) return
  const allowed = new Set(ALLOWED_HOSTS)
  app.addHook('onRequest', async ({ headers: { host } }) => {
    if (host === undefined) return // HTTP/1.0, which no browser speaks
    const name = nameOf(host)
    if (name === undefined || !(allowed.has(name) || isLoopback(name))) {
      throw wrongHost()
    }
  })
}

/** The name in a Host header, in lower case, without the port and the dot of an absolute name. */
function nameOf(host: string): string | undefined {
  return /^(\[[\da-f:.]+\]|[\w.-]*\w)\.?(:\d*)?$/.exec(host.toLowerCase())?.[1]
}

export function wrongHost(): Problem {
  const detail =
    'The service does not answer to the name in the Host header. If it runs on your machine, ask it as localhost; ' +
    'whoever runs it can allow other names.'
  return new Problem('wrong_host', detail)
}
