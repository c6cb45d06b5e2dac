/** `tributary types --url …`: writes the types of a service's programs, for clients in TypeScript. */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { describeProgram, describePrograms } from '../client/index.ts'
import { programTypes } from './program-types.ts'

/**
 * Writes them to the file that `--out` names, else to standard output.
 *
 * @param args its own part of the command line
 * @returns what is wrong with the command line, if anything is
 */
export async function types(args: readonly string[]): Promise<string | undefined> {
  const { url, program, out } = parseArgs({
    args: [...args],
    options: { url: { type: 'string' }, program: { type: 'string' }, out: { type: 'string' } },
  }).values
  if (url === undefined || !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    return 'types needs the address of a running service, such as --url http://127.0.0.1:8000.'
  }
  try {
    const connection = { url, apiKey: process.env.TRIBUTARY_API_KEY || undefined }
    const programs =
      program === undefined
        ? (await describePrograms(connection)).programs
        : [await describeProgram({ ...connection, program })]
    const text = programTypes(programs)
    if (out === undefined) process.stdout.write(text)
    else await writeFile(out, text)
  } catch (error) {
    console.error(reasonOf(error, url))
    process.exitCode = 1
  }
  return undefined
}

function reasonOf(error: unknown, url: string): string {
  // `fetch` throws a TypeError when nothing answers.
  if (error instanceof TypeError)
    return `Nothing answers at ${new URL(url).origin}. Is the service running there?`
  return (error as Error).message
}
