/** OPTIONS requests: a preflight is the only one that has an answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusalOf } from '../support/refusals.ts'
import { Service } from '../support/service.ts'

test('an OPTIONS request that is no preflight is refused in the same words, wherever it goes', async (t) => {
  const service = await Service.start(t, { env: { API_KEYS: 'web=0123456789' } })
  const origin = 'http://localhost:3000'
  for (const path of ['/', '/v1/stream', '/v1/ws', '/mcp', '/api/chat', '/v1/models', '/nothing']) {
    const details = new Set<string>()
    for (const headers of [{}, { origin }, { 'access-control-request-method': 'POST' }] as const) {
      const answer = await fetch(`${service.url}${path}`, { method: 'OPTIONS', headers })
      details.add((await refusalOf(answer, 400, 'bad_request')).detail)
    }
    assert.equal(details.size, 1)
    const preflight = await fetch(`${service.url}${path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    assert.equal(preflight.status, 204)
  }
})
