/** Keys: who gets in, what the others are told, and what the log says of either. */
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { type TestContext, test } from 'node:test'
import { assertNothingRan, postBody, refusalOf } from '../support/refusals.ts'
import { framesOf, predictionOf, Service } from '../support/service.ts'

const WEB = 'web-0123456789abcdef=='
const NIGHTLY = 'web-0123456789abcdef==-nightly+%41'
const API_KEYS = `web=${WEB}, ci.nightly-2=${NIGHTLY}`
const BODY = '{"question":"Q"}'

const start = (t: TestContext, env: Record<string, string> = {}) =>
  Service.start(t, { env: { API_KEYS, ...env } })

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const json = { 'content-type': 'application/json' }

/** No key is anywhere in the log. */
function assertNoKeyIsLogged({ log }: Service): void {
  const text = JSON.stringify(log.lines)
  assert.ok(!text.includes(WEB.slice(0, 12)), text)
}

test('C27 a key of the list gets in, and the log names its client', async (t) => {
  const service = await start(t)
  for (const [scheme, key] of [
    ['Bearer', WEB],
    ['bearer', NIGHTLY],
  ]) {
    const answer = await postBody(service, BODY, { ...json, authorization: `${scheme} ${key}` })
    assert.equal(answer.status, 200)
    predictionOf(framesOf(await answer.text()))
  }
  const lines = await service.assertQuiet('ok', 'ok')
  assert.deepEqual(
    lines.map(({ client }) => client),
    ['web', 'ci.nightly-2'],
  )
  assertNoKeyIsLogged(service)
})

test('C27 whatever is wrong is refused in the same words, and nothing runs', async (t) => {
  const service = await start(t)
  const wrong: Record<string, string>[] = [
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: WEB },
    { authorization: `Basic ${WEB}` },
    { authorization: `Bearer ${WEB} ${WEB}` },
    bearer('wrong'),
    bearer(WEB.slice(0, -1)),
    bearer(`${WEB}=`),
    bearer(WEB.toUpperCase()),
    bearer('web'),
    bearer(`web=${WEB}`),
    { 'x-api-key': WEB },
    { cookie: `key=${WEB}` },
  ]
  const words = new Set<string>()
  for (const headers of wrong) {
    const answer = await postBody(service, BODY, { ...json, ...headers })
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
    words.add((await refusalOf(answer, 401, 'unauthorized')).detail)
  }
  for (const query of [
    `?key=${WEB}`,
    `?${WEB}`,
    `?a=1&key=${encodeURIComponent(NIGHTLY)}&b=%`,
    `?key=${NIGHTLY}`,
  ]) {
    for (const path of ['/v1/program', '/nowhere', '/', '/livez']) {
      const answer = await fetch(`${service.url}${path}${query}`, { headers: bearer(WEB) })
      words.add((await refusalOf(answer, 401, 'unauthorized')).detail)
    }
  }
  assert.equal(words.size, 1)
  assert.match([...words].join(), /header.*address/)
  await assertNothingRan(service)
  assertNoKeyIsLogged(service)
})

test('C27 every key is compared, and a missing one like a wrong one', async (t) => {
  const compare = t.mock.method(crypto, 'timingSafeEqual')
  syncBuiltinESMExports() // so that what has imported it sees the double
  t.after(() => {
    compare.mock.restore()
    syncBuiltinESMExports()
  })
  const service = await start(t)
  const comparisons = []
  for (const headers of [{}, bearer('w'), bearer('wrong'.repeat(100)), bearer(WEB), bearer(NIGHTLY)]) {
    const before = compare.mock.callCount()
    await (await fetch(`${service.url}/v1/program`, { headers })).text()
    comparisons.push(compare.mock.callCount() - before)
  }
  assert.deepEqual(comparisons, [2, 2, 2, 2, 2])
  assert.ok(
    compare.mock.calls.every(
      ({ arguments: [one, other] }) => one.byteLength === 32 && other.byteLength === 32,
    ),
  )
})

test('C27 nobody without a key learns which routes there are', async (t) => {
  const service = await start(t)
  const seen = new Set<string>()
  for (const path of [
    '/v1/stream',
    '/v1/program',
    '/openapi.json',
    '/docs',
    '/docs/static/index.css',
    '/nowhere',
    '/%20',
  ]) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      const answer = await fetch(`${service.url}${path}`, { method })
      const { request_id: _, ...body } = await refusalOf(answer, 401, 'unauthorized')
      const headers = [...answer.headers].filter(([name]) => !/^(date|x-request-id)$/.test(name))
      seen.add(JSON.stringify([headers, body]))
    }
  }
  assert.equal(seen.size, 1, [...seen].join('\n'))

  const known = { headers: bearer(WEB) }
  await refusalOf(await fetch(`${service.url}/nowhere`, known), 404, 'not_found')
  await refusalOf(await fetch(`${service.url}/v1/stream`, known), 405, 'method_not_allowed')
  for (const path of ['/v1/program', '/openapi.json', '/docs'])
    assert.equal((await fetch(`${service.url}${path}`, known)).status, 200)
})

test('health, the page’s files and the client are open', async (t) => {
  const service = await start(t)
  for (const path of [
    '/livez',
    '/readyz',
    '/',
    '/page.css',
    '/page.js',
    '/page.svg',
    '/client.js',
    '/client.d.ts',
  ]) {
    for (const method of ['GET', 'HEAD']) {
      assert.equal((await fetch(`${service.url}${path}`, { method })).status, 200, path)
    }
    await refusalOf(await fetch(`${service.url}${path}`, { method: 'POST' }), 401, 'unauthorized')
  }
})

test('a page of another origin may send a key, and read why it was refused', async (t) => {
  const service = await start(t)
  const origin = 'http://localhost:5173'
  const preflight = await fetch(`${service.url}/v1/stream`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/)
  const answer = await postBody(service, BODY, { ...json, origin })
  assert.equal(answer.headers.get('access-control-allow-origin'), origin)
  await refusalOf(answer, 401, 'unauthorized')
})

test('a refusal names the client where it is known', async (t) => {
  const service = await start(t)
  await fetch(`${service.url}/nowhere`, { headers: bearer(WEB) })
  await fetch(`${service.url}/livez?key=${WEB}`, { headers: bearer(NIGHTLY) })
  await fetch(`${service.url}/nowhere`, { headers: bearer('wrong') })
  const lines = service.log.lines.filter(({ msg }) => msg === 'request refused')
  assert.deepEqual(
    lines.map(({ code, status, client }) => [code, status, client]),
    [
      ['not_found', 404, 'web'],
      ['unauthorized', 401, 'ci.nightly-2'],
      ['unauthorized', 401, undefined],
    ],
  )
  assertNoKeyIsLogged(service)
})

test('without API_KEYS nobody needs one, and one does no harm', async (t) => {
  const service = await Service.start(t)
  assert.equal((await fetch(`${service.url}/v1/program?key=${WEB}`, { headers: bearer(WEB) })).status, 200)
})
