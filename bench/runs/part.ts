/**
 * One instance without HTTP and without models: it owns runs that write at a pace, or it watches runs of others. With
 * a thousand runs, the load that a whole service needs around it would take more of the machine than what is measured.
 */
import { performance } from 'node:perf_hooks'
import type { Frame } from '../../src/core/frame.ts'
import { Cursor, framesAfter } from '../../src/runs/cursor.ts'
import type { OwnLog } from '../../src/runs/log.ts'
import { RedisStore } from '../../src/runs/redis/store.ts'
import type { Tail } from '../../src/runs/tail.ts'
import { quantile } from '../cells.ts'
import { now } from '../clock.ts'
import { stamp } from '../text.ts'

/** What it is told. */
export type Order =
  | { readonly do: 'own'; readonly runs: number; readonly rate: number }
  | { readonly do: 'watch'; readonly ids: readonly string[] }
  | { readonly do: 'mark' }
  | { readonly do: 'report' }

/** What it answers. Times in microseconds. */
export type Report = {
  readonly ids?: readonly string[]
  readonly tokens?: number
  readonly p50?: number
  readonly p99?: number
  readonly cpu?: number
}

const store = new RedisStore({
  url: process.env.REDIS_URL as string,
  retentionMs: 60_000,
  leaseMs: 10_000,
  timeoutMs: 600_000,
  fingerprints: new Map([['bench', 'bench']]),
  log: console.error,
})

let delays: number[] = []
let tokens = 0
let cpu = process.cpuUsage()

async function own(runs: number, rate: number): Promise<readonly string[]> {
  const header = { program: 'bench', inputs: {}, include: { reasoning: false, usage: false, values: false } }
  const logs = await Promise.all(
    Array.from({ length: runs }, (_, nth) =>
      store.create(
        `run-${String(nth).padStart(18, '0')}`,
        { ...header, createdAt: Date.now(), requestId: 'bench', principal: undefined, digest: '' },
        undefined,
      ),
    ),
  )
  const every = 1_000 / rate
  const due = logs.map((log) => ({ log: log as OwnLog, at: performance.now() + Math.random() * every }))
  setInterval(() => {
    const time = performance.now()
    for (const one of due) {
      if (one.at > time) continue
      one.at += every
      tokens++
      one.log.append([tokenOf(stamp(now()))], [])
    }
  }, 1)
  return due.map(({ log }) => log.tail.id)
}

const tokenOf = (chunk: string): Frame => ({
  type: 'token',
  field: 'answer',
  predictor: 'answer',
  chunk,
  is_last: false,
})

async function watch(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const opened = await store.open(id)
    if (!opened) throw new Error(`There is no ${id}`)
    follow(opened.tail, new Cursor(opened.tail, opened.tail.position))
  }
}

function follow(tail: Tail, cursor: Cursor): void {
  for (let taken = cursor.take(); taken; taken = cursor.take()) {
    for (const frame of framesAfter(taken)) {
      tokens++
      if (frame.type === 'token') delays.push(now() - Number(frame.chunk.slice(0, 15)))
    }
  }
  tail.whenMore(() => follow(tail, cursor))
}

async function obey(order: Order): Promise<Report> {
  switch (order.do) {
    case 'own':
      return { ids: await own(order.runs, order.rate) }
    case 'watch':
      await watch(order.ids)
      return {}
    case 'mark':
      delays = []
      tokens = 0
      cpu = process.cpuUsage()
      return {}
    case 'report': {
      const { user, system } = process.cpuUsage(cpu)
      return { tokens, p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), cpu: user + system }
    }
  }
}

process.on('message', async (order: Order) => process.send?.(await obey(order)))
process.on('disconnect', () => process.exit())
