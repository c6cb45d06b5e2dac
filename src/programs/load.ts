/** The programs of a service: those that the configuration names, and the one that is built in. */
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Config } from '../config.ts'
import type { NamedProgram, Programs } from '../core/program.ts'
import { parallelComposer } from './parallel-composer.ts'
import { shownPath } from './place-of-error.ts'
import { ProgramError } from './program-error.ts'
import { FileFault, isProgramFile, type Loading, loadProgramFile } from './program-file.ts'
import { readState } from './state.ts'

const BUILT_IN: Loaded = { name: 'parallel-composer', program: parallelComposer, file: undefined }

/** What stands in a folder of programs without being one: declarations and tests. */
const BESIDE_PROGRAMS = /\.(d|test|spec)\.\w+$/

export type ProgramConfig = Pick<Config, 'PROGRAM' | 'PROGRAMS' | 'DEFAULT_PROGRAM' | 'PROGRAM_STATE'>

/** A program, and the file that it comes from, as people know it; the built-in one comes from none. */
type Loaded = NamedProgram & { readonly file: string | undefined }

/**
 * Loads every program of a configuration.
 *
 * @param config `PROGRAM`, a file, is the default program; `PROGRAMS` is a folder of them; `DEFAULT_PROGRAM` is a name;
 *   `PROGRAM_STATE` is a saved state for the default program, in place of its own
 * @throws ProgramError that names everything that is wrong; the signal's reason
 */
export async function loadPrograms(config: ProgramConfig, loading: Loading): Promise<Programs> {
  const { PROGRAM, PROGRAMS, DEFAULT_PROGRAM, PROGRAM_STATE } = config
  const faults: string[] = []
  const notFaulty = async <T>(work: readonly Promise<T>[]): Promise<(T | undefined)[]> =>
    (await Promise.allSettled(work)).map((result) => {
      if (result.status === 'fulfilled') return result.value
      if (!(result.reason instanceof FileFault)) throw result.reason
      faults.push(result.reason.message)
      return undefined
    })
  const [inFolder = []] = await notFaulty(PROGRAMS === undefined ? [] : [programFilesIn(PROGRAMS)])
  const paths = await withoutDoubles(PROGRAM === undefined ? inFolder : [PROGRAM, ...inFolder])
  const loaded = await notFaulty(
    paths.map(async (path) => ({
      ...(await loadProgramFile(path, loading)),
      file: shownPath(resolve(path)),
    })),
  )
  const found = loaded.filter((one) => one !== undefined)
  faults.push(...sharedNames(found))
  if (faults.length > 0) throw new ProgramError(faults) // what is missing may be what the rest asks for

  const all: readonly Loaded[] = [...found, BUILT_IN]
  const chosen = all.find(({ name }) => name === DEFAULT_PROGRAM)
  if (DEFAULT_PROGRAM !== undefined && !chosen) {
    const names = all.map(({ name }) => name).join(', ')
    faults.push(`DEFAULT_PROGRAM: there is no program '${DEFAULT_PROGRAM}'; there are ${names}.`)
  }
  const only = found.length === 1 ? found[0] : undefined
  const byDefault = (PROGRAM === undefined ? (chosen ?? only) : found[0]) ?? BUILT_IN
  const ready = await notFaulty(
    all.map((one) => withSavedState(one, one === byDefault ? PROGRAM_STATE : undefined)),
  )
  if (faults.length > 0) throw new ProgramError(faults)
  const programs = ready.filter((one) => one !== undefined)
  return { default: programs[all.indexOf(byDefault)] as NamedProgram, all: programs }
}

/** A fault for each program whose name another one has already. */
function sharedNames(programs: readonly Loaded[]): string[] {
  const owners = new Map([[BUILT_IN.name, 'the program that is built in']])
  return programs.flatMap(({ name, file = '' }) => {
    const owner = owners.get(name)
    owners.set(name, file)
    return owner ? [`${file}: its name '${name}' is that of ${owner}. Give the file another.`] : []
  })
}

/**
 * @param path of a state in place of the program's own
 * @throws FileFault; where the state doesn't fit, a line for each reason
 */
async function withSavedState(
  { name, program, file }: Loaded,
  path: string | undefined,
): Promise<NamedProgram> {
  try {
    return { name, program: await readState(program, path ?? program.state) }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new FileFault(path === undefined ? (file ?? name) : 'PROGRAM_STATE', error.message)
  }
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
