/** Bodies that are no question, and questions that are hard to swallow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { ProblemBody } from '../../src/http/problem.ts'
import { type Answer, answersOf, RawClient } from '../support/raw-client.ts'
import { assertNothingRan, postBody, refusalOf } from '../support/refusals.ts'
import { framesOf, predictionOf, rawQuestion, Service } from '../support/service.ts'

const BODY_LIMIT = 128 * 1024

/** The pointers of the faults that a body is refused for. */
async function pointersOf(service: Service, body: string): Promise<string[]> {
  const { errors = [] } = await refusalOf(await postBody(service, body), 400, 'bad_body')
  for (const { detail } of errors) assert.ok(detail.length > 0)
  return errors.map(({ pointer }) => pointer)
}

const faultsIn = (service: Service, body: unknown) => pointersOf(service, JSON.stringify(body))

test('C10 a body over the limit is refused, with a length and without', async (t) => {
  const service = await Service.start(t)
  const body = JSON.stringify({ question: 'a'.repeat(BODY_LIMIT) })
  const { detail } = await refusalOf(await postBody(service, body), 413, 'body_too_large')
  assert.match(detail, /131072 bytes/)
  const chunked = new Blob([body]).stream()
  await refusalOf(await postBody(service, chunked), 413, 'body_too_large')
  await assertNothingRan(service)
})

test('C10 a client that reads nothing before it has sent too much sees why it is refused', async (t) => {
  const service = await Service.start(t)
  const length = 8 * 1024 * 1024
  const client = await RawClient.connect(service)
  client.socket.pause()
  const half = 'a'.repeat(length / 2)
  client.socket.write(
    `POST /v1/stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`,
  )
  while (!service.log.lines.some(({ code }) => code === 'body_too_large')) await service.log.next()
  await new Promise((resolve) => client.socket.write(half, resolve))
  client.socket.write(half + rawQuestion('next'))
  client.socket.resume()
  await client.until('[DONE]')
  const [refusal, next] = answersOf(client.text)
  await refusalOf(refusal as Answer, 413, 'body_too_large')
  predictionOf(framesOf(next?.body ?? ''))
  client.socket.destroy()
  await service.assertQuiet('ok')
})

test('C10 a body at the limit is read', async (t) => {
  const service = await Service.start(t)
  const body = JSON.stringify({ question: 'Q' }).padEnd(BODY_LIMIT)
  const response = await postBody(service, body)
  assert.equal(response.status, 200)
  await response.text() // what nobody reads is cut off with the next garbage collection
  await service.assertQuiet('ok')
})

test('C11 what is no JSON is refused, and the answer says where', async (t) => {
  const service = await Service.start(t)
  const said = async (body: string) =>
    (await refusalOf(await postBody(service, body), 400, 'bad_body')).detail
  assert.match(await said(''), /empty/)
  assert.match(await said(' \r\n\t'), /empty/)
  assert.match(await said('{"question": "Q",}'), /position 17/)
  assert.match(await said('{"question": "Q"} and more'), /position 18/)
  assert.match(await said('{"question": "Q"}{"question": "Q"}'), /position 17/)
  assert.match(await said('{"question": "Q'), /position 15/)
  assert.match(await said("{'question': 'Q'}"), /position 1/)
  await assertNothingRan(service)
})

test('C12 a body that is not announced as JSON is refused with the header to add', async (t) => {
  const service = await Service.start(t)
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/jsonp', 'nonsense']) {
    const answer = await postBody(service, '{"question": "Q"}', { 'content-type': type })
    const { detail } = await refusalOf(answer, 415, 'unsupported_media_type')
    assert.ok(detail.includes("'content-type: application/json'") && detail.includes(type), detail)
  }
  // A Blob without a type is sent without the header.
  const { detail } = await refusalOf(
    await postBody(service, new Blob(['{"question": "Q"}']), {}),
    415,
    'unsupported_media_type',
  )
  assert.match(detail, /no content type.*'content-type: application\/json'/)
  await assertNothingRan(service)
})

test('C12 JSON with parameters is JSON', async (t) => {
  const service = await Service.start(t)
  for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
    const answer = await postBody(service, '{"question": "Q"}', { 'content-type': type })
    predictionOf(framesOf(await answer.text()))
  }
  await service.assertQuiet('ok', 'ok')
})

