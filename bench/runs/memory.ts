/** What resumable runs take of the process while they run, once they are over, and when all of them are gone. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Peer } from '../processes.ts'
import type { Effort, Figures } from './cells.ts'
import { begin, cancelAll, eventsOf, inGroups, read } from './reading.ts'
import type { Services, Store } from './services.ts'

const RUNS = 200
/** Tokens of each. */
const TOKENS = 500
/** Milliseconds after which nothing is held of a run that is over, but what is kept of it. */
const SETTLED_MS = 7_000

export async function memory(services: Services, { samples }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const alone = await memoryOf(services, undefined)
  const shared = await memoryOf(services, redis)
  const rounds = await soak(services, redis, samples < 100 ? 1_000 : 3_000)
  const watch = Number(await redis.command('DBSIZE'))
  return {
    running: alone.running,
    over: alone.over,
    runningShared: shared.running,
    overShared: shared.over,
    ...rounds,
    keysLeft: watch,
  }
}

/** Bytes of heap that a run takes: under way and silent, and over. */
async function memoryOf(services: Services, store: Store): Promise<{ running: number; over: number }> {
  const peer = await services.start(store)
  await cancelAll(peer, await begin(peer, { tokens: TOKENS, rate: 1_000 }, 20)) // what is made once
  const before = await quiet(peer)
  const ids = await begin(peer, { tokens: TOKENS, rate: 200, silent: true }, RUNS)
  while ((await eventsOf(peer, ids)) < RUNS * TOKENS) await sleep(500)
  const running = await quiet(peer)
  await cancelAll(peer, ids)
  await sleep(SETTLED_MS)
  const over = await quiet(peer)
  await peer.stop()
  return { running: (running - before) / RUNS, over: (over - before) / RUNS }
}

/** Many runs, each with a reader at the owner and one elsewhere: bytes of heap after each third of them. */
async function soak(services: Services, store: Store, count: number): Promise<Figures> {
  const env = { RUN_RETENTION_MS: '1000' }
  const [owner, other] = [await services.start(store, { env }), await services.start(store, { env })]
  const some = async (runs: number) => {
    const ids = await begin(owner, { tokens: 50, rate: 0 }, runs)
    await inGroups(ids, async (id) => {
      const readers = await Promise.all([read(owner, id), read(other, id)])
      await Promise.all(readers.map(({ closed }) => closed))
    })
  }
  const third = Math.ceil(count / 3 / 50) * 50
  const heaps: Record<string, number> = {}
  await some(third)
  for (const round of [1, 2, 3]) {
    for (let left = third; left > 0; left -= 50) await some(50)
    heaps[`ownerAfter${round}`] = await quiet(owner)
    heaps[`otherAfter${round}`] = await quiet(other)
  }
  const { Timeout = 0 } = await owner.resources()
  return { ...heaps, soaked: 4 * third, timers: Timeout }
}

async function quiet(peer: Peer): Promise<number> {
  await sleep(2_000)
  await peer.idle()
  return peer.heap()
}
