/** Requests that ask for their connection to become a WebSocket (RFC 6455). */
import type { IncomingMessage } from 'node:http'
import { isAnswering } from './connections.ts'
import { Problem } from './problem.ts'

/** Where they may ask for it. */
export const SOCKET_PATH = '/v1/ws'

/** What a client offers to be understood, so that the service can choose something other than its key. */
const PROTOCOL = 'tributary'
/** How the offer begins that is a key, percent-encoded, since a subprotocol is a token. */
const KEY_PROTOCOL = 'tributary.key.'

/**
 * Whether Node is to hand the connection over. Elsewhere and otherwise, the header is an offer that nobody takes. While an
 * answer is under way, the connection is that answer's.
 */
export function isUpgrade({ method, url = '', headers, socket }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    url.split('?', 1)[0] === SOCKET_PATH &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] ?? '0') === '0' &&
    !isAnswering(socket)
  )
}

/** @throws Problem for a handshake that isn't one */
export function checkHandshake({ headers }: IncomingMessage): void {
  const version = headers['sec-websocket-version']
  if (version !== '13') throw wrongVersion()
  if (!/^[\da-z+/]{22}==$/i.test(headers['sec-websocket-key'] ?? '')) {
    throw new Problem('bad_request', "The handshake has no valid 'sec-websocket-key'.")
  }
  const offered = headers['sec-websocket-protocol']
  if (offered === undefined) return
  const names = namesIn(offered)
  if (new Set(names).size < names.length || !names.every((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))) {
    throw new Problem('bad_request', "'sec-websocket-protocol' must list tokens, each of them once.")
  }
}

export const wrongVersion = (): Problem =>
  new Problem('bad_request', 'The only version of WebSocket that is spoken here is 13.', {
    headers: { 'sec-websocket-version': '13' },
  })

export function upgradeRequired(): Problem {
  const detail = `${SOCKET_PATH} takes WebSockets, one on each connection. Ask /v1/stream with a POST otherwise.`
  return new Problem('upgrade_required', detail, { headers: { upgrade: 'websocket' } })
}

/** The subprotocol that is chosen of those that are offered: never the key, which would be repeated then. */
export const chosenProtocol = (offered: ReadonlySet<string>): string | false =>
  offered.has(PROTOCOL) && PROTOCOL

/** The key among the subprotocols that are offered; '' where there is none. */
export function keyInProtocols(offered: string | undefined): string {
  const sent = namesIn(offered ?? '').find((name) => name.startsWith(KEY_PROTOCOL))
  try {
    return decodeURIComponent(sent?.slice(KEY_PROTOCOL.length) ?? '')
  } catch {
    return ''
  }
}

const namesIn = (offered: string) => offered.split(',').map((name) => name.trim())
