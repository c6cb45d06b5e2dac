/** The words of an error that an upstream reports, made fit for clients. */
import { isIPv6 } from 'node:net'
import type { Strike } from '../../secrets.ts'
import { jsonValue } from './json-value.ts'

/** Anything that may be an IPv6 address, with or without brackets. */
const IPV6 = /\[?((?:[0-9a-f]*:){2,}(?:[0-9a-f]+(?:\.\d+)*)?)(?:%\w+)?(?:\](?::\d+)?)?/gi

/** Dotted words that aren't a host: names of error classes, such as `litellm.InternalServerError`. */
const ERROR_CLASS = /\.[A-Z]\w*(?:Error|Exception|Timeout|Warning)$/

/**
 * An upstream's words, fit to be shown to a client: the first line, at most 200 characters, without the configured
 * secrets and without anything that looks like a key, an address or a host name.
 *
 * @param said a string, or an object whose `message` or `detail` is one
 * @param strike removes the configured secrets. It runs first, before anything is cut
 */
export function clean(said: unknown, strike: Strike): string {
  return (
    strike(wordsIn(said))
      .slice(0, 1_000)
      .split(/[\r\n]/, 1)[0] as string
  ) // no more than this, since the patterns below aren't linear
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, '[address]')
    .replace(/\b(sk|pk)[-_]\S{6,}|\bbearer\s+\S{6,}|\b(api[-_ ]?)?(key|token)\s*[:=]\s*\S{6,}/gi, '[key]')
    .replace(/\b(key|token)\s+(?=\S*\d)\S{6,}/gi, '[key]')
    .replace(/\b[\w-]{32,}/g, '[key]')
    .replace(IPV6, (words, address: string) => (isIPv6(address) ? '[address]' : words))
    .replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?/g, '[address]')
    .replace(/\b(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,})(:\d+)?\b/gi, (words) =>
      ERROR_CLASS.test(words) ? words : '[address]',
    )
    .slice(0, 200)
    .trim()
}

/**
 * The sentence in a body or an event that reports an error. Servers put it in `message` or in `detail` (FastAPI, which
 * puts a list of faults there when it refuses a body), at the top level or in an `error`. Some send a list of one.
 *
 * @returns '' if there is none
 */
export function wordsIn(said: unknown): string {
  if (typeof said === 'string') return said
  if (Array.isArray(said)) return wordsIn(said[0])
  if (typeof said !== 'object' || said === null) return ''
  const { error, message, detail, msg } = said as Record<string, unknown>
  return wordsIn(error ?? message ?? detail ?? msg)
}

/**
 * The beginning of a body that reports an error, without what FastAPI repeats of the request under `input`: a question
 * may be about anything that an error may be about.
 */
export function withoutEcho(body: string): string {
  const said = jsonValue(body)
  const text =
    said === undefined ? body : JSON.stringify(said, (key, one) => (key === 'input' ? undefined : one))
  return text.slice(0, 2_000)
}
