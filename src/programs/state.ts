/** A program whose `state` is still in a file, or at hand -> the program with that state. */
import { readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { excerpt } from '../core/fault.ts'
import type { Program, ProgramState } from '../core/program.ts'
import { withState } from '../core/with-state.ts'

/** Far more than any prompt takes. */
const MAX_BYTES = 16 * 1024 ** 2

/**
 * @param state in place of the program's own; a path is relative to the working directory
 * @returns the program as it is, where there is no state
 * @throws TypeError that names the file and what is wrong with it: it can't be read, or it doesn't fit
 */
export async function readState(
  program: Program,
  state: ProgramState | undefined = program.state,
): Promise<Program> {
  if (state === undefined) return program
  if (typeof state !== 'string' && !(state instanceof URL)) return withState(program, state)
  const path = pathOf(state)
  const json = parse(await read(path), path)
  try {
    return withState(program, json)
  } catch (error) {
    throw new TypeError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

function pathOf(state: string | URL): string {
  if (typeof state === 'string') return state
  if (state.protocol === 'file:') return fileURLToPath(state)
  throw new TypeError(`The saved state has to be a file, not ${excerpt(state.href)}.`)
}

async function read(path: string): Promise<Buffer> {
  try {
    const stats = await stat(path) // first, since opening a pipe would wait for somebody to write
    if (!stats.isFile()) throw new Error("it isn't a file")
    if (stats.size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES / 1024 ** 2} MiB`)
    return await readFile(path)
  } catch (error) {
    throw new TypeError(`The saved state ${path} can't be read: ${(error as Error).message}.`, {
      cause: error,
    })
  }
}

function parse(bytes: Buffer, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new TypeError(`${path} isn't JSON: ${excerpt((error as Error).message)}.`, { cause: error })
  }
}
