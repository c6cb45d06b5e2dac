/** Redis goes away, hangs, is full, or is emptied: what is lost then, and what isn't. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Redis } from '../support/redis.ts'
import { cancel, fold, RunReader, stateOf } from '../support/run-reader.ts'
import { Service } from '../support/service.ts'
import { type Exchange, only } from '../support/upstream.ts'

const BEGUN = '[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n'
const COMPLETED = '\n\n[[ ## completed ## ]]'

/** Two instances, and a run of the first whose answer the test writes. */
async function answering(t: TestContext, { redisOptions = [] as string[], env = {} } = {}) {
  const redis = await Redis.start(t, ...redisOptions)
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  const options = {
    script: only('answer', (exchange) => resolve(exchange.open())),
    env: { REDIS_URL: redis.url, RUN_LEASE_MS: '1000', ...env },
  }
  const [owner, other] = await Promise.all([Service.start(t, options), Service.start(t, options)])
  const reader = await RunReader.post(owner.url, { question: 'Why?' })
  const exchange = (await promise).delta(`${BEGUN}begun`)
  const remote = await RunReader.get(other.url, reader.id)
  await Promise.all([reader.until('begun'), remote.until('begun')])
  return { redis, owner, other, reader, remote, exchange }
}

const finish = (exchange: Exchange, text: string) => exchange.delta(`${text}${COMPLETED}`).finish()

const readyRuns = async (service: Service) => {
  const response = await fetch(`${service.url}/readyz`)
  assert.equal(response.status, 200)
  return ((await response.json()) as { runs: string }).runs
}

async function assertAway(service: Service, id: string): Promise<void> {
  const post = await fetch(`${service.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: 'Why?' }),
  })
  for (const response of [post, await fetch(`${service.url}/v1/runs/${id}`)]) {
    assert.deepEqual(
      [response.status, ((await response.json()) as { code: string }).code],
      [503, 'log_unavailable'],
    )
    assert.equal(response.headers.get('retry-after'), '2')
  }
  // Nothing of a plain stream depends on it.
  const [plain] = await Promise.all([service.post('Why?')])
  assert.equal(plain.status, 200)
  await plain.body?.cancel()
}

test('Redis dies and comes back empty: the run goes on, and is written again from memory', async (t) => {
  const { redis, owner, other, reader, remote, exchange } = await answering(t)
  await redis.kill()
  // Cut off, so that it asks an instance that can be reached.
  await remote.until()
  assert.ok(!remote.isOver)
  assert.equal(await readyRuns(other), 'unavailable')
  await assertAway(other, reader.id)
  exchange.delta(' again')
  assert.ok(await reader.until(' again'), 'who reads from the owner misses nothing')
  await redis.begin()
  // As soon as the owner has written it anew, anybody finds it.
  let rest: Response
  do rest = await fetch(`${other.url}/v1/runs/${reader.id}/stream`)
  while (rest.status !== 200)
  await rest.body?.cancel()
  const second = await RunReader.get(other.url, reader.id, remote.lastId)
  finish(exchange, ' and over')
  assert.ok(await reader.until())
  assert.ok(await second.until())
  assert.deepEqual(fold(reader.frames).end, { reasoning: 'r', answer: 'begun again and over' })
  assert.deepEqual(fold([...remote.frames, ...second.frames]), fold(reader.frames))
  assert.equal(await readyRuns(owner), 'available')
  const said = owner.log.lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('Redis'))
  assert.deepEqual(
    said.map((msg) => /^Redis (can't be reached|is back)/.exec(msg)?.[1]),
    ["can't be reached", 'is back'],
  )
})

test('Redis hangs for a while: the run goes on, and Redis has all of it in the end', async (t) => {
  const { redis, other, reader, exchange } = await answering(t)
  redis.hang()
  finish(exchange, ' and over')
  assert.ok(await reader.until(), 'the end is shown after a second, Redis or not')
  redis.wake()
  const late = await RunReader.get(other.url, reader.id)
  assert.ok(await late.until())
  assert.deepEqual(fold(late.frames), fold(reader.frames))
})

test('Redis is emptied: what runs is written again, what was over is forgotten', async (t) => {
  const { redis, owner, other, reader, exchange } = await answering(t)
  const over = await RunReader.post(other.url, { question: 'Why not?' })
  await cancel(other.url, over.id)
  await redis.command('FLUSHALL')
  exchange.delta(' again')
  await reader.until(' again')
  let status = 0
  while (status !== 200) status = (await fetch(`${other.url}/v1/runs/${reader.id}`)).status
  assert.equal((await fetch(`${owner.url}/v1/runs/${over.id}`)).status, 404)
  finish(exchange, ' and over')
  assert.ok(await reader.until())
  const late = await RunReader.get(other.url, reader.id)
  assert.ok(await late.until())
  assert.deepEqual(fold(late.frames), fold(reader.frames))
})

test('Redis is full: the run goes on in memory, and is written when there is room', async (t) => {
  const { redis, other, reader, exchange } = await answering(t, {
    redisOptions: ['--maxmemory-policy', 'noeviction'],
  })
  await redis.command('CONFIG', 'SET', 'maxmemory', '1')
  exchange.delta(' more')
  await reader.until(' more')
  const response = await fetch(`${other.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: 'Why?' }),
  })
  assert.equal(response.status, 503)
  assert.equal((await stateOf(other.url, reader.id)).status, 'running', 'reads go on')
  await redis.command('CONFIG', 'SET', 'maxmemory', '0')
  finish(exchange, ' and over')
  assert.ok(await reader.until())
  const late = await RunReader.get(other.url, reader.id)
  assert.ok(await late.until())
  assert.deepEqual(fold(late.frames), fold(reader.frames))
})

