/** The measurements as Markdown tables. */
import { cpus, totalmem } from 'node:os'
import { IDLE, type Measures, PACE, quantile, RATES, STREAMS, TOKENS } from './cells.ts'
import type { Crowd } from './crowd.ts'
import { type DialectCosts, dialects } from './dialects.ts'
import { table } from './markdown.ts'
import { type Contender, SERVICE } from './peers.ts'
import { isPinned } from './processes.ts'
import type { Shares } from './profile.ts'

/** All repetitions of every cell, by cell and contender, and the faults that were found. */
export class Results {
  readonly #measures = new Map<string, Measures[]>()
  readonly #faults = new Map<string, string>()

  add(cell: string, contender: string, measures: Measures, fault: string | undefined): void {
    const key = `${cell} ${contender}`
    const known = this.#measures.get(key) ?? []
    this.#measures.set(key, [...known, measures])
    if (fault) this.#faults.set(contender, `${cell}: ${fault}`)
  }

  fault(contender: string): string | undefined {
    return this.#faults.get(contender)
  }

  /** One measure of all repetitions; empty if it wasn't measured. */
  all(cell: string, contender: string, measure: string): number[] {
    const of = this.#measures.get(`${cell} ${contender}`) ?? []
    return of.map((measures) => measures[measure] ?? Number.NaN).filter((value) => !Number.isNaN(value))
  }

  median(cell: string, contender: string, measure: string): number {
    return quantile(this.all(cell, contender, measure), 0.5)
  }
}

type Format = (value: number) => string

const whole: Format = (value) => Math.round(value).toLocaleString('en-US')
const thousands: Format = (value) => `${whole(value / 1_000)} k`
const precise: Format = (value) => (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0))
const ms: Format = (micros) => precise(micros / 1_000)
const kilobytes: Format = (bytes) => whole(bytes / 1_000)
const percent: Format = (share) => (Number.isNaN(share) ? '–' : `${Math.round(100 * share)} %`)
const times: Format = (ratio) => (ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0))

/** The median, and the range in brackets. */
function spread(values: readonly number[], format: Format): string {
  if (values.length === 0) return '–'
  const median = format(quantile(values, 0.5))
  if (values.length === 1) return median
  return `${median} (${format(Math.min(...values))}–${format(Math.max(...values))})`
}

/** A row for each contender, or the fault in what it sent: a fast answer that is wrong doesn't count. */
function rows(
  results: Results,
  contenders: readonly Contender[],
  columns: readonly ((name: string) => string)[],
): string[][] {
  return contenders.map(({ name, title }) => {
    const fault = results.fault(name)
    if (fault) return [title, `wrong (${fault})`, ...columns.slice(1).map(() => '')]
    return [title, ...columns.map((column) => column(name))]
  })
}

/** How many times better the service is than another: more is better for rates, less for costs. */
const ratio =
  (results: Results, cell: string, measure: string, better: 'more' | 'less') => (name: string) => {
    const [service, other] = [SERVICE, name].map((one) => results.median(cell, one, measure)) as [
      number,
      number,
    ]
    const value = better === 'more' ? service / other : other / service
    return Number.isFinite(value) ? times(value) : '–'
  }

export function fullSpeed(results: Results, contenders: readonly Contender[]): string {
  const last = `full-${STREAMS.at(-1)}`
  const rate = (cell: string) => (name: string) => spread(results.all(cell, name, 'rate'), thousands)
  return [
    `## Full speed\n`,
    `Tokens a second through one processor, with the upstream writing as fast as it can: two branches and a compose for`,
    `each question, ${whole(TOKENS)} tokens each. CPU is the process's own time. A process that isn't always busy is waiting for the`,
    `processor that upstream and client share. The last column compares tokens per second of processor time.\n`,
    table(
      ['', ...STREAMS.map((count) => `${count} at once`), 'CPU µs a token', 'busy', 'Tributary does ×'],
      rows(results, contenders, [
        ...STREAMS.map((count) => rate(`full-${count}`)),
        (name) => spread(results.all(last, name, 'cpu'), precise),
        (name) => percent(results.median(last, name, 'busy')),
        ratio(results, last, 'cpu', 'less'),
      ]),
    ),
  ].join('\n')
}

