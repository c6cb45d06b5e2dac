/** The programs of a service: those that the configuration names, and the one that is built in. */
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Config } from '../config.ts'
import type { NamedProgram, Programs } from '../core/program.ts'
import { parallelComposer } from './parallel-composer.ts'
import { shownPath } from './place-of-error.ts'
import { ProgramError } from './program-error.ts'
import { FileFault, isProgramFile, type Loading, loadProgramFile } from './program-file.ts'

const BUILT_IN: NamedProgram = { name: 'parallel-composer', program: parallelComposer }

/** What stands in a folder of programs without being one: declarations and tests. */
const BESIDE_PROGRAMS = /\.(d|test|spec)\.\w+$/

/**
 * Loads every program of a configuration.
 *
 * @param config `PROGRAM`, a file, is the default program; `PROGRAMS` is a folder of them; `DEFAULT_PROGRAM` is a name
 * @throws ProgramError that names everything that is wrong; the signal's reason
 */
export async function loadPrograms(
  { PROGRAM, PROGRAMS, DEFAULT_PROGRAM }: Pick<Config, 'PROGRAM' | 'PROGRAMS' | 'DEFAULT_PROGRAM'>,
  loading: Loading,
): Promise<Programs> {
  const faults: string[] = []
  const fault = (error: unknown): undefined => {
    if (!(error instanceof FileFault)) throw error
    faults.push(error.message)
  }
  const inFolder = PROGRAMS === undefined ? [] : ((await programFilesIn(PROGRAMS).catch(fault)) ?? [])
  const paths = await withoutDoubles(PROGRAM === undefined ? inFolder : [PROGRAM, ...inFolder])
  const loaded = await Promise.all(paths.map((path) => loadProgramFile(path, loading).catch(fault)))

  const pathOf = new Map<string, string>()
  for (const [index, one] of loaded.entries()) {
    if (!one) continue
    const path = shownPath(resolve(paths[index] as string))
    const other = one.name === BUILT_IN.name ? 'the program that is built in' : pathOf.get(one.name)
    if (other) faults.push(`${path}: its name '${one.name}' is that of ${other}. Give the file another.`)
    pathOf.set(one.name, path)
  }
  const found = loaded.filter((one) => one !== undefined)
  const all = [...found, BUILT_IN]
  const chosen = all.find(({ name }) => name === DEFAULT_PROGRAM)
  // What couldn't be loaded may be the very one.
  if (DEFAULT_PROGRAM !== undefined && !chosen && faults.length === 0) {
    const names = all.map(({ name }) => name).join(', ')
    faults.push(`DEFAULT_PROGRAM: there is no program '${DEFAULT_PROGRAM}'; there are ${names}.`)
  }
  if (faults.length > 0) throw new ProgramError(faults)

  const only = found.length === 1 ? found[0] : undefined
  return { default: (PROGRAM !== undefined ? found[0] : (chosen ?? only)) ?? BUILT_IN, all }
}

/** @throws FileFault where there is no folder, or nothing in it */
async function programFilesIn(folder: string): Promise<string[]> {
  const shown = shownPath(resolve(folder))
  const stats = await stat(folder).catch(() => undefined)
  if (!stats) throw new FileFault(shown, 'there is no such folder.')
  if (!stats.isDirectory())
    throw new FileFault(shown, 'this is no folder. PROGRAMS is for a folder, PROGRAM for a file.')
  const names = await readdir(folder).catch(({ message: cause }) => {
    throw new FileFault(shown, `the folder can't be read: ${cause}.`)
  })
  const paths = names
    .filter((name) => isProgramFile(name) && !/^[._]/.test(name) && !BESIDE_PROGRAMS.test(name))
    .sort()
    .map((name) => join(folder, name))
  const kinds = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)))
  const files = paths.filter((_, index) => !kinds[index]?.isDirectory())
  if (files.length === 0) throw new FileFault(shown, 'no program is in this folder.')
  return files
}

/** A file counts once, by whichever of its names came first. */
async function withoutDoubles(paths: readonly string[]): Promise<string[]> {
  const real = await Promise.all(paths.map((path) => realpath(path).catch(() => path)))
  return paths.filter((_, index) => real.indexOf(real[index] as string) === index)
}
