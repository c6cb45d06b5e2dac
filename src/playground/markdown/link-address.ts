/** Which addresses of a model's text become links. */

const PROTOCOLS = ['http:', 'https:', 'mailto:']

/**
 * @param written the address as the model wrote it
 * @returns it as a browser reads it; undefined if it isn't whole, or of a kind that could do more than open a page
 */
export function linkAddress(written: string): string | undefined {
  const url = URL.parse(written.trim())
  return url && PROTOCOLS.includes(url.protocol) ? url.href : undefined
}
