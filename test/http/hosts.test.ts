/** Whom requests may address: a service on this machine isn't there for names that only resolve to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback } from '../../src/http/hosts.ts'
import { type Answer, answersOf, RawClient } from '../support/raw-client.ts'
import { assertNothingRan, refusalOf } from '../support/refusals.ts'
import { framesOf, predictionOf, rawQuestion, Service } from '../support/service.ts'

/** The answer to a request on a connection of its own. */
async function answerTo(service: Service, request: string): Promise<Answer> {
  const text = await RawClient.exchange(service, request.replace('\r\n', '\r\nconnection: close\r\n'))
  const [answer, ...others] = answersOf(text)
  assert.ok(answer && others.length === 0, text)
  return answer
}

const get = (host: string, path = '/livez') => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`
const questionTo = (host: string) => rawQuestion('Q').replace('host: localhost', `host: ${host}`)

const OWN = [
  'localhost',
  'LOCALHOST:1',
  'localhost.',
  'app.localhost:8000',
  '127.0.0.1',
  '127.1.2.3:80',
  '[::1]',
  '[::1]:80',
]

const FOREIGN = [
  'evil.example',
  'evil.example:8000',
  'localhost.evil.example',
  'evillocalhost',
  '127.0.0.1.evil.example',
  '127.0.0.1:80@evil.example',
  'evil.example/.localhost',
  '128.0.0.1',
  '0.0.0.0',
  '[::2]',
  '[::1',
  '',
]

test('P13 a service on loopback answers to loopback names', async (t) => {
  const service = await Service.start(t)
  for (const host of OWN) assert.equal((await answerTo(service, get(host))).status, 200, host)
  const answer = await answerTo(service, questionTo('app.localhost:3000'))
  predictionOf(framesOf(answer.body))
  await service.assertQuiet('ok')
})

test('P13 it answers to no other name, and nothing runs', async (t) => {
  const service = await Service.start(t)
  for (const host of FOREIGN) {
    await refusalOf(await answerTo(service, questionTo(host)), 421, 'wrong_host')
  }
  await assertNothingRan(service)
})

test('P13 that holds on every route, and before CORS has a say', async (t) => {
  const service = await Service.start(t, { env: { CORS_ORIGIN: '*' } })
  const paths = [
    '/',
    '/page.js',
    '/client.js',
    '/v1/program',
    '/livez',
    '/readyz',
    '/docs',
    '/openapi.json',
    '/nowhere',
  ]
  for (const path of paths) {
    await refusalOf(await answerTo(service, get('evil.example', path)), 421, 'wrong_host')
  }
  const preflight = `OPTIONS /v1/stream HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example\r\naccess-control-request-method: POST\r\n\r\n`
  await refusalOf(await answerTo(service, preflight), 421, 'wrong_host')
  await assertNothingRan(service)
})

test('a service that others reach answers to whatever they call it', async (t) => {
  const service = await Service.start(t, { env: { HOST: '0.0.0.0' } })
  for (const host of ['app.example.com', '', ...OWN]) {
    assert.equal((await answerTo(service, get(host))).status, 200, host)
  }
})

for (const HOST of ['127.0.0.1', '0.0.0.0']) {
  test(`ALLOWED_HOSTS adds names to the loopback ones, and others are refused (HOST=${HOST})`, async (t) => {
    const service = await Service.start(t, { env: { HOST, ALLOWED_HOSTS: 'App.example.com, [fd00::7]' } })
    for (const host of ['app.example.com', 'APP.example.com.:443', '[fd00::7]:80', ...OWN]) {
      assert.equal((await answerTo(service, get(host))).status, 200, host)
    }
    for (const host of ['example.com', 'an.app.example.com', '[fd00::8]', ...FOREIGN]) {
      await refusalOf(await answerTo(service, get(host)), 421, 'wrong_host')
    }
  })
}

test('ALLOWED_HOSTS=* lets every name in', async (t) => {
  const service = await Service.start(t, { env: { ALLOWED_HOSTS: '*' } })
  for (const host of FOREIGN) assert.equal((await answerTo(service, get(host))).status, 200, host)
})

test('an address to listen on is loopback or not', () => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1']) assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com']) assert.ok(!isLoopback(host), host)
})
