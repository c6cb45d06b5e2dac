/** Configured secrets, kept out of what leaves the process. */

/** Takes the secrets out of a text and leaves a mark in their place. */
export type Strike = (text: string) => string

/** Characters under which a configured key is a placeholder: `x` or `no` would be struck out of any sentence. */
const SHORTEST = 4

/** @param secrets such as keys; those that aren't set may be among them */
export function striking(secrets: readonly (string | undefined)[]): Strike {
  const known = secrets
    .filter((secret): secret is string => secret !== undefined && secret.length >= SHORTEST)
    .sort((a, b) => b.length - a.length) // one may be part of another
  return (text) => known.reduce((rest, secret) => rest.replaceAll(secret, '[key]'), text)
}