export function paced(results: Results, contenders: readonly Contender[], rate: number): string {
  const cell = `paced-${rate}`
  const added = (measure: string) => (name: string) => {
    const value = results.median(cell, name, measure) - results.median(cell, 'direct', measure)
    return Number.isNaN(value) ? '–' : ms(value)
  }
  return [
    `## ${whole(rate)} tokens a second\n`,
    `Each completion at ${PACE} tokens a second. Times are from the upstream's write to the client's read, in milliseconds.`,
    `Added is the difference of the medians with and without a service; below zero, the load's own noise is larger.\n`,
    table(
      ['', 'delivered', 'p50', 'p99', 'p50 added', 'p99 added', 'CPU µs a token', 'CPU × Tributary’s'],
      rows(results, contenders, [
        (name) => `${Math.min(100, Math.round((100 * results.median(cell, name, 'rate')) / rate))} %`,
        (name) => spread(results.all(cell, name, 'p50'), ms),
        (name) => spread(results.all(cell, name, 'p99'), ms),
        added('p50'),
        added('p99'),
        (name) => spread(results.all(cell, name, 'cpu'), precise),
        ratio(results, cell, 'cpu', 'less'),
      ]),
    ),
  ].join('\n')
}

export function firstToken(results: Results, contenders: readonly Contender[]): string {
  const direct = results.median('first-token', 'direct', 'first')
  return [
    `## First token, and memory\n`,
    `One client: from the request to the first token, in milliseconds, on an open connection. Memory: resident, for each`,
    `of ${IDLE} streams that are open and silent, including both of its upstream connections.\n`,
    table(
      ['', 'first token', 'added', 'kB a silent stream'],
      rows(results, contenders, [
        (name) => spread(results.all('first-token', name, 'first'), ms),
        (name) =>
          spread(
            results.all('first-token', name, 'first').map((value) => value - direct),
            ms,
          ),
        (name) => (name === 'direct' ? '–' : spread(results.all('idle', name, 'perStream'), kilobytes)),
      ]),
    ),
  ].join('\n')
}

export function shares(shares: Shares): string {
  const last = STREAMS.at(-1)
  return [
    '## Where the time goes\n',
    `Tributary at full speed, ${last} streams at once: samples of its main thread, by owner of the code. They leave out what the`,
    `kernel does outside of calls, and the garbage collector's other threads. A copied token is moved by the kernel alone, in`,
    `reads of hundreds. A token that is passed on is decoded, checked, matched against the markers, kept for the prediction,`,
    `counted, put into a frame and encoded. No part stands out, and each costs more than the copy.\n`,
    table(
      ['', 'share'],
      shares.map(([owner, share]) => [owner, percent(share)]),
    ),
  ].join('\n')
}

const megabytes: Format = (bytes) => `${whole(bytes / 1_000_000)} MB`

export function crowds(crowds: readonly Crowd[]): string {
  return [
    `## Many streams\n`,
    `Tributary alone: this many streams are opened, stay silent and are left. Then come storms in which as many connect and
leave, a hundred at a time. Memory is resident, after a garbage collection; left to itself, V8 collects later.\n`,
    table(
      ['streams', 'opened in', 'kB each', 'CPU while silent', 'before', 'open', 'left', 'after each storm'],
      crowds.map((one) => [
        whole(one.count),
        `${precise(one.openMs / 1_000)} s`,
        kilobytes(one.perStream),
        percent(one.idleBusy),
        megabytes(one.before),
        megabytes(one.open),
        megabytes(one.after),
        one.afterStorms.map(megabytes).join(', '),
      ]),
    ),
  ].join('\n')
}