test('C13 a compressed body is refused', async (t) => {
  const service = await Service.start(t)
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
  const answer = await postBody(service, gzipSync('{"question": "Q"}'), headers)
  const { detail } = await refusalOf(answer, 415, 'unsupported_encoding')
  assert.match(detail, /content-encoding: gzip/)
  await assertNothingRan(service)
})

test('C14 other methods are refused with those that are allowed', async (t) => {
  const service = await Service.start(t)
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await fetch(`${service.url}/v1/stream?key=value`, { method })
    assert.equal(answer.headers.get('allow'), 'POST')
    await refusalOf(answer, 405, 'method_not_allowed')
  }
  const head = await fetch(`${service.url}/v1/stream`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('allow'), await head.text()], [405, 'POST', ''])
  const onReadiness = await fetch(`${service.url}/readyz`, { method: 'POST' })
  assert.equal(onReadiness.headers.get('allow'), 'GET, HEAD')
  await refusalOf(onReadiness, 405, 'method_not_allowed')
  await refusalOf(await fetch(`${service.url}/v1/streams`), 404, 'not_found')
  await assertNothingRan(service)
})

test('C15 a body that is no question is refused with one pointer per fault', async (t) => {
  const service = await Service.start(t, { env: { MAX_QUESTION_CHARS: '10' } })
  for (const question of [undefined, '', ' \n\t ', 7, ['Q'], { a: 1 }, null, true, 'a'.repeat(11)]) {
    assert.deepEqual(await faultsIn(service, { question }), ['/question'], JSON.stringify(question))
  }
  for (const body of ['Q', 7, null, true, [], [{ question: 'Q' }]]) {
    assert.deepEqual(await faultsIn(service, body), [''], JSON.stringify(body))
  }
  assert.deepEqual(await faultsIn(service, { question: 7, model: 'm', 'a/b~c': 1, include: 'usage' }), [
    '/question',
    '/include',
    '/model',
    '/a~1b~0c',
  ])
  assert.deepEqual(await faultsIn(service, { question: 'Q', include: ['usage', 'tokens', 1] }), [
    '/include/1',
    '/include/2',
  ])
  assert.deepEqual(await faultsIn(service, { question: 'Q', include: null }), ['/include'])
  await assertNothingRan(service)
})

/** Bytes that no refusal has more of. */
const REFUSAL_LIMIT = 4 * 1024

/** Posts a body that nearly fills the limit, and checks that the refusal is small. */
async function refusalOfLarge(service: Service, body: string): Promise<ProblemBody> {
  const bytes = Buffer.byteLength(body)
  assert.ok(bytes < BODY_LIMIT && bytes > BODY_LIMIT * 0.9, `${bytes} bytes`)
  const refusal = await refusalOf(await postBody(service, body), 400, 'bad_body')
  const { length } = JSON.stringify(refusal)
  assert.ok(length < REFUSAL_LIMIT, `${length} characters`)
  return refusal
}

test('C9b of 12,000 faults in a body, ten are named and the rest counted', async (t) => {
  const service = await Service.start(t)
  const keys = Array.from({ length: 12_000 }, (_, nth) => [`k${nth}`, 1])
  const { detail, errors } = await refusalOfLarge(service, JSON.stringify(Object.fromEntries(keys)))
  assert.deepEqual(
    errors?.map(({ pointer }) => pointer),
    ['/question', ...keys.slice(0, 9).map(([key]) => `/${key}`)],
  )
  assert.match(detail, /; \/k8: .+; … and 11,991 more\.$/)
  await assertNothingRan(service)
})

test('C9b ten faults are all named, and nothing is said of more', async (t) => {
  const service = await Service.start(t)
  const body = Object.fromEntries(Array.from({ length: 10 }, (_, nth) => [`k${nth}`, 1]))
  const answer = await postBody(service, JSON.stringify({ question: 'Q', ...body }))
  const { detail, errors } = await refusalOf(answer, 400, 'bad_body')
  assert.equal(errors?.length, 10)
  assert.doesNotMatch(detail, /more/)
})

test('C9b an include of 60,000 items is refused for its length, not for each of them', async (t) => {
  const service = await Service.start(t)
  const { errors } = await refusalOfLarge(
    service,
    JSON.stringify({ question: 'Q', include: Array(60_000).fill(1) }),
  )
  assert.deepEqual(errors, [{ pointer: '/include', detail: 'at most 10 items are taken' }])
  await assertNothingRan(service)
})

