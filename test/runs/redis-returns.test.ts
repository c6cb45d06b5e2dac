/** Redis comes back after longer than a lease: every lease has run out, and yet the owners live. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Redis } from '../support/redis.ts'
import { fold, RunReader, stateOf } from '../support/run-reader.ts'
import { Service } from '../support/service.ts'
import { type Exchange, only } from '../support/upstream.ts'

const LEASE_MS = 3_000
const BEGUN = '[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n'
const COMPLETED = '\n\n[[ ## completed ## ]]'

/** A user of Redis, so that one instance can be cut off without the other. */
class User {
  readonly #redis: Redis
  readonly #name: string

  constructor(redis: Redis, name: string) {
    this.#redis = redis
    this.#name = name
  }

  get url(): string {
    return this.#redis.url.replace('unix://', `unix://${this.#name}:secret@localhost`)
  }

  async letIn(): Promise<void> {
    await this.#redis.command('ACL', 'SETUSER', this.#name, 'reset', 'on', '>secret', '~*', '&*', '+@all')
  }

  async cutOff(): Promise<void> {
    await this.#redis.command('ACL', 'SETUSER', this.#name, 'off')
    await this.#redis.command('CLIENT', 'KILL', 'USER', this.#name)
  }
}

/** Two instances, each a user of Redis, and a run of the first whose answer the test writes. */
async function answering(t: TestContext) {
  const redis = await Redis.start(t)
  const users = [new User(redis, 'owner'), new User(redis, 'other')] as const
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  let isFirst = true
  const script = only('answer', (exchange) => {
    if (isFirst) resolve(exchange.open())
    else exchange.answer({ reasoning: 'r', answer: 'told anew' })
    isFirst = false
  })
  const services = await Promise.all(
    users.map(async (user) => {
      await user.letIn()
      return Service.start(t, { script, env: { REDIS_URL: user.url, RUN_LEASE_MS: String(LEASE_MS) } })
    }),
  )
  const reader = await RunReader.post(services[0]?.url as string, { question: 'Why?' })
  const exchange = (await promise).delta(`${BEGUN}begun`)
  await reader.until('begun')
  return { redis, users, services, reader, exchange }
}

/** Waits until nobody has renewed the one lease there is for as long as it lasts. */
async function leaseIsOver(redis: Redis): Promise<void> {
  const work = await redis.command('KEYS', 'tributary:{0}:work:*')
  const left = () => redis.command('XPENDING', work, 'owners', 'IDLE', String(LEASE_MS), '-', '+', '1')
  while ((await left()) === '');
}

/** How often any instance has renewed its leases. */
const renewals = async (redis: Redis): Promise<number> =>
  Number(/cmdstat_xreadgroup:calls=(\d+)/.exec(await redis.command('INFO', 'commandstats'))?.[1] ?? 0)

test('who is back first takes no run from an owner that is back a little later', async (t) => {
  const { redis, users, services, reader, exchange } = await answering(t)
  const [owner, first] = users
  await Promise.all(users.map((user) => user.cutOff()))
  await leaseIsOver(redis)
  const before = await renewals(redis)
  await first.letIn()
  // It looks for what was left behind twice as often as it renews.
  while ((await renewals(redis)) === before);
  await owner.letIn()
  const renewed = await renewals(redis)
  while ((await renewals(redis)) < renewed + 4); // both have
  exchange.delta(` and over${COMPLETED}`).finish()
  assert.ok(await reader.until())
  assert.deepEqual(fold(reader.frames).end, { reasoning: 'r', answer: 'begun and over' })
  assert.equal((await stateOf(services[1]?.url as string, reader.id)).attempt, 1)
})

test('a run that was erased while its owner had no Redis stays erased', async (t) => {
  const { redis, users, services, reader, exchange } = await answering(t)
  const [owner] = users
  await owner.cutOff()
  assert.equal((await fetch(`${services[1]?.url}/v1/runs/${reader.id}`, { method: 'DELETE' })).status, 204)
  // Its log is there for a while yet, for those who were reading it.
  while ((await redis.command('EXISTS', `tributary:{0}:run:${reader.id}`)) === '1');
  await owner.letIn()
  await exchange.closed
  assert.ok(exchange.wasAborted, 'the owner has stopped')
  await reader.until()
  for (const instance of services) {
    assert.equal((await fetch(`${instance.url}/v1/runs/${reader.id}`)).status, 404)
  }
})