/** @param costs of each repetition */
export function dialectTable(costs: readonly DialectCosts[]): string {
  const ratios = (nth: number) => costs.map(({ cpu }) => (cpu[nth] as number) / (cpu[0] as number))
  return [
    '## Dialects\n',
    `The same runs in each dialect, 8 at once at full speed, in turns in one process: all that the service does for a token,`,
    `from the model's bytes to its own. A WebSocket carries the native frames, each as a message. The dialects below it`,
    `include reasoning and usage, and ask the model's endpoint for both. MCP sends an answer whole, so its runs leave the`,
    `encoding out.\n`,
    table(
      ['', 'CPU µs a token', '× native'],
      dialects.map(({ title }, nth) => {
        const fault = costs.map(({ faults }) => faults[nth]).find(Boolean)
        if (fault !== undefined) return [title, `wrong (${fault})`, '']
        return [
          title,
          spread(
            costs.map(({ cpu }) => cpu[nth] as number),
            precise,
          ),
          spread(ratios(nth), times),
        ]
      }),
    ),
  ].join('\n')
}

/** The service's aims, and whether this run met them. */
export function aims(results: Results): string {
  const full = `full-${STREAMS.at(-1)}`
  const fast = `paced-${RATES.at(-1)}`
  const perCpu = (name: string) => results.median(full, name, 'cpu') / results.median(full, SERVICE, 'cpu')
  const added = (cell: string, measure: string) =>
    results.median(cell, SERVICE, measure) - results.median(cell, 'direct', measure)
  const lines: [aim: string, value: number, isMet: (value: number) => boolean, format: Format][] = [
    ['half of what bare sockets copy, per core', perCpu('proxy'), (value) => value >= 0.5, times],
    ['half of what `node:http` copies, per core', perCpu('http-proxy'), (value) => value >= 0.5, times],
    ['10 × the obvious way', perCpu('obvious'), (value) => value >= 10, times],
    ['30 × the AI SDK', perCpu('ai-sdk'), (value) => value >= 30, times],
    ['30 × LangGraph.js', perCpu('langgraph'), (value) => value >= 30, times],
    [
      // Not the added time: the load's own noise is often larger than that.
      `p99 at ${whole(RATES.at(-1) ?? 0)} tokens/s ≤ 20 ms, the load's noise included`,
      results.median(fast, SERVICE, 'p99') / 1_000,
      (value) => value <= 20,
      precise,
    ],
    [
      '≤ 0.5 ms added to the first token',
      added('first-token', 'first') / 1_000,
      (value) => value <= 0.5,
      precise,
    ],
    [
      '≤ 100 kB a silent stream',
      results.median('idle', SERVICE, 'perStream') / 1_000,
      (value) => value <= 100,
      whole,
    ],
  ]
  const measured = lines.filter(([, value]) => Number.isFinite(value))
  if (measured.length === 0) return ''
  return [
    '## Aims\n',
    table(
      ['aim', 'measured', ''],
      measured.map(([aim, value, isMet, format]) => [
        aim,
        format(value),
        isMet(value) ? 'met' : '**missed**',
      ]),
    ),
  ].join('\n')
}

export function machine(repetitions: number, seconds: number): string {
  const [cpu, ...others] = cpus()
  const pinned = isPinned ? 'the service pinned to one of them' : 'processes not pinned (no taskset)'
  return [
    `${cpu?.model.trim()}, ${others.length + 1} processors, ${pinned}; ${Math.round(totalmem() / 2 ** 30)} GiB;`,
    `${process.platform} ${process.arch}, Node ${process.versions.node};`,
    `${new Date().toISOString().slice(0, 10)}; ${repetitions} interleaved repetition${repetitions === 1 ? '' : 's'}, ${Math.round(seconds / 60) || '<1'} min.`,
    `Each number is the median, with the range in brackets. Machines differ; ratios hold better. Every stream that a service`,
    `sent was compared with what the model wrote, character for character; a single difference takes its row out.`,
  ].join(' ')
}
