/** What is measured of runs that outlive their connection. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile, underLoad } from '../cells.ts'
import { now } from '../clock.ts'
import type { Received, Stream } from '../load.ts'
import type { Peer } from '../processes.ts'
import { asIs, readFrames } from '../reading.ts'
import { leases } from './leases.ts'
import { memory } from './memory.ts'
import { begin, cancelAll, delaysOf, eventsOf, faultIn, inGroups, read, readInShort } from './reading.ts'
import type { Server, Services } from './services.ts'
import { watched } from './watched.ts'

/** Numbers by name. Times in microseconds, unless the name says otherwise. */
export type Figures = Readonly<Record<string, number>>

/** Milliseconds of one window, and how often short things are done. */
export type Effort = { readonly windowMs: number; readonly samples: number; readonly leaseMs: number }

export type RunCell = {
  readonly name: string
  readonly measure: (services: Services, effort: Effort) => Promise<Figures>
}

export const runCells: readonly RunCell[] = [
  { name: 'plain', measure: plain },
  { name: 'owner', measure: owner },
  { name: 'latency', measure: (services, effort) => latency(services, effort, { runs: 200, rate: 20 }) },
  { name: 'watched', measure: (services, effort) => watched(services, effort, { runs: 1_000, rate: 20 }) },
  { name: 'crowd', measure: crowd },
  { name: 'whole-log', measure: wholeLog },
  { name: 'claim', measure: claim },
  { name: 'cancel', measure: cancel },
  { name: 'leases', measure: leases },
  { name: 'memory', measure: memory },
]

/** The plain path, with Redis configured and without, in turns. */
async function plain(services: Services, { windowMs }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const peers = {
    without: await services.start(undefined, { program: null }),
    with: await services.start(redis, { program: null }),
  }
  const costs = { without: [] as number[], with: [] as number[] }
  const load = { slots: 8, spreadMs: 0, warmUpMs: windowMs / 4, windowMs: windowMs / 2 }
  // The first turn warms both up and isn't counted: whoever came first would have looked slower by some percent.
  for (const [turn, first] of (['with', 'without', 'with', 'without', 'with'] as const).entries()) {
    for (const name of [first, first === 'with' ? 'without' : 'with'] as const) {
      const contender = { path: '/v1/stream', read: (stream: Stream) => readFrames(stream, asIs) }
      const { measures, fault } = await underLoad(contender, peers[name], {
        script: { tokens: 2_000, rate: 0 },
        ...load,
      })
      if (fault) throw new Error(fault)
      if (turn > 0) costs[name].push(measures.cpu as number)
      await peers[name].idle()
    }
  }
  return {
    without: quantile(costs.without, 0.5),
    with: quantile(costs.with, 0.5),
    ratio: quantile(costs.with, 0.5) / quantile(costs.without, 0.5),
  }
}

/** What 200 runs of 100 tokens a second each cost their owner, and Redis, where nobody reads. */
async function owner(services: Services, { windowMs }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const memory = await ownerOf(await services.start(undefined), undefined, windowMs)
  const both = await ownerOf(await services.start(redis), redis, windowMs)
  return {
    memory: memory.cpu,
    withRedis: both.cpu,
    added: both.cpu - memory.cpu,
    redis: both.redis,
    perWrite: both.tokens / both.writes,
    rate: both.rate,
  }
}

async function ownerOf(peer: Peer, redis: Server | undefined, windowMs: number) {
  const seconds = 2 + windowMs / 1_000 + 8
  const ids = await begin(peer, { tokens: 100 * seconds, rate: 100 }, 200)
  await sleep(1_500)
  await redis?.command('CONFIG', 'RESETSTAT')
  // Asking for all positions is work as well: done before and after the window that counts.
  const before = await eventsOf(peer, ids)
  const [from, cpu, redisCpu] = [now(), peer.cpu, redis?.cpu ?? 0]
  await sleep(windowMs)
  const [to, cpuAfter, redisCpuAfter] = [now(), peer.cpu, redis?.cpu ?? 0]
  const stats = await redis?.stats('xadd')
  const after = await eventsOf(peer, ids)
  const counted = now()
  await cancelAll(peer, ids)
  const tokens = ((after - before) * (to - from)) / (counted - from)
  return {
    tokens,
    cpu: (cpuAfter - cpu) / tokens,
    redis: (redisCpuAfter - redisCpu) / tokens,
    writes: stats?.calls ?? Number.NaN,
    rate: (tokens * 1_000_000) / (to - from),
  }
}

/** From the upstream to readers at the owner, and at another instance, each of which reads every run. */
async function latency(
  services: Services,
  { windowMs }: Effort,
  { runs, rate }: { readonly runs: number; readonly rate: number },
): Promise<Figures> {
  const redis = await services.redis()
  const [first, other] = [await services.start(redis), await services.start(redis)]
  const seconds = 8 + runs / 50 + windowMs / 1_000
  const ids = await begin(first, { tokens: rate * seconds, rate }, runs)
  const local = await inGroups(ids, (id) => read(first, id))
  const remote = await inGroups(ids, (id) => read(other, id))
  await sleep(1_500)
  await redis.command('CONFIG', 'RESETSTAT')
  const [from, cpus] = [now(), [first.cpu, other.cpu, redis.cpu] as const]
  await sleep(windowMs)
  const [to, after] = [now(), [first.cpu, other.cpu, redis.cpu] as const]
  const reads = await redis.stats('xread')
  await sleep(500) // for what was on its way
  for (const one of [...local, ...remote]) one.leave()
  const fault = [...local, ...remote].map(faultIn).find((one) => one)
  if (fault) throw new Error(fault)
  await cancelAll(first, ids)
  const delays = (readers: readonly Received[]) => readers.flatMap((one) => delaysOf(one, from, to))
  const [near, far] = [delays(local), delays(remote)]
  const [owned = 0, watched = 0, stored = 0] = after.map((one, nth) => one - (cpus[nth] as number))
  return {
    localP50: quantile(near, 0.5),
    localP99: quantile(near, 0.99),
    remoteP50: quantile(far, 0.5),
    remoteP99: quantile(far, 0.99),
    delivered: far.length / ((runs * rate * (to - from)) / 1_000_000),
    ownerCpu: owned / far.length,
    viewerCpu: watched / far.length,
    redisCpu: stored / far.length,
    reads: (reads.calls * 1_000_000) / (to - from),
    microsPerRead: reads.micros,
  }
}