test('a server that has forgotten the last writes gets them again', async (t) => {
  const { redis, other, reader, exchange } = await answering(t)
  // As a replica that was behind when it took over: connections break, and the newest entries are gone.
  const key = `tributary:{0}:run:${reader.id}`
  const [newest] = (await redis.command('XREVRANGE', key, '+', '-', 'COUNT', '1')).split('\n')
  await redis.command('XDEL', key, newest as string)
  await redis.command(
    'XSETID',
    key,
    (await redis.command('XREVRANGE', key, '+', '-', 'COUNT', '1')).split('\n')[0] as string,
  )
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  finish(exchange, ' and over')
  assert.ok(await reader.until())
  const late = await RunReader.get(other.url, reader.id)
  assert.ok(await late.until())
  assert.deepEqual(fold(late.frames), fold(reader.frames))
})

test('a version that is gone in a deploy leaves nobody waiting', async (t) => {
  const { redis, other, reader } = await answering(t, { env: { RUN_LEASE_MS: '1000' } })
  // A run of a program that no instance has, with nobody who renews its lease.
  const id = 'x'.repeat(22)
  const header = {
    program: 'gone',
    inputs: {},
    include: {},
    createdAt: Date.now(),
    requestId: 'request-1',
    digest: '',
  }
  const work = 'tributary:{0}:work:gone'
  await redis.command('XGROUP', 'CREATE', work, 'owners', '$', 'MKSTREAM')
  await redis.command('SADD', 'tributary:{0}:versions', 'gone')
  const entry = await redis.command('XADD', work, '*', 'run', id)
  await redis.command('XREADGROUP', 'GROUP', 'owners', 'dead', 'STREAMS', work, '>')
  await redis.command(
    'XADD',
    `tributary:{0}:run:${id}`,
    '1-0',
    'h',
    JSON.stringify(header),
    'p',
    'gone',
    'w',
    entry,
  )
  await redis.command('XCLAIM', work, 'owners', 'dead', '0', entry, 'IDLE', '60000', 'JUSTID')
  const waiting = await RunReader.get(other.url, id)
  assert.ok(await waiting.until())
  assert.equal(fold(waiting.frames).end, 'run_lost')
  await cancel(other.url, reader.id)
})
