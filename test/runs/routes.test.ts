/** The routes of runs that outlive their connection: what they refuse, and what they say besides the run. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { RunError } from '../../src/core/errors.ts'
import { MemoryStore } from '../../src/runs/memory.ts'
import { oneCall } from '../support/programs.ts'
import { cancel, RunReader, stateOf } from '../support/run-reader.ts'
import { Service } from '../support/service.ts'
import { only } from '../support/upstream.ts'

const JSON_BODY = { 'content-type': 'application/json' }

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers: { ...JSON_BODY, ...headers }, body: JSON.stringify(body) })

async function refusalOf(response: Response) {
  const { code, detail, errors } = (await response.json()) as {
    code: string
    detail: string
    errors?: { pointer: string }[]
  }
  return { status: response.status, code, detail, pointers: errors?.map(({ pointer }) => pointer) }
}

const assertRefused = async (response: Response, status: number, code: string) => {
  const refusal = await refusalOf(response)
  assert.deepEqual([refusal.status, refusal.code], [status, code], refusal.detail)
}

async function endless(t: TestContext, env: Record<string, string> = {}) {
  return Service.start(t, { script: only('answer', (exchange) => void exchange.open()), env })
}

test('a run that nobody reads yet is started, and told where it is', async (t) => {
  const service = await Service.start(t, { others: { one: oneCall } })
  for (const path of ['/v1/runs', '/v1/programs/one/runs']) {
    const response = await post(`${service.url}${path}`, { question: 'Why?' })
    const { id, status } = (await response.json()) as { id: string; status: string }
    assert.deepEqual([response.status, status], [201, 'running'])
    assert.equal(response.headers.get('location'), `/v1/runs/${id}`)
    assert.equal(response.headers.get('x-run-id'), id)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.match(id, /^[\w-]{22}$/)
    const reader = await RunReader.get(service.url, id)
    assert.ok(await reader.until())
  }
})

test('a stream says where its run is, and lets pages of other origins know', async (t) => {
  const service = await Service.start(t)
  const origin = 'http://localhost:5173'
  const reader = await RunReader.post(service.url, { question: 'Why?' }, { origin })
  await reader.until()
  const { headers } = reader.response
  assert.equal(headers.get('location'), `/v1/runs/${reader.id}`)
  assert.equal(headers.get('cache-control'), 'no-store, no-transform')
  for (const name of ['x-run-id', 'location', 'retry-after'])
    assert.ok(headers.get('access-control-expose-headers')?.includes(name))
  const preflight = await fetch(`${service.url}/v1/runs/${reader.id}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'DELETE',
      'access-control-request-headers': 'last-event-id,idempotency-key',
    },
  })
  assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /DELETE/)
  assert.equal(preflight.headers.get('access-control-allow-headers'), 'last-event-id,idempotency-key')
})

test('without `resumable`, no event has an id, and nothing is kept', async (t) => {
  const service = await Service.start(t)
  for (const body of [{ question: 'Why?' }, { question: 'Why?', resumable: false }]) {
    const response = await post(`${service.url}/v1/stream`, body)
    assert.equal(response.headers.get('x-run-id'), null)
    assert.doesNotMatch(await response.text(), /^id:/m)
  }
})

test('a position may stand in the address, and the header goes before it', async (t) => {
  const service = await Service.start(t)
  const first = await RunReader.post(service.url, { question: 'Why?' })
  await first.until()
  const get = async (query: string, headers: Record<string, string> = {}) =>
    (await fetch(`${service.url}/v1/runs/${first.id}/stream${query}`, { headers })).text()
  const after = await get('?after=1-3')
  assert.match(after, /^retry: (5\d\d|[6-9]\d\d|1[0-4]\d\d)\n\n/)
  assert.ok(after.includes('id: 1-4\n') && !after.includes('id: 1-3\n'))
  const both = await get('?after=1-3', { 'last-event-id': '1-6' })
  assert.ok(both.includes('id: 1-7\n') && !both.includes('id: 1-4\n'))
})

test('ids that no event has, runs that aren’t there and keys that can’t be are refused', async (t) => {
  const service = await Service.start(t)
  const first = await RunReader.post(service.url, { question: 'Why?' })
  await first.until()
  const stream = `${service.url}/v1/runs/${first.id}/stream`
  for (const id of ['1', '1-', 'a-1', '1-2-3', '-1-1', '1e3-1', '99999999999999999999-1', first.id]) {
    await assertRefused(await fetch(stream, { headers: { 'last-event-id': id } }), 400, 'invalid_event_id')
    await assertRefused(await fetch(`${stream}?after=${id}`), 400, 'invalid_event_id')
  }
  await assertRefused(await fetch(`${stream}?after=9-9`), 400, 'invalid_event_id')
  for (const id of ['nothing', 'x'.repeat(22), '%00', 'x'.repeat(90)]) {
    await assertRefused(await fetch(`${service.url}/v1/runs/${id}`), 404, 'run_not_found')
    await assertRefused(await fetch(`${service.url}/v1/runs/${id}/stream`), 404, 'run_not_found')
    await assertRefused(await cancel(service.url, id), 404, 'run_not_found')
    await assertRefused(
      await fetch(`${service.url}/v1/runs/${id}`, { method: 'DELETE' }),
      404,
      'run_not_found',
    )
  }
  for (const key of ['', 'a b', 'x'.repeat(256)]) {
    const response = await post(`${service.url}/v1/runs`, { question: 'Why?' }, { 'idempotency-key': key })
    await assertRefused(response, 400, 'bad_request')
  }
  const bad = await refusalOf(await post(`${service.url}/v1/stream`, { question: 'Why?', resumable: 'yes' }))
  assert.deepEqual([bad.status, bad.pointers], [400, ['/resumable']])
  const unknown = await refusalOf(await post(`${service.url}/v1/runs`, { question: 'Why?', resumable: true }))
  assert.deepEqual([unknown.status, unknown.pointers], [400, ['/resumable']])
})

test('resumable runs take up the same slots, and as long as they run', async (t) => {
  const service = await endless(t, { MAX_STREAMS: '1' })
  const first = await RunReader.post(service.url, { question: 'Why?' })
  await first.until('start')
  first.leave()
  const refused = await post(`${service.url}/v1/runs`, { question: 'Why?' })
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  await assertRefused(refused, 503, 'too_many_streams')
  await cancel(service.url, first.id)
  await service.assertQuiet('cancelled')
  assert.equal((await post(`${service.url}/v1/runs`, { question: 'Why?' })).status, 201)
})

test('a run has its time, and says so to whoever reads it', async (t) => {
  const service = await endless(t, { RUN_TIMEOUT_MS: '300' })
  const first = await RunReader.post(service.url, { question: 'Why?' })
  assert.ok(await first.until())
  const { status, error } = await stateOf(service.url, first.id)
  assert.deepEqual([status, error?.code], ['failed', 'run_timeout'])
})

test('a run in memory ends with its process, and says so', async (t) => {
  const service = await endless(t)
  const first = await RunReader.post(service.url, { question: 'Why?' })
  await first.until('start')
  const drained = service.runs.drain(0)
  assert.ok(await first.until())
  assert.equal((await stateOf(service.url, first.id)).error?.code, new RunError('shutting_down').code)
  await drained
})

test('the log names a run by as much of its id as finds it', async (t) => {
  const service = await Service.start(t)
  const first = await RunReader.post(service.url, { question: 'Why?' })
  await first.until()
  const [line] = await service.finished()
  assert.equal(line?.run, first.id.slice(0, 6))
  assert.equal(line?.request_id, first.response.headers.get('x-request-id'))
  assert.ok(!JSON.stringify(service.log.lines).includes(first.id))
})

const HEADER = {
  program: 'p',
  inputs: {},
  include: { reasoning: false, usage: false, values: false },
  createdAt: 0,
  requestId: 'r',
  principal: undefined,
  digest: 'd',
}

test('in memory, a run is kept for its time, and as long as there is room', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const store = new MemoryStore({ retentionMs: 1_000, maxSize: 100 })
  const run = async (id: string, chars: number, key?: string) => {
    const log = await store.create(id, HEADER, key)
    if ('existing' in log) return log.existing
    await log.end([{ type: 'prediction', data: { answer: 'x'.repeat(chars) } }])
    return undefined
  }
  const isKept = async (id: string) => (await store.open(id)) !== undefined
  await run('first', 1, 'key')
  assert.equal(await run('again', 1, 'key'), 'first')
  t.mock.timers.tick(999)
  assert.ok(await isKept('first'))
  t.mock.timers.tick(1)
  assert.ok(!(await isKept('first')))
  assert.equal(await run('again', 1, 'key'), undefined, 'the key went with it')

  await run('second', 30)
  assert.ok((await isKept('again')) === false && (await isKept('second')), 'the oldest goes first')
})
