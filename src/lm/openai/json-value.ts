/** Text that may or may not be JSON. */

/** @returns the object or array that the text holds; undefined for any other text */
export function jsonValue(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
