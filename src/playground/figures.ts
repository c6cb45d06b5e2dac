/** Tokens, speeds and prices in words: of a lane, and of a whole run. */
import type { Lane, ProgramDescription, RunState } from '../client/index.ts'
import { wait } from './words.ts'

/** Milliseconds of writing that a speed needs to mean something. */
const SHORTEST = 100

/** Dollars for a million tokens, by model. */
export type Prices = NonNullable<ProgramDescription['prices']>

type Usage = NonNullable<Lane['usage']>

/** What is known of a lane so far: '' before its first token. */
export function laneFigures({ startedAt, firstTokenAt, usage }: Lane, prices?: Prices): string {
  const first = startedAt === undefined || firstTokenAt === undefined ? undefined : firstTokenAt - startedAt
  return inWords({
    first,
    input: usage?.input_tokens,
    output: usage?.output_tokens,
    writing: usage && usage.duration_ms - usage.first_token_ms,
    price: usage && priceOf(usage, prices),
  })
}

/** The same of all lanes together. Their models write at the same time, so the speed is that of the run. */
export function runFigures({ lanes, startedAt, endedAt }: RunState, prices?: Prices): string {
  const firsts = lanes.flatMap(({ firstTokenAt }) => firstTokenAt ?? [])
  const usages = lanes.flatMap(({ usage }) => usage ?? [])
  const first = firsts.length === 0 ? undefined : Math.min(...firsts)
  const all = usages.map((usage) => priceOf(usage, prices))
  // A sum of some of them would be taken for the price of all.
  const known = all.filter((price) => price !== undefined)
  return inWords({
    first: first === undefined ? undefined : first - startedAt,
    input: usages.length === 0 ? undefined : sum(usages.map(({ input_tokens }) => input_tokens)),
    output: usages.length === 0 ? undefined : sum(usages.map(({ output_tokens }) => output_tokens)),
    writing: first === undefined || endedAt === undefined ? undefined : endedAt - first,
    price: known.length > 0 && known.length === all.length ? sum(known) : undefined,
  })
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)

/** In dollars; undefined where nobody has said what the model costs. */
function priceOf({ model, input_tokens, output_tokens }: Usage, prices: Prices = {}): number | undefined {
  const price = prices[nameIn(prices, model)]
  return price && (input_tokens * price.input + output_tokens * price.output) / 1_000_000
}

/** Endpoints answer with a dated name where they were asked for a model without one. */
function nameIn(prices: Prices, model: string): string {
  if (Object.hasOwn(prices, model)) return model
  const named = Object.keys(prices).filter((name) => model.startsWith(`${name}-`))
  return named.sort((one, other) => other.length - one.length)[0] ?? ''
}

/** Times are in milliseconds, prices in dollars. */
type Figures = Readonly<Record<'first' | 'input' | 'output' | 'writing' | 'price', number | undefined>>

function inWords({ first, input, output, writing, price }: Figures): string {
  const parts: string[] = []
  if (first !== undefined) parts.push(`first token after ${wait(first)}`)
  if (input !== undefined) parts.push(`${input.toLocaleString('en')} tokens in`)
  if (output !== undefined) parts.push(`${output.toLocaleString('en')} out`)
  if (output !== undefined && writing !== undefined && writing >= SHORTEST) {
    parts.push(`${Math.round((output / writing) * 1000).toLocaleString('en')} a second`)
  }
  if (price !== undefined) parts.push(dollars(price))
  return parts.join(' · ')
}

/** Two significant digits where it is less than a cent, such as `$0.00031`. */
function dollars(price: number): string {
  if (price === 0) return '$0'
  return `$${price >= 0.01 ? price.toFixed(2) : price.toFixed(Math.min(9, 1 - Math.floor(Math.log10(price))))}`
}
