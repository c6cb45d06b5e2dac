/** A file -> the program that is its default export. Types are stripped, not checked, so what they say is checked here. */
import { realpath, stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { excerpt } from '../core/fault.ts'
import { isProgram, type NamedProgram } from '../core/program.ts'
import { provideOwnPackages } from './own-packages.ts'
import { placeOfError, shownPath } from './place-of-error.ts'

/** What Node runs as a module with a default export. */
const EXTENSIONS: readonly string[] = ['.ts', '.mts', '.js', '.mjs']

export const isProgramFile = (path: string): boolean => EXTENSIONS.includes(extname(path))

/** Milliseconds until it is said of a file that it is still loading. */
const LONG_MS = 5_000

/** Milliseconds after which a file that is still loading is given up. */
const LIMIT_MS = 60_000

/** UTF-16 units that are repeated of what a file threw. */
const MAX_MESSAGE = 1_000

/** Why a file is no program, in a line that names it. */
export class FileFault extends Error {
  override readonly name = 'FileFault'

  /** @param where the file as it was named, or a place in it */
  constructor(where: string, what: string, options?: ErrorOptions) {
    super(`${where}: ${what}`, options)
  }
}

export type Loading = {
  /** Gets a line for a file that takes long. */
  readonly log: (message: string) => void
  /** Ends the waiting for files; its reason is thrown then. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds that a file may take to load. */
  readonly limitMs?: number | undefined
}

/**
 * @param path relative to the working directory
 * @returns the program under the name of its file
 * @throws FileFault; the signal's reason
 */
export async function loadProgramFile(path: string, loading: Loading): Promise<NamedProgram> {
  const file = shownPath(resolve(path))
  if (!isProgramFile(path)) {
    throw new FileFault(file, `a program is in a file that ends with ${EXTENSIONS.join(', ')}.`)
  }
  const name = basename(path, extname(path))
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    throw new FileFault(
      file,
      `the file's name is the program's, in addresses too: it needs letters, digits, _ . - alone, a letter or digit first.`,
    )
  }
  const stats = await stat(path).catch(() => undefined)
  if (!stats) throw new FileFault(file, 'there is no such file.')
  if (!stats.isFile())
    throw new FileFault(file, 'this is no file. PROGRAM is for a file, PROGRAMS for a folder.')

  const { default: exported } = await load(file, await realpath(path), loading)
  if (isProgram(exported)) return { name, program: exported }
  throw new FileFault(
    file,
    exported === undefined
      ? "it has no default export. A program's file ends in `export default program(…)`."
      : `its default export is ${kindOf(exported)}, not a program: \`export default program(…)\`.`,
  )
}

async function load(
  file: string,
  path: string,
  { log, signal, limitMs = LIMIT_MS }: Loading,
): Promise<{ default?: unknown }> {
  provideOwnPackages(import.meta.url)
  const { promise: late, reject } = Promise.withResolvers<never>()
  const reminder = setTimeout(
    () => log(`${file} is still loading: a top-level await of it, or of what it imports, isn't over.`),
    LONG_MS,
  )
  const limit = setTimeout(() => {
    const seconds = Math.round(limitMs / 1_000)
    reject(
      new FileFault(
        file,
        `it hasn't loaded within ${seconds} seconds: a top-level await in it may never end.`,
      ),
    )
  }, limitMs)
  const onAbort = () => reject(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) onAbort()
  try {
    return await Promise.race([import(pathToFileURL(path).href), late])
  } catch (error) {
    throw error instanceof FileFault || signal?.aborted ? error : faultOf(file, error)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    clearTimeout(reminder)
    clearTimeout(limit)
  }
}

/** What a file has thrown while it loaded, in a line. */
function faultOf(file: string, error: unknown): FileFault {
  const {
    message = undefined,
    name = undefined,
    code = undefined,
  } = error instanceof Error ? (error as NodeJS.ErrnoException) : {}
  const said = message === undefined ? `it threw ${excerpt(String(error))}` : message || String(name)
  const line = excerpt(said.replace(/\s+/g, ' ').trim(), MAX_MESSAGE)
  const place = placeOfError(error)
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    const remedy = 'Types are stripped, nothing is compiled: write it as JavaScript has it.'
    return new FileFault(place ?? file, `${line}. ${remedy}`, { cause: error })
  }
  // Of a syntax error in JavaScript, Node doesn't say in which file it is.
  const where = place ?? (error instanceof SyntaxError ? `${file} or what it imports` : file)
  return new FileFault(where, line, { cause: error })
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  const { kind } = value as { kind?: unknown }
  if (kind === 'predictor' || kind === 'module') return `a ${kind}`
  if (value instanceof Promise) return 'a promise'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