/** A thousand readers of one run, at another instance. */
async function crowd(services: Services, { windowMs }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const [first, other] = [await services.start(redis), await services.start(redis)]
  const rate = 100
  const [id = ''] = await begin(first, { tokens: rate * (12 + windowMs / 1_000), rate }, 1)
  const readers = await inGroups(Array(1_000).fill(id), (one: string) => read(other, one))
  await sleep(1_500)
  await redis.command('CONFIG', 'RESETSTAT')
  const [from, cpu] = [now(), other.cpu]
  await sleep(windowMs)
  const [to, cpuAfter] = [now(), other.cpu]
  const reads = await redis.stats('xread')
  const writes = await redis.stats('xadd')
  for (const one of readers) one.leave()
  const fault = readers.map(faultIn).find((one) => one)
  if (fault) throw new Error(fault)
  const delays = readers.flatMap((one) => delaysOf(one, from, to))
  return {
    cpu: (cpuAfter - cpu) / delays.length,
    busy: (cpuAfter - cpu) / (to - from),
    delivered: delays.length / ((1_000 * rate * (to - from)) / 1_000_000),
    p50: quantile(delays, 0.5),
    p99: quantile(delays, 0.99),
    readsPerWrite: reads.calls / writes.calls,
    writesPerSecond: (writes.calls * 1_000_000) / (to - from),
  }
}

/** A run of 2,000 tokens: what it takes in Redis, and how fast somebody has all of it who comes late. */
async function wholeLog(services: Services, { samples }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const [first, other] = [await services.start(redis), await services.start(redis)]
  const [id = ''] = await begin(first, { tokens: 2_000, rate: 100, words: true }, 1)
  const whole = await read(first, id)
  await whole.closed
  const fault = faultIn(whole)
  if (fault) throw new Error(fault)
  const key = `tributary:{0}:run:${id}`
  const bytes = Number(await redis.command('MEMORY', 'USAGE', key, 'SAMPLES', '0'))
  const entries = Number(await redis.command('XLEN', key))
  await redis.command('CONFIG', 'RESETSTAT')
  const times: number[] = []
  let events = 0
  for (let sample = 0; sample < samples; sample++) {
    const reader = await readInShort(other, id)
    await reader.closed
    times.push((reader.arrivals.at(-1)?.at ?? Number.NaN) - reader.sentAt)
    events =
      Buffer.concat(reader.arrivals.map((one) => one.bytes))
        .toString()
        .split('data: ').length - 1
  }
  const range = await redis.stats('xrange')
  return {
    bytes,
    entries,
    events,
    first: times[0] as number,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    xrange: range.micros,
  }
}

const RESET = Buffer.from('"reset"')

/** The owner of 20 runs is killed: milliseconds until a reader elsewhere is told that another one goes on. */
async function claim(services: Services, { leaseMs }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const env = { RUN_LEASE_MS: String(leaseMs) }
  const [first, other] = [await services.start(redis, { env }), await services.start(redis, { env })]
  const ids = await begin(first, { tokens: 5, rate: 100, silent: true }, 20)
  const readers = await inGroups(ids, (id) => read(other, id))
  await Promise.all(readers.map(({ until }) => until((bytes) => bytes.includes('"token"'))))
  await sleep(1_000 + Math.random() * 1_000)
  const killedAt = now()
  await first.stop('SIGKILL')
  await Promise.all(readers.map(({ until }) => until((bytes) => bytes.includes(RESET))))
  const times = readers.map(
    ({ arrivals }) =>
      ((arrivals.find(({ bytes }) => bytes.includes(RESET))?.at ?? Number.NaN) - killedAt) / 1_000,
  )
  for (const one of readers) one.leave()
  return { leaseMs, least: Math.min(...times), most: Math.max(...times) }
}

/** Cancelled by way of another instance: milliseconds until the owner has stopped, as its log says. */
async function cancel(services: Services, { samples }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const [first, other] = [await services.start(redis), await services.start(redis)]
  const stopped = new Map<string, number>()
  let rest = ''
  first.output.on('data', (piece) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() as string
    for (const line of lines) {
      const { msg, run, time } = JSON.parse(line)
      if (msg === 'stream finished') stopped.set(run, time)
    }
  })
  const cancelled = async (id: string) => {
    const at = Date.now()
    await cancelAll(other, [id])
    while (!stopped.has(id.slice(0, 6))) await once(first.output, 'data')
    return (stopped.get(id.slice(0, 6)) as number) - at
  }
  const count = Math.min(20, samples)
  const talking: number[] = []
  for (const id of await begin(first, { tokens: 3_000, rate: 50 }, count)) talking.push(await cancelled(id))
  const silentIds = await begin(first, { tokens: 5, rate: 100, silent: true }, count)
  await sleep(500)
  const silent: number[] = []
  for (const id of silentIds) silent.push(await cancelled(id))
  return {
    talkingP50: quantile(talking, 0.5),
    talkingMost: Math.max(...talking),
    silentP50: quantile(silent, 0.5),
    silentMost: Math.max(...silent),
  }
}
