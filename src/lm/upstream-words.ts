/** What an upstream says of its troubles, made fit for clients. */
import { isIPv6 } from 'node:net'
import { RunError } from '../core/errors.ts'

/**
 * An error that the upstream reports in words of its own, as a RunError with those words cleaned.
 *
 * @param cause for the log: all that is known of it
 */
export function upstreamError(said: unknown, cause: unknown = said): RunError {
  const words = clean(said)
  return new RunError('upstream_error', {
    cause,
    ...(words !== '' && { message: `The model's endpoint says: ${words}` }),
  })
}

/** What may be an IPv6 address, in brackets or not. */
const IPV6 = /\[?((?:[0-9a-f]*:){2,}(?:[0-9a-f]+(?:\.\d+)*)?)(?:%\w+)?(?:\](?::\d+)?)?/gi

/**
 * Words of an upstream, fit to be shown to a client: the first line, at most 200 characters, without what looks
 * like a key, an address or a host name.
 *
 * @param said a string, or an object whose `message` is one
 */
export function clean(said: unknown): string {
  const text = typeof said === 'object' && said !== null && 'message' in said ? said.message : said
  if (typeof text !== 'string') return ''
  return (text.slice(0, 1_000).split(/[\r\n]/, 1)[0] as string) // no more, since these patterns are not linear
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, '[address]')
    .replace(/\b(sk|pk)[-_]\S{6,}|\bbearer\s+\S{6,}|\b(api[-_ ]?)?(key|token)\s*[:=]\s*\S{6,}/gi, '[key]')
    .replace(/\b(key|token)\s+(?=\S*\d)\S{6,}/gi, '[key]')
    .replace(/\b[\w-]{32,}/g, '[key]')
    .replace(IPV6, (words, address: string) => (isIPv6(address) ? '[address]' : words))
    .replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?/g, '[address]')
    .replace(/\b(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,})(:\d+)?\b/gi, '[address]')
    .slice(0, 200)
    .trim()
}
