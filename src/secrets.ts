/** Configured secrets, kept out of what leaves the process. */

/** Replaces the secrets in a text with a mark. */
export type Strike = (text: string) => string

/** Shorter keys are placeholders: `x` or `no` would be struck out of every sentence. In characters. */
const SHORTEST = 4

/** @param secrets such as keys; undefined ones are ignored */
export function striking(secrets: readonly (string | undefined)[]): Strike {
  const known = secrets
    .filter((secret): secret is string => secret !== undefined && secret.length >= SHORTEST)
    .sort((a, b) => b.length - a.length) // longest first: one may be part of another
  return (text) => known.reduce((rest, secret) => rest.replaceAll(secret, '[key]'), text)
}
