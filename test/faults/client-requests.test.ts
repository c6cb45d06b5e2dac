/** Requests that are no HTTP, too large or too slow, and what headers do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, answersOf, RawClient } from '../support/raw-client.ts'
import { assertNothingRan, postBody, refusalOf } from '../support/refusals.ts'
import { framesOf, predictionOf, rawQuestion, Service } from '../support/service.ts'

const BODY = '{"question":"Q"}'
const LENGTH = `content-length: ${BODY.length}\r\n`

/** A request line and headers for a question, with these besides. */
const head = (headers: string) =>
  `POST /v1/stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}\r\n`

const malformed = {
  'two lengths': head(`${LENGTH}content-length: 3\r\n`) + BODY,
  'the same length twice': head(LENGTH + LENGTH) + BODY,
  'a length and chunks': `${head(`${LENGTH}transfer-encoding: chunked\r\n`)}10\r\n${BODY}\r\n0\r\n\r\n`,
  'a length that is none': head('content-length: +16\r\n') + BODY,
  'a chunk size that is none': `${head('transfer-encoding: chunked\r\n')}zz\r\n${BODY}\r\n0\r\n\r\n`,
  'a chunk that is longer than its size': `${head('transfer-encoding: chunked\r\n')}3\r\n${BODY}\r\n0\r\n\r\n`,
  'chunked and then something else': `${head('transfer-encoding: chunked, gzip\r\n')}10\r\n${BODY}\r\n0\r\n\r\n`,
  'bare line feeds': head(LENGTH).replaceAll('\r', '') + BODY,
  'a folded header': head(`x-folded: a\r\n b\r\n${LENGTH}`).replace('host', ' host') + BODY,
  'a space before the colon': head(`${LENGTH}transfer-encoding : chunked\r\n`) + BODY,
  'something and then chunked': `${head('transfer-encoding: gzip, chunked\r\n')}10\r\n${BODY}\r\n0\r\n\r\n`,
  'chunked as what may come back': head(`te: trailers, chunked;q=0.5\r\n${LENGTH}`) + BODY,
  'two hosts': head(`host: localhost\r\n${LENGTH}`) + BODY,
  'no host': head(LENGTH).replace('host: localhost\r\n', '') + BODY,
  'an address that can’t be decoded': head(LENGTH).replace('/v1/stream', '/%zz') + BODY,
  'no HTTP at all': 'What is a stream?\r\n\r\n',
}

for (const [what, request] of Object.entries(malformed)) {
  test(`C19 ${what}: refused, and the connection is closed`, async (t) => {
    const service = await Service.start(t)
    const [answer, ...others] = answersOf(
      await RawClient.exchange(service, request + rawQuestion('smuggled')),
    )
    await refusalOf(answer as Answer, 400, 'bad_request')
    assert.equal(answer?.headers.get('connection'), 'close')
    assert.deepEqual(others, [], 'a second request was answered')
    await assertNothingRan(service)
  })
}

test('C19 an expectation that nobody can meet: refused, and the connection is closed', async (t) => {
  const service = await Service.start(t)
  const request = head(`expect: the-unexpected\r\n${LENGTH}`) + BODY
  const [answer, ...others] = answersOf(await RawClient.exchange(service, request + rawQuestion('smuggled')))
  await refusalOf(answer as Answer, 417, 'expectation_failed')
  assert.deepEqual(others, [])
  await assertNothingRan(service)
})

test('C19 what only looks alike is taken', async (t) => {
  const service = await Service.start(t)
  const close = 'connection: close\r\n'
  for (const request of [
    `${head(`${close}Transfer-Encoding: Chunked\r\n`)}10\r\n${BODY}\r\n0\r\n\r\n`,
    head(`${close}te: trailers, gzip;q=0.5, x-chunked\r\n${LENGTH}`) + BODY,
    head(`expect: nonsense\r\n${LENGTH}`).replace('HTTP/1.1', 'HTTP/1.0') + BODY,
    head(LENGTH).replace('HTTP/1.1', 'HTTP/1.0').replace('host: localhost\r\n', '') + BODY,
  ]) {
    const text = await RawClient.exchange(service, request)
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n.*data: \[DONE\]/s, request)
  }
  const [before, after] = answersOf(
    await RawClient.exchange(service, head(`${close}expect: 100-continue\r\n${LENGTH}`) + BODY),
  )
  assert.deepEqual([before?.status, after?.status], [100, 200])
  await service.assertQuiet('ok', 'ok', 'ok', 'ok', 'ok')
})

test('C19 what follows a question and is no request ends both with one answer', async (t) => {
  const service = await Service.start(t)
  const [answer, ...others] = answersOf(
    await RawClient.exchange(service, `${rawQuestion('Q')}and more\r\n\r\n`),
  )
  await refusalOf(answer as Answer, 400, 'bad_request')
  assert.deepEqual(others, [])
  await service.assertQuiet('client_closed')
})

