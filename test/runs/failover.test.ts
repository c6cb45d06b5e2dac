/** A replica takes the place of a Redis that had acknowledged more than the replica ever got. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { freePort } from '../support/free-port.ts'
import { Redis } from '../support/redis.ts'
import { cancel, fold, RunReader, stateOf } from '../support/run-reader.ts'
import { Service } from '../support/service.ts'
import { type Exchange, only } from '../support/upstream.ts'

const BEGUN = '[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n'
const COMPLETED = '\n\n[[ ## completed ## ]]'
/** Where a run is lost, nothing comes to wait for. */
const WITHIN = { timeout: 30_000 }
const OVER = { reasoning: 'r', answer: 'begun and over' }

/** Redis and its replica, and two instances whose answers the test writes. */
async function replicated(t: TestContext) {
  const port = String(await freePort())
  const redis = await Redis.start(t, '--port', port, '--bind', '127.0.0.1')
  const replica = await Redis.start(t, '--replicaof', `127.0.0.1 ${port}`)
  const asked: Exchange[] = []
  const options = {
    script: only('answer', (exchange) => {
      asked.push(exchange)
      exchange.open().delta(`${BEGUN}begun`)
    }),
    env: { REDIS_URL: redis.url, RUN_LEASE_MS: '1000' },
  }
  const [owner, other] = await Promise.all([Service.start(t, options), Service.start(t, options)])
  const begin = async () => {
    const reader = await RunReader.post(owner.url, { question: 'Why?' })
    await reader.until('begun')
    return { reader, exchange: asked.at(-1) as Exchange }
  }
  // One run that ends well, so that both servers know what they know of every run.
  const before = await begin()
  finish(before.exchange)
  await before.reader.until()
  return {
    owner,
    other,
    asked,
    begin,
    /** From now on, the replica gets nothing more. */
    async fallBehind() {
      assert.equal(await redis.command('WAIT', '1', '10000'), '1')
      await replica.command('REPLICAOF', 'NO', 'ONE')
    },
    async failOver() {
      await replica.takeThePlaceOf(redis)
      const said = () => owner.log.lines.some(({ msg }) => msg.startsWith('Redis is back'))
      while (!said()) await owner.log.next()
    },
  }
}

const finish = (exchange: Exchange) => exchange.delta(` and over${COMPLETED}`).finish()

async function readElsewhere({ url }: Service, id: string): Promise<RunReader> {
  let status = 0
  while (status !== 200) status = (await fetch(`${url}/v1/runs/${id}`)).status
  return RunReader.get(url, id)
}

test('a run that began in the moment that is lost goes on, and others find it again', WITHIN, async (t) => {
  const { other, begin, fallBehind, failOver } = await replicated(t)
  await fallBehind()
  const { reader, exchange } = await begin()
  await failOver()
  const late = await readElsewhere(other, reader.id)
  finish(exchange)
  assert.ok(await reader.until())
  assert.ok(await late.until())
  assert.deepEqual(fold(reader.frames).end, OVER)
  assert.deepEqual(fold(late.frames), fold(reader.frames))
})

test('a run that ended in it has ended, and its models are asked nothing again', WITHIN, async (t) => {
  const { other, asked, begin, fallBehind, failOver } = await replicated(t)
  const { reader, exchange } = await begin()
  await fallBehind()
  finish(exchange)
  assert.ok(await reader.until())
  const count = asked.length
  await failOver()
  const late = await RunReader.get(other.url, reader.id)
  assert.ok(await late.until())
  assert.deepEqual(fold(late.frames), fold(reader.frames))
  const { status, attempt } = await stateOf(other.url, reader.id)
  assert.deepEqual([status, attempt, asked.length], ['done', 1, count])
})

test('a run that began and ended in it is found', WITHIN, async (t) => {
  const { other, begin, fallBehind, failOver } = await replicated(t)
  await fallBehind()
  const { reader, exchange } = await begin()
  finish(exchange)
  assert.ok(await reader.until())
  await failOver()
  const late = await readElsewhere(other, reader.id)
  assert.ok(await late.until())
  assert.deepEqual(fold(late.frames), fold(reader.frames))
})

// Whoever cancelled it doesn't hold its log, so nobody is left who could write the end again.
test(
  'a cancel by another instance that is lost is undone: the run goes on, as one whose owner died',
  WITHIN,
  async (t) => {
    const { other, asked, begin, fallBehind, failOver } = await replicated(t)
    const { reader, exchange } = await begin()
    await fallBehind()
    await cancel(other.url, reader.id)
    assert.ok(await reader.until())
    assert.equal(fold(reader.frames).end, 'cancelled')
    await exchange.closed
    const count = asked.length
    await failOver()
    const late = await RunReader.get(other.url, reader.id)
    await late.until('begun')
    while (asked.length === count) assert.ok(await late.more())
    finish(asked.at(-1) as Exchange)
    assert.ok(await late.until())
    assert.deepEqual(fold(late.frames).end, OVER)
    const { status, attempt } = await stateOf(other.url, reader.id)
    assert.deepEqual([status, attempt], ['done', 2])
  },
)
