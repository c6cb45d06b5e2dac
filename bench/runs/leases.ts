/** 10,000 runs under way at ten owners, each of which renews what it has, and which take turns to look for what was left. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../../src/runs/redis/connection.ts'
import { workKey } from '../../src/runs/redis/keys.ts'
import { Leases } from '../../src/runs/redis/leases.ts'
import type { Effort, Figures } from './cells.ts'
import { inGroups } from './reading.ts'
import type { Services } from './services.ts'

const OWNERS = 10
const EACH = 1_000
/** That Redis goes through for one command of a look. */
const AT_ONCE = 1_000

export async function leases(services: Services, { windowMs }: Effort): Promise<Figures> {
  const redis = await services.redis()
  const owners = Array.from({ length: OWNERS }, (_, nth) => {
    const connection = new Connection({ url: redis.url })
    const held = { count: 0 }
    const leases = new Leases({
      connection,
      me: `owner-${nth}`,
      fingerprints: ['bench'],
      leaseMs: 10_000,
      keepMs: 600_000,
      hasRoom: () => true,
      onRenewed: async (all) => {
        held.count = all.length
      },
      onLeft: async () => {
        throw new Error('a lease was left behind')
      },
      onForeign: async () => {},
    })
    return { connection, leases, held }
  })
  for (const { leases } of owners) {
    await inGroups([...Array(EACH).keys()], (nth) => leases.take('bench', `${'x'.repeat(18)}${nth}`))
  }
  const bytes = Number(await redis.command('MEMORY', 'USAGE', workKey('bench'), 'SAMPLES', '0'))
  for (const { leases } of owners) leases.scan()
  await sleep(1_500)
  await redis.command('CONFIG', 'RESETSTAT')
  const [cpu, own] = [redis.cpu, process.cpuUsage()]
  await sleep(windowMs)
  const used = process.cpuUsage(own)
  const busy = (redis.cpu - cpu) / (windowMs * 1_000)
  const [renew, scan] = [await redis.stats('xreadgroup'), await redis.stats('xautoclaim')]
  for (const { leases, connection, held } of owners) {
    if (held.count !== EACH) throw new Error(`${held.count} leases are held`)
    await leases.close()
    connection.close()
  }
  return {
    renew: renew.micros,
    scan: (scan.micros * OWNERS * EACH) / AT_ONCE,
    bytes,
    busy,
    renewals: renew.calls,
    scans: scan.calls,
    perOwner: (used.user + used.system) / (windowMs * 1_000) / OWNERS,
  }
}