test('C20 20 KB of headers are too much', async (t) => {
  const service = await Service.start(t)
  const request = head(`x-much: ${'a'.repeat(20_000)}\r\n${LENGTH}`) + BODY
  const [answer] = answersOf(await RawClient.exchange(service, request)) as [Answer]
  await refusalOf(answer, 431, 'headers_too_large')
  await assertNothingRan(service)
})

for (const [what, beginning] of Object.entries({
  head: head(LENGTH).slice(0, 40),
  body: head(LENGTH) + BODY.slice(0, 5),
})) {
  test(`C21 a request with a slow ${what} is refused, and the connection is closed`, async (t) => {
    const service = await Service.start(t, { requestTimeoutMs: 100 })
    const [answer] = answersOf(await RawClient.exchange(service, beginning)) as [Answer]
    await refusalOf(answer, 408, 'request_timeout')
    await assertNothingRan(service)
  })
}

test('C22 a harmless request id is kept, in the answer, the error and the log', async (t) => {
  const service = await Service.start(t, { script: (exchange) => exchange.refuse(401) })
  const headers = { 'content-type': 'application/json', 'x-request-id': 'trace-1:a.B_2' }
  const answer = await postBody(service, BODY, headers)
  assert.equal(answer.headers.get('x-request-id'), 'trace-1:a.B_2')
  const error = framesOf(await answer.text()).at(-1)
  assert.equal(error?.type === 'error' && error.request_id, 'trace-1:a.B_2')
  const [line] = await service.assertQuiet('upstream_auth')
  assert.equal(line?.request_id, 'trace-1:a.B_2')
})

test('C22 a hostile request id is replaced', async (t) => {
  const service = await Service.start(t)
  const hostile = ['', 'a b', '<script>', '"}', 'a,b', 'ünicode', 'a'.repeat(129), 'a\r\nx-request-id: b']
  const ids = new Set<string | undefined>()
  for (const id of hostile) {
    const request = `GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-request-id: ${id}\r\n\r\n`
    const [answer] = answersOf(await RawClient.exchange(service, request)) as [Answer]
    assert.match(answer.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/, id)
    ids.add(answer.headers.get('x-request-id') as string)
  }
  assert.equal(ids.size, hostile.length)
  await assertNothingRan(service)
})

/** What a browser sends before it posts JSON across origins. */
const preflight = ({ url }: Service, origin: string) =>
  fetch(`${url}/v1/stream`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  })

const asking = (service: Service, origin: string, body = BODY) =>
  postBody(service, body, { 'content-type': 'application/json', origin })

const allowed = ({ headers }: Response) => headers.get('access-control-allow-origin')

test('C23 without CORS_ORIGIN, pages of this machine are let in and no others', async (t) => {
  const service = await Service.start(t)
  for (const origin of ['http://localhost:5173', 'http://127.0.0.1', 'https://[::1]:8443']) {
    const before = await preflight(service, origin)
    assert.deepEqual([before.status, allowed(before)], [204, origin])
    assert.match(before.headers.get('access-control-allow-methods') ?? '', /POST/)
    assert.equal(before.headers.get('access-control-allow-headers'), 'content-type')
  }
  for (const origin of [
    'https://example.com',
    'http://localhost.example.com',
    'http://notlocalhost',
    'null',
  ]) {
    assert.equal(allowed(await preflight(service, origin)), null, origin)
  }
  await assertNothingRan(service)

  const page = 'http://localhost:5173'
  const stream = await asking(service, page)
  assert.equal(allowed(stream), page)
  assert.match(stream.headers.get('access-control-expose-headers') ?? '', /x-request-id/)
  assert.match(stream.headers.get('vary') ?? '', /origin/i)
  predictionOf(framesOf(await stream.text()))
  assert.equal(allowed(await asking(service, page, 'no JSON')), page, 'a page can read why it was refused')
  assert.equal(allowed(await fetch(`${service.url}/nowhere`, { headers: { origin: page } })), page)
  await service.assertQuiet('ok')
})

test('C23 CORS_ORIGIN lets in those that it lists', async (t) => {
  const service = await Service.start(t, {
    env: { CORS_ORIGIN: 'https://a.example, https://b.example:8443' },
  })
  for (const origin of ['https://a.example', 'https://b.example:8443']) {
    assert.equal(allowed(await preflight(service, origin)), origin)
  }
  for (const origin of ['https://b.example', 'http://a.example', 'http://localhost:5173']) {
    assert.equal(allowed(await preflight(service, origin)), null)
  }
  await assertNothingRan(service)
})

test('C23 CORS_ORIGIN=* lets everybody in', async (t) => {
  const service = await Service.start(t, { env: { CORS_ORIGIN: '*' } })
  assert.equal(allowed(await preflight(service, 'https://example.com')), '*')
  const stream = await asking(service, 'https://example.com')
  assert.equal(allowed(stream), '*')
  await stream.text()
  await service.assertQuiet('ok')
})

test('C23 what is no page needs no origin', async (t) => {
  const service = await Service.start(t, { env: { CORS_ORIGIN: 'https://a.example' } })
  predictionOf(await service.ask('Q'))
  await service.assertQuiet('ok')
})
