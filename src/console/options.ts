/** The console's command line. */
import { parseArgs } from 'node:util'
import { isProgramFile } from '../programs/program-file.ts'

export const USAGE = `Usage: npm run ask -- [options] "question"
       npx tributary ask [options] [mine.ts] "question"

Runs a program on a question and shows what each of its predictors writes, as it is written. On a terminal
that is a board with a row for each; elsewhere the answer alone goes to standard output, and the rest to
standard error. Without a question, it is read from standard input.

Options:
  --url <address>    ask a running service, such as http://127.0.0.1:8000, instead of this process
  --program <which>  a program by its name, or, in this process, by its file, such as ./mine.ts
  --reasoning        show the predictors' reasoning too
  --json             print the frames, one a line
  --help             print this

The environment and .env choose the model that answers; see .env.example. TRIBUTARY_API_KEY is the key for --url,
if the service wants one.
`

export type Options = {
  readonly question: string | undefined
  readonly url: URL | undefined
  /** A name or, without `url`, a file. */
  readonly program: string | undefined
  readonly reasoning: boolean
  readonly json: boolean
  readonly help: boolean
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** @throws UsageError for an unknown option or an invalid address */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args)
  const { url, reasoning = false, json = false, help = false } = values
  const isFileFirst = /^\S+$/.test(positionals[0] ?? '') && isProgramFile(positionals[0] as string)
  const program = values.program ?? (isFileFirst ? positionals.shift() : undefined)
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new UsageError(`--url needs an address such as http://127.0.0.1:8000, not '${url}'.`)
  }
  return {
    question: positionals.join(' ').trim() || undefined,
    url: url === undefined ? undefined : new URL(url),
    program,
    reasoning,
    json,
    help,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        program: { type: 'string' },
        reasoning: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
