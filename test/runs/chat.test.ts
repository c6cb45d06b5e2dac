/** A chat's run that is resumed, whatever keeps it and whichever instance is asked. */
import assert from 'node:assert/strict'
import test, { after, type TestContext } from 'node:test'
import { retold, tooLong } from '../support/programs.ts'
import { Redis } from '../support/redis.ts'
import { ServerProcess } from '../support/server-process.ts'
import { Reading, Service } from '../support/service.ts'
import { type Exchange, echo, only, type Script, Upstream } from '../support/upstream.ts'

const redis = await Redis.start({ after })

const KEYS = { API_KEYS: 'web=0123456789,app=9876543210' }

type Ask = { readonly id?: string; readonly key?: string; readonly resumable?: boolean }

const headersOf = (key = '0123456789') => ({ authorization: `Bearer ${key}` })

async function ask(url: string, { id = 'c1', key, resumable = true }: Ask = {}): Promise<Reading> {
  const messages = [{ role: 'user', parts: [{ type: 'text', text: 'Why?' }] }]
  const body = JSON.stringify({ id, messages, resumable })
  const headers = { ...headersOf(key), 'content-type': 'application/json' }
  const response = await fetch(`${url}/api/chat`, { method: 'POST', headers, body })
  if (response.status !== 200) assert.fail(await response.text())
  return new Reading(response)
}

const resume = (url: string, { id = 'c1', key }: Ask = {}): Promise<Response> =>
  fetch(`${url}/api/chat/${id}/stream`, { headers: headersOf(key) })

const statusOf = async (url: string, asked?: Ask) => {
  const response = await resume(url, asked)
  await response.body?.cancel()
  return response.status
}

/** Reads to the end; a connection that is cut has none. */
async function rest(reading: Reading): Promise<void> {
  await reading.until('data: [DONE]\n\n')
}

/** The text of each part, in the order in which they began. */
function partsOf({ text }: Reading): Record<string, string> {
  const parts = new Map<string, string>()
  for (const line of text.split('\n\n')) {
    if (!line.startsWith('data: {')) continue
    const { type, id, delta } = JSON.parse(line.slice('data: '.length))
    if (/^(text|reasoning)-start$/.test(type)) parts.set(id, '')
    if (/^(text|reasoning)-delta$/.test(type)) parts.set(id, `${parts.get(id)}${delta}`)
  }
  return Object.fromEntries(parts)
}

const startOf = ({ text }: Reading) => /"messageId":"([^"]+)"/.exec(text)?.[1]

const BEGUN = '[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\nso far'
const COMPLETED = '\n\n[[ ## completed ## ]]'

/** Answers all but the answer, which the test writes itself, for each run in turn. */
function writing(): { script: Script; next: () => Promise<Exchange> } {
  const begun: Exchange[] = []
  const waiting: ((exchange: Exchange) => void)[] = []
  return {
    script: only('answer', (exchange) => {
      exchange.open().delta(BEGUN)
      const wake = waiting.shift()
      if (wake) wake(exchange)
      else begun.push(exchange)
    }),
    next: async () => begun.shift() ?? new Promise((resolve) => waiting.push(resolve)),
  }
}

type Setting = (t: TestContext, script: Script) => Promise<readonly [Service, Service]>

const SETTINGS: Record<string, Setting> = {
  'in memory': async (t, script) => {
    const service = await Service.start(t, { script, env: KEYS })
    return [service, service]
  },
  'in Redis, through another instance': async (t, script) => {
    const env = { ...KEYS, REDIS_URL: redis.url }
    return Promise.all([Service.start(t, { script, env }), Service.start(t, { script, env })])
  },
}

for (const [name, start] of Object.entries(SETTINGS)) {
  test(`${name}: a chat that was left goes on, from its beginning and under the same id`, async (t) => {
    const { script, next } = writing()
    const [owner, other] = await start(t, script)
    const first = await ask(owner.url)
    const exchange = await next()
    await first.until('so far')
    const again = new Reading(await resume(other.url))
    assert.match(again.response.headers.get('cache-control') ?? '', /no-store/)
    await again.until('so far')
    exchange.delta(' and further').delta(COMPLETED).finish()
    await Promise.all([rest(first), rest(again)])
    const parts = partsOf(first)
    assert.equal(parts['compose.answer.1'], 'so far and further')
    assert.deepEqual(partsOf(again), parts)
    assert.deepEqual(Object.keys(partsOf(again)), Object.keys(parts), 'in the order in which they began')
    assert.equal(startOf(again), first.response.headers.get('x-run-id'))
    assert.equal(startOf(again), startOf(first))
    assert.equal(await statusOf(other.url), 204, 'it is over')
    await owner.assertQuiet('ok')
  })

  test(`${name}: nobody else's chat is found, and none that ends with its request`, async (t) => {
    const { script, next } = writing()
    const [owner, other] = await start(t, script)
    const mine = await ask(owner.url, { id: 'c2' })
    await mine.until('so far')
    for (const asked of [{ id: 'c2', key: '9876543210' }, { id: 'c3' }]) {
      assert.equal(await statusOf(other.url, asked), 204)
    }
    const plain = await ask(owner.url, { id: 'c3', resumable: false })
    await plain.until('so far')
    assert.equal(await statusOf(other.url, { id: 'c3' }), 204)
    for (const exchange of [await next(), await next()]) exchange.delta(COMPLETED).finish()
    await Promise.all([rest(mine), rest(plain)])
  })

  test(`${name}: the newest run of a chat is the one that goes on, until it is cancelled`, async (t) => {
    const { script, next } = writing()
    const [owner, other] = await start(t, script)
    const older = await ask(owner.url, { id: 'c4' })
    const first = await next()
    const newer = await ask(owner.url, { id: 'c4' })
    await newer.until('so far')
    const again = new Reading(await resume(other.url, { id: 'c4' }))
    await again.until('so far')
    const id = startOf(again)
    assert.equal(id, newer.response.headers.get('x-run-id'))
    assert.notEqual(
      id,
      older.response.headers.get('x-run-id'),
      'the same question asked again is another run',
    )
    const cancelled = await fetch(`${other.url}/v1/runs/${id}/cancel`, {
      method: 'POST',
      headers: headersOf(),
    })
    assert.equal(cancelled.status, 200)
    for (const reading of [newer, again]) {
      await rest(reading)
      assert.match(reading.text, /"type":"data-error".*"code":"cancelled"/)
    }
    assert.equal(await statusOf(other.url, { id: 'c4' }), 204, 'an older one is nobody’s that is waited for')
    first.delta(COMPLETED).finish()
    await rest(older)
  })
}

