/** Leases that were left behind are found among any number of others. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../../src/runs/redis/connection.ts'
import { lookKey, workKey } from '../../src/runs/redis/keys.ts'
import { type Lease, Leases } from '../../src/runs/redis/leases.ts'
import { Redis } from '../support/redis.ts'

const LEASE_MS = 60_000

type Told = { readonly leaseMs?: number; readonly onRenewed?: () => void }

async function leasesOf(
  t: TestContext,
  redis: Redis,
  me: string,
  onLeft: (lease: Lease) => void,
  { leaseMs = LEASE_MS, onRenewed = () => {} }: Told = {},
) {
  const connection = new Connection({ url: redis.url })
  const leases = new Leases({
    connection,
    me,
    fingerprints: ['program'],
    leaseMs,
    keepMs: 600_000,
    hasRoom: () => true,
    onRenewed: async () => onRenewed(),
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

const calls = async (redis: Redis, command: string): Promise<number> =>
  Number(
    new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.command('INFO', 'commandstats'))?.[1] ?? 0,
  )

test('one look serves all processes, and one that dies on it keeps nobody from the next', async (t) => {
  const redis = await Redis.start(t)
  const owner = await leasesOf(t, redis, 'owner', () => assert.fail('it looks for none'))
  await owner.take('program', 'held')
  const work = await owner.take('program', 'left')
  const { promise: found, resolve } = Promise.withResolvers<Lease>()
  const others = await Promise.all(
    Array.from({ length: 8 }, (_, nth) => leasesOf(t, redis, `other-${nth}`, resolve)),
  )
  for (const other of others) other.scan()
  // Whoever may look has said so, and nothing more is heard of it.
  const dead = ['SET', lookKey('program', LEASE_MS), 'dead', 'NX', 'PX', '400']
  while ((await redis.command(...dead)) !== 'OK');
  await redis.command('CONFIG', 'RESETSTAT')
  while ((await calls(redis, 'set')) < 64);
  const looks = await calls(redis, 'xautoclaim')
  assert.ok(looks > 0 && looks <= 32, `${looks} looks for 64 times that one could have been`)
  await redis.command(
    ...['XCLAIM', workKey('program'), 'owners', 'dead', '0', work, 'IDLE', String(LEASE_MS), 'JUSTID'],
  )
  assert.equal((await found).run, 'left')
})

test('after Redis stood still, leases that ran out meanwhile are left to their owners for a while', async (t) => {
  const redis = await Redis.start(t)
  const seen: string[] = []
  const { promise: found, resolve } = Promise.withResolvers<void>()
  const other = await leasesOf(
    t,
    redis,
    'other',
    () => {
      seen.push('left')
      resolve()
    },
    { leaseMs: 1_500, onRenewed: () => seen.push('renewed') },
  )
  await other.take('program', 'run')
  // Nobody renews it from now on.
  const [work] = (await redis.command('XRANGE', workKey('program'), '-', '+')).split('\n')
  await redis.command('XCLAIM', workKey('program'), 'owners', 'silent', '0', work as string, 'JUSTID')
  other.scan()
  while (!seen.includes('renewed')) await sleep(10)
  redis.hang()
  await sleep(2_000) // for longer than the lease
  seen.length = 0
  redis.wake()
  await found
  assert.ok(seen.indexOf('left') > 2, String(seen))
})
