/** The console's command line. */
import { parseArgs } from 'node:util'
import { isProgramFile } from '../programs/program-file.ts'

export const USAGE = `Usage: npm run ask -- [options] "question"
       npx tributary ask [options] [mine.ts] "question"
       npm run ask -- --replay <file>

Runs a program on a question and shows what each of its predictors writes, as it is written. On a terminal
that is a board with a row for each, and the answer below it; elsewhere the answer alone goes to standard
output, and the rest to standard error. Without a question, it is read from standard input.

The question is the program's input of that name, or its only required text. A program with other inputs takes
them as --input, and reads from standard input what is still missing, as a JSON object.

Options:
  --input <name>=<value>  one of the program's inputs; repeat it for others. The value of a str is the text as
                          it is, any other is JSON: --input limit=3 --input tags='["a"]' --input lang=en
  --url <address>         ask a running service, such as http://127.0.0.1:8000, instead of this process
  --resumable             with --url: a run that goes on without this process. Ctrl-C leaves it, and says how to
                          come back to it
  --resume=<id>           with --url: shows a run that was asked with --resumable, from its beginning
  --cancel=<id>           with --url: ends such a run
  --program <which>       a program by its name, or, in this process, by its file, such as ./mine.ts
  --reasoning             show the predictors' reasoning too
  --json                  print the frames, one a line, with those about usage
  --record <file>         write the run to a file too: its frames with their times, and what was asked
  --replay <file>         show a recorded run again, which takes no model and no service
  --speed <how>           of a replay: 1 as it was, 10 ten times as fast, max without waiting (default: 1)
  --help                  print this

The environment and .env choose the model that answers; see .env.example. TRIBUTARY_API_KEY is the key for --url,
if the service wants one.
`

export type Options = {
  readonly question: string | undefined
  /** Name and value of each --input. */
  readonly inputs: readonly (readonly [name: string, value: string])[]
  readonly url: URL | undefined
  /** A name or, without `url`, a file. */
  readonly program: string | undefined
  /** Whether to ask for a run that goes on without this process. */
  readonly resumable: boolean
  /** The id of a run to show. */
  readonly resume: string | undefined
  /** The id of a run to end. */
  readonly cancel: string | undefined
  readonly reasoning: boolean
  readonly json: boolean
  /** The file to write the run to. */
  readonly record: string | undefined
  /** The file of a run to show instead of asking. */
  readonly replay: string | undefined
  /** How many times as fast as it was a run is replayed; Infinity doesn't wait. */
  readonly speed: number
  readonly help: boolean
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** @throws UsageError for an unknown option, one that goes with no other, or a value that isn't what it takes */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args)
  const { url, input = [], reasoning = false, json = false, help = false } = values
  const { resumable = false, resume, cancel, record, replay, speed } = values
  refuseTogether(values, positionals)
  const isFileFirst = /^\S+$/.test(positionals[0] ?? '') && isProgramFile(positionals[0] as string)
  const program = values.program ?? (isFileFirst ? positionals.shift() : undefined)
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new UsageError(`--url needs an address such as http://127.0.0.1:8000, not '${url}'.`)
  }
  return {
    question: positionals.join(' ').trim() || undefined,
    inputs: input.map(nameAndValue),
    url: url === undefined ? undefined : new URL(url),
    program,
    resumable,
    resume,
    cancel,
    reasoning,
    json,
    record,
    replay,
    speed: speedOf(speed),
    help,
  }
}

type Given = ReturnType<typeof parse>['values']

/** What may be done instead of asking for a run that ends with its reader. */
const WAYS = ['resumable', 'resume', 'cancel', 'replay'] as const

/** What has no place beside a run that there is already. */
const USELESS = {
  resume: ['input', 'program'],
  cancel: ['input', 'program', 'reasoning', 'record'],
  replay: ['input', 'url', 'program', 'record'],
} as const

/** @throws UsageError for options that mean nothing together */
function refuseTogether(values: Given, words: readonly string[]): void {
  const [way, other] = WAYS.filter((name) => values[name] !== undefined)
  if (values.speed !== undefined && way !== 'replay') throw new UsageError('--speed is for --replay.')
  if (!way) return
  if (other) throw new UsageError(`--${way} and --${other} don't go together.`)
  if (way !== 'replay' && values.url === undefined) {
    throw new UsageError(`--${way} needs --url: only a service keeps runs.`)
  }
  if (way === 'resumable') return
  const value = values[way]
  if (value === '') throw new UsageError(`--${way} needs ${way === 'replay' ? 'a file' : 'the id of a run'}.`)
  const useless = USELESS[way].find((name) => values[name] !== undefined)
  const what = words.length > 0 ? 'question' : useless && `--${useless}`
  if (what) throw new UsageError(`--${way} ${value} asks nothing, so it takes no ${what}.`)
}

function speedOf(text = '1'): number {
  const speed = text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
  if (speed > 0 && text.trim() === text) return speed
  throw new UsageError(`--speed needs a number such as 1 or 10, or max, not '${text}'.`)
}

function nameAndValue(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--input needs a name and a value, such as limit=3, not '${text}'.`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        input: { type: 'string', multiple: true },
        url: { type: 'string' },
        program: { type: 'string' },
        resumable: { type: 'boolean' },
        resume: { type: 'string' },
        cancel: { type: 'string' },
        reasoning: { type: 'boolean' },
        json: { type: 'boolean' },
        record: { type: 'string' },
        replay: { type: 'string' },
        speed: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