test('a chat never takes text back: what is asked again is told once it has been settled', async (t) => {
  const service = await Service.start(t, { program: retold, script: tooLong, env: KEYS })
  const reading = await ask(service.url)
  const second = await service.upstream.request(2)
  assert.equal(partsOf(reading)['ask.answer.1'], undefined)
  second.answer({ reasoning: 'r', answer: 'brief' })
  await rest(reading)
  assert.equal(partsOf(reading)['ask.answer.1'], 'brief')
  await service.assertQuiet('ok')
})

test('a run that another process takes up cuts its readers off, who get all of it anew', async (t) => {
  const asked: Exchange[] = []
  const { promise: secondAsked, resolve } = Promise.withResolvers<Exchange>()
  const upstream = await Upstream.start((exchange, upstream) => {
    if (exchange.field !== 'answer') echo(exchange, upstream)
    else if (asked.push(exchange.open()) === 1) exchange.delta(BEGUN)
    else resolve(exchange)
  })
  t.after(() => upstream.close())
  const env = { OPENAI_BASE_URL: upstream.url, REDIS_URL: redis.url, RUN_LEASE_MS: '1000', ...KEYS }
  const [owner, other] = await Promise.all([ServerProcess.start(t, env), ServerProcess.start(t, env)])
  await (await ask(owner.url, { id: 'c5' })).until('so far')
  const remote = new Reading(await resume(other.url, { id: 'c5' }))
  await remote.until('so far')
  owner.child.kill('SIGKILL')
  await assert.rejects(rest(remote))
  assert.doesNotMatch(remote.text, /DONE/)
  const again = new Reading(await resume(other.url, { id: 'c5' }))
  const second = await secondAsked
  second.delta(BEGUN.replace('so far', 'at last')).delta(COMPLETED).finish()
  await rest(again)
  assert.deepEqual(
    [partsOf(again)['compose.answer.1'], partsOf(again)['evidence.probe.evidence.1']],
    ['at last', 'evidence on Why?'],
  )
  assert.equal(startOf(again), startOf(remote))
})

/** Settles when any instance finds a run. */
async function isWritten(url: string, id: string): Promise<void> {
  let status = 0
  while (status !== 200) ({ status } = await fetch(`${url}/v1/runs/${id}`, { headers: headersOf() }))
}

const idOf = ({ response }: Reading) => response.headers.get('x-run-id') as string

test('after Redis was emptied, a chat finds its run again once its owner has written it anew', async (t) => {
  const { script, next } = writing()
  const env = { ...KEYS, REDIS_URL: redis.url }
  const [owner, other] = [await Service.start(t, { script, env }), await Service.start(t, { script, env })]
  const first = await ask(owner.url, { id: 'c7' })
  const exchange = await next()
  await first.until('so far')
  await redis.command('FLUSHALL')
  exchange.delta(' and further')
  await isWritten(other.url, idOf(first))
  const again = new Reading(await resume(other.url, { id: 'c7' }))
  assert.equal(again.response.status, 200)
  exchange.delta(COMPLETED).finish()
  await Promise.all([rest(first), rest(again)])
  assert.equal(startOf(again), idOf(first))
  assert.deepEqual(partsOf(again), partsOf(first))
})

test('a run that is written anew isn’t its chat’s newest where there is a newer one', async (t) => {
  const { script, next } = writing()
  const env = { ...KEYS, REDIS_URL: redis.url }
  const [owner, other] = [await Service.start(t, { script, env }), await Service.start(t, { script, env })]
  const older = await ask(owner.url, { id: 'c8' })
  const first = await next()
  await older.until('so far')
  await redis.command('FLUSHALL')
  const newer = await ask(other.url, { id: 'c8' })
  const second = await next()
  await newer.until('so far')
  first.delta(' and further')
  await isWritten(other.url, idOf(older))
  const again = new Reading(await resume(owner.url, { id: 'c8' }))
  for (const exchange of [first, second]) exchange.delta(COMPLETED).finish()
  await Promise.all([older, newer, again].map(rest))
  assert.equal(startOf(again), idOf(newer))
})

test('what is known of chats is forgotten with their runs', async (t) => {
  const service = await Service.start(t, {
    env: { ...KEYS, RUN_RETENTION_MS: '60000', REDIS_URL: redis.url },
  })
  await rest(await ask(service.url, { id: 'c6' }))
  const keys = (await redis.command('KEYS', '*newest*')).split('\n')
  assert.ok(keys.length > 0)
  for (const key of keys) {
    assert.doesNotMatch(key, /c6/, 'a chat’s id is a key to its run')
    assert.ok(Number(await redis.command('PTTL', key)) > 0)
  }
})
