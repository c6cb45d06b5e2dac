/** What is measured: one cell at a time, for one contender, in one repetition. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { leaveAll, openAll } from './crowd.ts'
import { ask, Load } from './load.ts'
import type { Contender } from './peers.ts'
import type { Peer } from './processes.ts'
import type { Script } from './text.ts'

/** Numbers by name. Times in microseconds, memory in bytes. */
export type Measures = Readonly<Record<string, number>>

export type Result = { readonly measures: Measures; readonly fault: string | undefined }

/**
 * How much is measured: milliseconds at full speed, milliseconds of one paced completion, and runs for the first
 * token.
 */
export type Effort = { readonly windowMs: number; readonly completionMs: number; readonly samples: number }

export type Cell = {
  readonly name: string
  /** Whether it needs a process that has done nothing yet. */
  readonly isFresh: boolean
  readonly run: (contender: Contender, peer: Peer, effort: Effort) => Promise<Result>
}

/** Tokens of each of a run's three completions, at full speed. */
export const TOKENS = 2_000

/** Tokens a second of one paced completion: a fast model. */
export const PACE = 100

export const STREAMS = [1, 8, 64] as const
export const RATES = [1_000, 4_000, 20_000] as const
export const IDLE = 500

export const cells: readonly Cell[] = [
  ...STREAMS.map((slots) => ({
    name: `full-${slots}`,
    isFresh: false,
    run: (contender: Contender, peer: Peer, { windowMs }: Effort) =>
      underLoad(contender, peer, {
        script: { tokens: TOKENS, rate: 0 },
        slots,
        spreadMs: 0,
        warmUpMs: windowMs / 2,
        windowMs,
      }),
  })),
  ...RATES.map((rate) => ({
    name: `paced-${rate}`,
    isFresh: false,
    run: (contender: Contender, peer: Peer, { completionMs }: Effort) =>
      underLoad(contender, peer, {
        script: { tokens: (PACE * completionMs) / 1_000, rate: PACE },
        slots: Math.round(rate / PACE / completionsPerRun(contender)),
        spreadMs: 2 * completionMs,
        warmUpMs: 2.5 * completionMs,
        windowMs: 3 * completionMs,
      }),
  })),
  { name: 'first-token', isFresh: false, run: firstToken },
  { name: 'idle', isFresh: true, run: (contender, peer) => memoryOf(contender, peer, IDLE) },
]

/**
 * Completions at a time, on average: two branches, then one call of the same length. The upstream itself is asked for
 * one.
 */
const completionsPerRun = ({ name }: Contender) => (name === 'direct' ? 1 : 1.5)

type Plan = {
  readonly script: Script
  readonly slots: number
  readonly spreadMs: number
  readonly warmUpMs: number
  readonly windowMs: number
}

export async function underLoad(
  contender: Pick<Contender, 'path' | 'read' | 'ask'>,
  peer: Peer,
  plan: Plan,
): Promise<Result> {
  const load = new Load(peer.url + contender.path, plan.script, { ...plan, ask: contender.ask })
  await sleep(plan.warmUpMs)
  const [from, cpuBefore] = [now(), peer.cpu]
  await sleep(plan.windowMs)
  const [to, cpuAfter] = [now(), peer.cpu]
  await load.stop()

  const isInside = ({ at }: { at: number }) => at >= from && at < to
  const readings = load.streams.map(contender.read)
  const count = readings
    .flatMap(({ tokens }) => tokens)
    .reduce((sum, token) => sum + (isInside(token) ? token.count : 0), 0)
  const delays = readings
    .flatMap((reading) => reading.delays)
    .filter(isInside)
    .map(({ micros }) => micros)
  return {
    measures: {
      rate: (count * 1_000_000) / (to - from),
      cpu: (cpuAfter - cpuBefore) / count,
      busy: (cpuAfter - cpuBefore) / (to - from),
      p50: quantile(delays, 0.5),
      p99: quantile(delays, 0.99),
    },
    fault: readings.find(({ fault }) => fault)?.fault,
  }
}

/** From the request to the first token at the client, one run after the other. */
async function firstToken(contender: Contender, peer: Peer, { samples }: Effort): Promise<Result> {
  const times: number[] = []
  let fault: string | undefined
  for (let sample = 0; sample < samples; sample++) {
    const stream = await ask(peer.url + contender.path, { tokens: 4, rate: 0 })
    await stream.closed
    const first = stream.arrivals.find(({ bytes }) => hasToken(bytes))
    if (first) times.push(first.at - stream.sentAt)
    fault ??= contender.read(stream).fault
  }
  const warm = times.slice(samples / 4)
  return { measures: { first: quantile(warm, 0.5) }, fault }
}

/** Whether the first token of an unpaced text is there. */
const hasToken = (bytes: Buffer) => bytes.includes('Once')

/** What an open, silent stream costs: resident memory before and with this many of them. */
async function memoryOf(contender: Contender, peer: Peer, count: number): Promise<Result> {
  const warmUp = await ask(peer.url + contender.path, { tokens: 100, rate: 0 })
  await warmUp.closed
  await sleep(500)
  const before = peer.memory
  const open = await openAll(contender, peer, count)
  await sleep(1_500)
  const during = peer.memory
  await leaveAll(open)
  return {
    measures: { perStream: (during - before) / count },
    fault: open.map(contender.read).find(({ fault }) => fault)?.fault,
  }
}

/** @returns NaN if there are no numbers */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
