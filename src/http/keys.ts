/** The keys that clients need if `API_KEYS` is set: who asks, and the refusal of anybody without one. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiKey } from '../config.ts'
import { Problem } from './problem.ts'
import { keyInProtocols } from './upgrades.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route also answers without a key. */
    readonly isOpen?: boolean
    /** Whether its clients may offer the key as a subprotocol, since they can set no header. */
    readonly keyInProtocol?: boolean
  }
}

/** The options of a route that answers without a key. */
export const OPEN = { config: { isOpen: true } }

const clients = new WeakMap<FastifyRequest, string>()

/** The client whose key a request has; undefined where none is needed, or none was sent. */
export const clientOf = (request: FastifyRequest): string | undefined => clients.get(request)

/**
 * Requires a key on every route that isn't {@link OPEN}, and where there is no route, so that nobody learns which
 * exist. Register it after CORS, which answers preflights (they can't carry a key) and lets pages read the refusal.
 */
export function wantKeys(app: FastifyInstance, keys: readonly ApiKey[]): void {
  const ownerOf = keyRing(keys)
  const lengths = new Set(keys.map(({ key }) => key.length))

  app.addHook('onRequest', async (request, reply) => {
    const sent = keySent(request)
    const client = ownerOf(sent)
    if (client !== undefined) {
      clients.set(request, client)
      request.log = request.log.child({ client })
      reply.log = request.log
    }
    // Addresses are kept in browser histories and proxy logs. A key in one is refused even if it isn't needed, so that
    // somebody notices. Only texts as long as a key are looked up: 16 KB of other texts would take too long.
    const isInAddress = textsOf(request.url).some(
      (text) => lengths.has(text.length) && ownerOf(text) !== undefined,
    )
    if (isInAddress || (client === undefined && !request.routeOptions.config.isOpen)) throw unauthorized()
  })
}

function keySent({ headers, routeOptions }: FastifyRequest): string {
  if (headers.authorization === undefined && routeOptions.config.keyInProtocol) {
    return keyInProtocols(headers['sec-websocket-protocol'])
  }
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
}

/**
 * Finds the client that a key belongs to. It takes the same time for every key: digests have one length, and all of
 * them are compared.
 */
function keyRing(keys: readonly ApiKey[]): (sent: string) => string | undefined {
  const ring = keys.map(({ name, key }) => ({ name, digest: digestOf(key) }))
  return (sent) => {
    const digest = digestOf(sent)
    return ring.filter((one) => timingSafeEqual(one.digest, digest))[0]?.name
  }
}

const digestOf = (text: string) => createHash('sha256').update(text).digest()

/** What may be a key in a URL's query: each parameter and its value, both raw and decoded. */
function textsOf(url: string): string[] {
  const at = url.indexOf('?')
  if (at === -1) return []
  return url
    .slice(at + 1)
    .split('&')
    .flatMap((parameter) => {
      const value = parameter.slice(parameter.indexOf('=') + 1)
      return [parameter, decoded(parameter), value, decoded(value)]
    })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The same sentence whatever was wrong, so that it doesn't help to guess. */
export function unauthorized(): Problem {
  const detail =
    "The service wants a key: send the header 'authorization: Bearer <key>' with one that it knows. A key in the " +
    'address is refused, even with a correct header.'
  return new Problem('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer' } })
}
