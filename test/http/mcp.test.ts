/** `POST /mcp`, message by message: what the protocol says of requests that its own client never sends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oneCall } from '../support/programs.ts'
import { assertNothingRan, refusalOf } from '../support/refusals.ts'
import { Service } from '../support/service.ts'
import type { Script } from '../support/upstream.ts'

const silent: Script = () => {}

const post = ({ url }: Service, message: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof message === 'string' ? message : JSON.stringify(message),
  })

const request = (method: string, params?: object, id: unknown = 7) => ({ jsonrpc: '2.0', id, method, params })
const asked = request('tools/call', { name: 'program', arguments: { question: 'Q' } })
const EVENTS = { accept: 'application/json, text/event-stream' }

test('a client is greeted in its version of the protocol, or in the newest', async (t) => {
  const service = await Service.start(t)
  const sessions = new Set<string | null>()
  for (const [asked, spoken] of [
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ]) {
    const answer = await post(service, request('initialize', { protocolVersion: asked, capabilities: {} }))
    const { id, result } = await answer.json()
    assert.deepEqual([id, result.protocolVersion, result.capabilities], [7, spoken, { tools: {} }])
    sessions.add(answer.headers.get('mcp-session-id'))
  }
  assert.equal(sessions.size, 4, 'each client has an id of its own')
  const wrong = await post(service, request('ping'), { 'mcp-protocol-version': '1999-01-01' })
  assert.equal(wrong.status, 400)
  assert.match((await wrong.json()).error.message, /1999-01-01/)
})

test('notifications and answers are accepted, and have no answer', async (t) => {
  const service = await Service.start(t)
  for (const message of [
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
    { jsonrpc: '2.0', method: 'notifications/cancelled' },
    { jsonrpc: '2.0', id: 1, result: {} },
  ]) {
    const answer = await post(service, message)
    assert.deepEqual([answer.status, await answer.text()], [202, ''])
  }
})

test('what is no request is refused in the protocol’s own words', async (t) => {
  const service = await Service.start(t)
  for (const [message, status, code] of [
    ['{', 400, -32700],
    [[request('ping')], 400, -32000],
    [{ id: 1, method: 'ping' }, 400, -32000],
    [{ ...request('ping'), id: {} }, 400, -32000],
    [request('no/such'), 200, -32601],
    [request('tools/call'), 200, -32602],
    [request('tools/call', { name: 'program', arguments: [] }), 200, -32602],
  ] as const) {
    const answer = await post(service, message)
    const { jsonrpc, error } = await answer.json()
    assert.deepEqual([answer.status, jsonrpc, error.code], [status, '2.0', code], JSON.stringify(message))
  }
  for (const method of ['GET', 'DELETE']) {
    const answer = await fetch(`${service.url}/mcp`, { method })
    assert.equal(answer.headers.get('allow'), 'POST')
    await refusalOf(answer, 405, 'method_not_allowed')
  }
  await assertNothingRan(service)
})

test('a page of an origin that isn’t let in is refused', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const answer = await post(service, asked, { origin: 'https://evil.example' })
  assert.equal(answer.status, 403)
  assert.equal((await answer.json()).error.data.code, 'foreign_origin')
  assert.equal((await post(service, request('ping'), { origin: 'http://localhost:1' })).status, 200)
  await assertNothingRan(service)
})

test('a client that takes no events gets the result alone', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const answer = await post(service, asked)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  assert.equal((await answer.json()).result.content[0].text, 'answer on Q')
  await service.assertQuiet('ok')
})

test('a silence is filled with comments, and leaving ends the run', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: silent, env: { HEARTBEAT_MS: '20' } })
  const leaving = new AbortController()
  const answer = await fetch(`${service.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...EVENTS },
    body: JSON.stringify(asked),
    signal: leaving.signal,
  })
  const { value } = (await answer.body?.getReader().read()) ?? {}
  assert.equal(Buffer.from(value as Uint8Array).toString(), ': keep-alive\n\n')
  leaving.abort()
  await service.assertQuiet('client_closed')
})

test('a cancellation is obeyed only with the session and the key of the call', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: silent,
    env: { API_KEYS: 'one=1234567890,two=0987654321' },
  })
  const one = { authorization: 'Bearer 1234567890', ...EVENTS }
  const two = { ...one, authorization: 'Bearer 0987654321' }
  const cancel = (headers: Record<string, string>, requestId: unknown = 7) =>
    post(service, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }, headers)
  const running = await post(service, asked, { ...one, 'mcp-session-id': 's' })
  const exchange = await service.upstream.request(0)
  await cancel({ ...two, 'mcp-session-id': 's' })
  await cancel({ ...one, 'mcp-session-id': 't' })
  await cancel(one)
  await cancel({ ...one, 'mcp-session-id': 's' }, '7')
  await cancel({ ...one, 'mcp-session-id': 's' }, 8)
  assert.ok(exchange.isOpen)
  await cancel({ ...one, 'mcp-session-id': 's' })
  assert.doesNotMatch(await running.text(), /result/)
  const ends = await service.finished()
  assert.deepEqual(
    ends.map(({ outcome }) => outcome),
    ['cancelled'],
  )
})
