/** `tributary serve`, `ask`, `check` and `types`: the service, the console, and what there is to know of a program. */
import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { version } from '../version.ts'
import { loadEnvFile } from './env-file.ts'

const USAGE = `Usage: npx tributary <command>

  serve [mine.ts | folder]              serves the program of a file, or those of a folder
  ask [options] [mine.ts] "question"    runs a program on the console; --help lists its options
  check mine.ts                         says what a program takes and returns, or what is wrong with it
  types --url <address> [--program <name>] [--out <file>]
                                        writes the TypeScript types of a service's programs, for its clients

Without a file or a folder, the environment and .env say which programs there are, and always which model answers;
see .env.example and docs/configuration.md in the repository.
`

/** What is wrong with the command line, or undefined once the command has begun. */
async function run([command, ...args]: readonly string[]): Promise<string | undefined> {
  switch (command) {
    case 'serve': {
      const [path, ...more] = pathsOf(args)
      if (more.length > 0) return 'serve takes one file or one folder.'
      if (path !== undefined) {
        const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory()
        if (isFolder) delete process.env.PROGRAM // it would be the default
        process.env[isFolder ? 'PROGRAMS' : 'PROGRAM'] = path
      }
      await import('../server.ts')
      return undefined
    }
    case 'ask':
      process.argv.splice(2, 1) // the console reads its own command line
      await import('../console/ask.ts')
      return undefined
    case 'check': {
      const [path, ...more] = pathsOf(args)
      if (path === undefined || more.length > 0) return 'check takes one file.'
      const { check } = await import('./check.ts')
      await check(path)
      return undefined
    }
    case 'types': {
      const { types } = await import('./types.ts')
      return await types(args)
    }
    case '--version':
      console.log(version)
      return undefined
    case '--help':
    case '-h':
      process.stdout.write(USAGE)
      return undefined
    default:
      return command === undefined ? 'There is no command.' : `'${command}' is no command.`
  }
}

/** @throws TypeError for an option: these commands have none */
const pathsOf = (args: readonly string[]): string[] =>
  parseArgs({ args: [...args], allowPositionals: true, options: {} }).positionals

const envFault = loadEnvFile()
if (envFault !== undefined) {
  console.error(envFault)
  process.exit(2)
}
const fault = await run(process.argv.slice(2)).catch((error: Error & { code?: string }) => {
  if (error.code?.startsWith('ERR_PARSE_ARGS')) return error.message
  throw error
})
if (fault !== undefined) {
  process.stderr.write(`${fault}\n\n${USAGE}`)
  process.exitCode = 2
}
