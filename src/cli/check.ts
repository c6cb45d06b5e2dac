/** `tributary check mine.ts`: loads a program without running it, and has the compiler look at its types. */
import { resolve } from 'node:path'
import { ConfigError } from '../config.ts'
import { loadPrograms } from '../programs/load.ts'
import { surviveStrayErrors } from '../programs/stray-errors.ts'
import { summaryOf } from './summary.ts'
import { checkTypes } from './type-check.ts'

/**
 * Says what the program takes and returns, and ends the process: with 0, or with 2 and a line on standard error for
 * each fault.
 *
 * @param path of the program's file
 */
export async function check(path: string): Promise<never> {
  surviveStrayErrors(
    ({ error, place = path }) => console.error(`${place}: while it loaded, it threw ${String(error)}`),
    (error) => {
      throw error
    },
  )
  const isFine = (await loads(path)) && (await hasRightTypes(path))
  // What the program has opened, such as a connection, would keep the process alive.
  return process.exit(isFine ? 0 : 2)
}

async function loads(path: string): Promise<boolean> {
  try {
    const programs = await loadPrograms({ PROGRAM: path }, { log: console.error })
    process.stdout.write(summaryOf(programs.default))
    return true
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    return false
  }
}

async function hasRightTypes(path: string): Promise<boolean> {
  if (!/\.m?ts$/.test(path)) return true
  const result = await checkTypes(resolve(path))
  if (result === 'no compiler') {
    console.log('Its types are not checked: that takes `npm install --save-dev typescript`.')
    return true
  }
  if (result.faults === '') console.log(`Its types are right, says TypeScript ${result.version}.`)
  else console.error(result.faults)
  return result.faults === ''
}