test('C9b what a refusal repeats of a request is cut', async (t) => {
  const service = await Service.start(t)
  const long = (unit: string, bytes = 120_000) => unit.repeat(bytes / Buffer.byteLength(unit))
  for (const unit of ['a', '/', '~', '😀']) {
    const { errors } = await refusalOfLarge(service, JSON.stringify({ question: 'Q', [long(unit)]: 1 }))
    assert.match(errors?.[0]?.pointer ?? '', /^\/.{100,200}…$/)
  }
  await refusalOfLarge(service, long('x'))
  await refusalOfLarge(service, long('['))

  const longHeader = long('a', 10_000)
  const posted = (headers: Record<string, string>) => postBody(service, '{}', headers)
  const answers = [
    [await posted({ 'content-type': longHeader }), 415, 'unsupported_media_type'],
    [
      await posted({ 'content-type': 'application/json', 'content-encoding': longHeader }),
      415,
      'unsupported_encoding',
    ],
    [await fetch(`${service.url}/${longHeader}`), 404, 'not_found'],
    [await fetch(`${service.url}/%zz${longHeader}`), 400, 'bad_request'],
  ] as const
  for (const [answer, status, code] of answers) {
    const refusal = await refusalOf(answer, status, code)
    assert.ok(JSON.stringify(refusal).length < REFUSAL_LIMIT, code)
  }
  await assertNothingRan(service)
})

test('C15 a question has its length after trimming, in UTF-16 units', async (t) => {
  const service = await Service.start(t, { env: { MAX_QUESTION_CHARS: '10' } })
  await service.ask(`  ${'😀'.repeat(5)}\n`)
  assert.deepEqual(await faultsIn(service, { question: `${'😀'.repeat(5)}a` }), ['/question'])
  await service.ask('Q', { include: [] })
  await service.assertQuiet('ok', 'ok')
})

test('C16 JSON that is 16,000 levels deep is refused', async (t) => {
  const service = await Service.start(t)
  const deep = (open: string, close: string) => `${open.repeat(16_000)}1${close.repeat(16_000)}`
  assert.deepEqual(await pointersOf(service, deep('[', ']')), [''])
  assert.deepEqual(await pointersOf(service, `{"question":${deep('[', ']')}}`), ['/question'])
  assert.deepEqual(await pointersOf(service, `{"question":"Q","x":${deep('{"a":', '}')}}`), ['/x'])
  await assertNothingRan(service)
})

test('C16 keys of the prototype are refused like others, and pollute nothing', async (t) => {
  const service = await Service.start(t)
  const withKey = (key: string) => `{"question":"Q","${key}":{"polluted":true}}`
  for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    assert.deepEqual(await pointersOf(service, withKey(key)), [`/${key}`])
  }
  assert.deepEqual(await pointersOf(service, '{"__proto__":{"question":"Q"}}'), ['/question', '/__proto__'])
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  await assertNothingRan(service)
})

test('C17 any character may be in a question, and comes back as it was', async (t) => {
  const service = await Service.start(t)
  const questions = {
    NUL: 'a\0b',
    'control characters': 'a\x01\b\x0b\x1b[31m\x7f\x85b',
    'lone surrogates': 'a\ud83d b\ude00 c\ud800',
    'marks that turn the text': '\u202eabc\u202c \u2066אבג\u2069 \u200f.',
    emoji: '👩‍👩‍👧‍👦 🇩🇪 👍🏽 e\u0301',
    'line ends': 'a\nb\rc\r\nd\u2028e\u2029f',
    'not characters': 'a\ufffe\uffff\ufdd0b',
  }
  for (const [name, question] of Object.entries(questions)) {
    const { answer } = predictionOf(await service.ask(question)).data
    assert.equal(answer, `answer on ${question}`, name)
  }
  await service.assertQuiet(...Object.keys(questions).map(() => 'ok'))
})

test('C18 bytes that are not UTF-8 are refused', async (t) => {
  const service = await Service.start(t)
  const wrong = [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]
  for (const bytes of wrong) {
    const body = Buffer.concat([Buffer.from('{"question":"'), Buffer.from(bytes), Buffer.from('"}')])
    const { detail } = await refusalOf(await postBody(service, body), 400, 'bad_body')
    assert.match(detail, /not UTF-8/)
  }
  await assertNothingRan(service)
})

test('C18 a byte order mark is no harm', async (t) => {
  const service = await Service.start(t)
  assert.equal((await postBody(service, '\ufeff{"question":"Q"}')).status, 200)
  await service.assertQuiet('ok')
})
