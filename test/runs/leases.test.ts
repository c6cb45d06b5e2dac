/** Leases that were left behind are found among any number of others. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Connection } from '../../src/runs/redis/connection.ts'
import { workKey } from '../../src/runs/redis/keys.ts'
import { type Lease, Leases } from '../../src/runs/redis/leases.ts'
import { Redis } from '../support/redis.ts'

const LEASE_MS = 60_000

async function leasesOf(t: TestContext, redis: Redis, me: string, onLeft: (lease: Lease) => void) {
  const connection = new Connection({ url: redis.url })
  const leases = new Leases({
    connection,
    me,
    fingerprints: ['program'],
    leaseMs: LEASE_MS,
    keepMs: 600_000,
    hasRoom: () => true,
    onRenewed: async () => {},
    onLeft: async (lease) => onLeft(lease),
    onForeign: async () => {},
  })
  t.after(async () => {
    await leases.close()
    connection.close()
  })
  return leases
}

// One command looks at a thousand, from where it is told: always from the first, the others would wait for those to end.
test('the lease of an owner that is gone is found behind thousands that are held', async (t) => {
  const redis = await Redis.start(t)
  const owner = await leasesOf(t, redis, 'owner', () => assert.fail('it looks for none'))
  const runs = Array.from({ length: 7_000 }, (_, nth) => `run-${nth}`)
  const works = await Promise.all(runs.map((run) => owner.take('program', run)))
  const left = [1, 3_500, 6_999]
  for (const nth of left) {
    const work = works[nth] as string
    await redis.command(
      ...['XCLAIM', workKey('program'), 'owners', 'dead', '0', work, 'IDLE', String(LEASE_MS), 'JUSTID'],
    )
  }
  const found: string[] = []
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const other = await leasesOf(t, redis, 'other', ({ run }) => {
    found.push(run)
    if (found.length === left.length) resolve()
  })
  other.scan()
  await all
  assert.deepEqual(
    found,
    left.map((nth) => `run-${nth}`),
  )
})
