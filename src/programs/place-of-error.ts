/** An error -> where in a program's files it happened, read off the stack that Node gives it. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const OWN_FILES = new URL('../', import.meta.url).href

/** A file as whoever started the process would write it: relative to the working directory where it lies below. */
export function shownPath(path: string): string {
  const fromHere = relative(process.cwd(), path)
  return fromHere === '' || fromHere.startsWith('..') ? path : fromHere
}

/**
 * @returns `mine.ts:3:7`, the first place outside of this package, of Node and of installed packages; undefined where
 *   the stack has none
 */
export function placeOfError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const [head = '', ...lines] = (error.stack ?? '').split('\n')
  // Of a syntax error, Node puts the place on a line of its own above the message: a path or an address.
  const [, faulty] = /^((?:file:\/\/|\/|[A-Za-z]:\\).*:\d+)$/.exec(head) ?? []
  if (faulty !== undefined) return shown(faulty)
  for (const line of lines) {
    const [, place] = /^ {4}at .*?(file:\/\/.*:\d+:\d+)\)?$/.exec(line) ?? []
    if (place !== undefined && !place.startsWith(OWN_FILES) && !place.includes('/node_modules/')) {
      return shown(place)
    }
  }
  return undefined
}

/** Whether a stack shows code of this package. */
export const isOfOwnCode = (error: unknown): boolean =>
  error instanceof Error && (error.stack ?? '').includes(OWN_FILES)

/** @param place a path or an address, and line and column */
function shown(place: string): string {
  const [, file = '', position = ''] = /^(.*?)((?::\d+){1,2})$/.exec(place) ?? []
  return `${shownPath(file.startsWith('file:') ? fileURLToPath(file) : file)}${position}`
}
