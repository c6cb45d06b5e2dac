/** Tokens and speeds in words: of a lane, and of a whole run. */
import type { Lane, RunState } from '../client/index.ts'
import { wait } from './words.ts'

/** Milliseconds of writing that a speed needs to mean something. */
const SHORTEST = 100

/** What is known of a lane so far: '' before its first token. */
export function laneFigures({ startedAt, firstTokenAt, usage }: Lane): string {
  const first = startedAt === undefined || firstTokenAt === undefined ? undefined : firstTokenAt - startedAt
  return inWords({
    first,
    input: usage?.input_tokens,
    output: usage?.output_tokens,
    writing: usage && usage.duration_ms - usage.first_token_ms,
  })
}

/** The same of all lanes together. Their models write at the same time, so the speed is that of the run. */
export function runFigures({ lanes, startedAt, endedAt }: RunState): string {
  const firsts = lanes.flatMap(({ firstTokenAt }) => firstTokenAt ?? [])
  const usages = lanes.flatMap(({ usage }) => usage ?? [])
  const first = firsts.length === 0 ? undefined : Math.min(...firsts)
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)
  return inWords({
    first: first === undefined ? undefined : first - startedAt,
    input: usages.length === 0 ? undefined : sum(usages.map(({ input_tokens }) => input_tokens)),
    output: usages.length === 0 ? undefined : sum(usages.map(({ output_tokens }) => output_tokens)),
    writing: first === undefined || endedAt === undefined ? undefined : endedAt - first,
  })
}

/** Times are in milliseconds. */
type Figures = Readonly<Record<'first' | 'input' | 'output' | 'writing', number | undefined>>

function inWords({ first, input, output, writing }: Figures): string {
  const parts: string[] = []
  if (first !== undefined) parts.push(`first token after ${wait(first)}`)
  if (input !== undefined) parts.push(`${input.toLocaleString('en')} tokens in`)
  if (output !== undefined) parts.push(`${output.toLocaleString('en')} out`)
  if (output !== undefined && writing !== undefined && writing >= SHORTEST) {
    parts.push(`${Math.round((output / writing) * 1000).toLocaleString('en')} a second`)
  }
  return parts.join(' · ')
}
