/** What holds of any route, on those for other people's pages: limits, heartbeats, other origins, clients that leave. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertNothingRan, refusalOf } from '../support/refusals.ts'
import { Reading, Service } from '../support/service.ts'
import { only } from '../support/upstream.ts'

const ORIGIN = 'http://localhost:5173'
const ROUTES = ['/api/chat', '/ag-ui'] as const

const asked = (text = 'Why?', others: object = {}) => ({
  messages: [{ id: '1', role: 'user', content: text, parts: [{ type: 'text', text }] }],
  ...others,
})

const post = ({ url }: Service, path: string, body: unknown, init: RequestInit = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: ORIGIN },
    body: JSON.stringify(body),
    ...init,
  })

for (const path of ROUTES) {
  test(`${path} takes keys of the client's own, and a long conversation`, async (t) => {
    const service = await Service.start(t)
    const others = { trigger: 'submit-message', tools: [], state: {}, forwardedProps: {}, metadata: null }
    const old = { role: 'assistant', parts: [{ type: 'reasoning', text: 'x'.repeat(900_000) }] }
    const { messages } = asked()
    const response = await post(service, path, { ...others, messages: [old, ...messages] })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
    assert.match(await response.text(), /answer on Why\?|"RUN_FINISHED"/)
    await service.assertQuiet('ok')
  })

  test(`${path} sends heartbeats while nobody writes, and ends the run when its client leaves`, async (t) => {
    const service = await Service.start(t, { script: () => {}, env: { HEARTBEAT_MS: '5' } })
    const client = new AbortController()
    const reading = new Reading(await post(service, path, asked(), { signal: client.signal }))
    await reading.until(': keep-alive\n\n: keep-alive\n\n')
    client.abort()
    await service.assertQuiet('client_closed')
    assert.ok(service.upstream.exchanges.every(({ wasAborted }) => wasAborted))
  })

  test(`${path} refuses what it can't answer, in words that pages of other origins can read`, async (t) => {
    const service = await Service.start(t)
    const sentenceOf = async (response: Response, status: number, code: Parameters<typeof refusalOf>[2]) => {
      assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
      if (path === '/ag-ui') return (await refusalOf(response, status, code)).detail
      assert.equal(response.status, status)
      assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
      return response.text()
    }
    const refused = async (body: unknown, status: number, code: Parameters<typeof refusalOf>[2]) =>
      sentenceOf(await post(service, path, body), status, code)
    for (const body of [null, [], 'text', {}, { messages: 1 }, { messages: [null, 1, {}] }]) {
      assert.match(await refused(body, 400, 'bad_body'), /^The conversation can't be answered: /)
    }
    assert.match(await refused(asked('x'.repeat(1_100_000)), 413, 'body_too_large'), /1048576 bytes/)
    const plain = await post(service, path, '', { headers: { origin: ORIGIN, 'content-type': 'text/plain' } })
    assert.match(await sentenceOf(plain, 415, 'unsupported_media_type'), /content-type: application\/json/)
    await assertNothingRan(service)
  })
}

test('a chat that is resumable goes on without its reader, whom it costs nothing', async (t) => {
  const service = await Service.start(t, {
    script: only('answer', (exchange) => exchange.open()),
    env: { HEARTBEAT_MS: '5' },
  })
  const client = new AbortController()
  const body = asked('Why?', { id: 'c1', resumable: true })
  const first = new Reading(await post(service, '/api/chat', body, { signal: client.signal }))
  assert.equal(first.response.headers.get('location'), `/v1/runs/${first.response.headers.get('x-run-id')}`)
  await first.until(': keep-alive')
  client.abort()
  for (let nth = 0; nth < 5; nth++) {
    const left = new AbortController()
    const response = await fetch(`${service.url}/api/chat/c1/stream`, { signal: left.signal })
    assert.equal(response.status, 200)
    await new Reading(response).until('"type":"start"')
    left.abort()
  }
  const last = new Reading(await fetch(`${service.url}/api/chat/c1/stream`))
  const exchange = service.upstream.asking('answer')[0] ?? assert.fail()
  exchange.delta('[[ ## answer ## ]]\nwhole\n\n[[ ## completed ## ]]').finish()
  await last.until('[DONE]')
  await service.assertQuiet('ok')
  assert.equal((await fetch(`${service.url}/api/chat/c1/stream`)).status, 204)
})
