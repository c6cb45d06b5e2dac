/** `GET /v1/ws` with the WebSocket of Node, and handshakes byte for byte. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { errorFrame } from '../../src/core/schemas.ts'
import { problemBody } from '../../src/http/problem.ts'
import { oneCall, retold, tooLong } from '../support/programs.ts'
import { answersOf, RawClient } from '../support/raw-client.ts'
import { assertNothingRan, refusalOf } from '../support/refusals.ts'
import { errorOf, predictionOf, rawQuestion, Service, text } from '../support/service.ts'
import { handshake, masked, SocketReading, socketUrl } from '../support/socket.ts'
import { echo, type Script } from '../support/upstream.ts'

const silent: Script = () => {}

/** Opens the answer, writes a part of it and then nothing more. */
const halfway: Script = (exchange) => {
  exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nHalf of ${exchange.field}`)
}

/** The head of the answer to a handshake that succeeds. */
async function headOf(service: Service, bytes: string): Promise<string> {
  const client = await RawClient.connect(service)
  client.socket.write(bytes)
  await client.until('\r\n\r\n')
  client.socket.destroy()
  return client.text.slice(0, client.text.indexOf('\r\n\r\n'))
}

const refusalsIn = ({ log }: Service) =>
  log.lines.flatMap(({ msg, code, status }) => (msg === 'request refused' ? [[code, status]] : []))

/** What a refused socket is told: an error frame with a status, which is its only message. */
function refusedWith({ messages }: SocketReading, status: number, code: string) {
  assert.equal(messages.length, 1, messages.join('\n'))
  const frame = JSON.parse(messages[0] as string)
  const { status: _, errors: __, ...error } = frame
  assert.equal(frame.status, status)
  assert.equal(frame.code, code)
  assert.equal(frame.retryable, status === 503)
  problemBody.shape.errors.parse(frame.errors)
  errorFrame.omit({ code: true }).loose().parse(error)
  return frame
}

test('a question gets the frames of its run, one a message, and then the socket is closed', async (t) => {
  const service = await Service.start(t)
  const reading = await SocketReading.open(service, [{ question: 'why', include: ['reasoning', 'usage'] }])
  const frames = await reading.frames()
  assert.equal(text(frames, 'compose', 'answer'), 'answer on why')
  assert.equal(predictionOf(frames).data.answer, 'answer on why')
  assert.ok(frames.some(({ type }) => type === 'usage'))
  const [line] = await service.assertQuiet('ok')
  assert.deepEqual([line?.outcome, line?.level], ['ok', 30])
})

test('the frames are those of the stream, with a reset where a call is made again', async (t) => {
  const service = await Service.start(t, { program: retold, script: tooLong })
  service.upstream.request(2).then((second) => second.answer({ reasoning: '', answer: 'brief' }))
  const frames = await (await SocketReading.open(service, [{ question: 'Q' }])).frames()
  assert.ok(frames.some(({ type }) => type === 'reset'))
  assert.equal(text(frames, 'ask', 'answer'), 'brief')
  await service.assertQuiet('ok')
})

test('a program is named in the address', async (t) => {
  const service = await Service.start(t, { others: { other: oneCall } })
  const frames = await (await SocketReading.open(service, [{ question: 'why' }], '?program=other')).frames()
  assert.equal(text(frames, 'answerer', 'answer'), 'answer on why')
  const unknown = await SocketReading.open(service, [{ question: 'why' }], '?program=no-such')
  assert.equal((await unknown.closed).code, 1008)
  assert.match(refusedWith(unknown, 404, 'not_found').message, /no-such.*\/v1\/programs/)
  await service.assertQuiet('ok')
})

test('a run that fails ends in its error', async (t) => {
  const service = await Service.start(t, { script: (exchange) => exchange.refuse(401) })
  errorOf(await (await SocketReading.open(service, [{ question: 'Q' }])).frames(), 'upstream_auth')
  await service.assertQuiet('upstream_auth')
})

test('what is no question is refused in an error frame, and nothing runs', async (t) => {
  const service = await Service.start(t)
  const wrong: [message: unknown, detail: RegExp, pointer?: string][] = [
    ['', /empty/],
    ['{"question":', /JSON/],
    ['null', /an object is needed/, ''],
    [{ type: 'cancel' }, /question/, '/question'],
    [{ question: 42 }, /question/, '/question'],
    [{ question: 'Q', resumable: true }, /resumable: unknown key/, '/resumable'],
    [{ question: 'Q', include: ['x'] }, /include/, '/include/0'],
  ]
  for (const [message, detail, pointer] of wrong) {
    const reading = await SocketReading.open(service, [message])
    const { code, reason } = await reading.closed
    assert.equal(code, 1008)
    const frame = refusedWith(reading, 400, 'bad_body')
    assert.match(frame.message, detail)
    assert.ok(reason !== '' && frame.message.startsWith(reason))
    if (pointer !== undefined) assert.ok(JSON.stringify(frame.errors).includes(`"pointer":"${pointer}"`))
  }
  const binary = await SocketReading.open(service, [])
  binary.socket.send(new Uint8Array([123, 125]))
  assert.equal((await binary.closed).code, 1008)
  assert.match(refusedWith(binary, 400, 'bad_body').message, /binary/)
  await assertNothingRan(service)
  assert.deepEqual(refusalsIn(service), Array(wrong.length + 1).fill(['bad_body', 400]))
})

test('a message that is too large closes the socket with 1009', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: (exchange) => exchange.answer({ answer: 'Yes.' }),
    env: { MAX_QUESTION_CHARS: '200000' },
  })
  const fits = await SocketReading.open(service, [{ question: 'x'.repeat(131_072 - 15) }])
  predictionOf(await fits.frames())
  const reading = await SocketReading.open(service, [{ question: 'x'.repeat(131_072 - 14) }])
  assert.equal((await reading.closed).code, 1009)
  assert.deepEqual(reading.messages, [])
  await service.assertQuiet('ok')
  assert.deepEqual(refusalsIn(service), [['body_too_large', 413]])
})

test('a socket that asks nothing is closed', async (t) => {
  const service = await Service.start(t, { requestTimeoutMs: 50 })
  const reading = await SocketReading.open(service, [])
  assert.equal((await reading.closed).code, 1008)
  refusedWith(reading, 408, 'request_timeout')
  await assertNothingRan(service)
})

test('over MAX_STREAMS a question is refused with 1013, and the next has its room', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: silent, env: { MAX_STREAMS: '1' } })
  const first = await SocketReading.open(service, [{ question: 'Q' }])
  await service.upstream.request(0)
  const second = await SocketReading.open(service, [{ question: 'Q' }])
  assert.equal((await second.closed).code, 1013)
  assert.equal(refusedWith(second, 503, 'too_many_streams').retry_after, 5)
  first.send({ type: 'cancel' })
  errorOf(await first.frames(), 'cancelled')
  service.upstream.script = echo
  await (await SocketReading.open(service, [{ question: 'Q' }])).frames()
  await service.assertQuiet('cancelled', 'ok')
})

test('cancel ends the run, and says so', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const reading = await SocketReading.open(service, [{ question: 'Q' }])
  await reading.until('Half of evidence')
  reading.send({ type: 'cancel' })
  errorOf(await reading.frames(), 'cancelled')
  await service.assertQuiet('cancelled')
  assert.ok(service.upstream.exchanges.every(({ wasAborted }) => wasAborted))
})

test('closing the socket ends the run, and so does cutting it', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const reading = await SocketReading.open(service, [{ question: 'Q' }])
  await reading.until('Half of evidence')
  reading.socket.close(1000)
  await service.assertQuiet('client_closed')

  const client = await RawClient.connect(service)
  client.socket.write(handshake())
  await client.until('\r\n\r\n')
  client.socket.write(masked('{"question":"Q"}'))
  await client.until('Half of evidence')
  client.socket.resetAndDestroy()
  await service.assertQuiet('client_closed', 'client_closed')
  assert.ok(service.upstream.exchanges.every(({ wasAborted }) => wasAborted))
})

test('a second question ends the first, and is refused', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const reading = await SocketReading.open(service, [{ question: 'first' }])
  await reading.until('Half of evidence')
  reading.send({ question: 'second' })
  assert.equal((await reading.closed).code, 1008)
  const last = JSON.parse(reading.messages.at(-1) as string)
  assert.deepEqual([last.type, last.status, last.code], ['error', 400, 'bad_request'])
  await service.assertQuiet('client_closed')
  assert.equal(service.upstream.exchanges.length, 2)
})

test('a drain lets runs finish, and refuses the next question', async (t) => {
  const go = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    program: oneCall,
    script: async (exchange) => {
      await go.promise
      exchange.answer({ answer: 'Done.' })
    },
  })
  const [first, second] = [
    await SocketReading.open(service, [{ question: 'Q' }]),
    await SocketReading.open(service, []),
  ]
  await service.upstream.request(0)
  const drained = service.runs.drain(60_000)
  second.send({ question: 'Q' })
  assert.equal((await second.closed).code, 1013)
  refusedWith(second, 503, 'shutting_down')
  go.resolve()
  predictionOf(await first.frames())
  await drained
  await service.assertQuiet('ok')
})

test('origins are those of CORS, and are looked at before the upgrade', async (t) => {
  const service = await Service.start(t)
  const { host } = new URL(service.url)
  for (const [origin, isAllowed] of [
    ['http://localhost:5173', true],
    ['http://[::1]', true],
    [`http://${host}`, true],
    ['https://evil.example', false],
    ['http://localhost.evil.example', false],
    ['null', false],
    ['', false],
  ] as const) {
    const bytes = handshake(`origin: ${origin}\r\n`, { host })
    if (isAllowed) assert.match(await headOf(service, bytes), /^HTTP\/1.1 101 /, origin)
    else {
      const [answer] = answersOf(await RawClient.exchange(service, bytes))
      assert.ok(answer)
      await refusalOf(answer, 403, 'foreign_origin')
    }
  }
  const other = await Service.start(t, { env: { CORS_ORIGIN: 'https://app.example' } })
  assert.match(await headOf(other, handshake('origin: https://app.example\r\n')), / 101 /)
  const [answer] = answersOf(await RawClient.exchange(other, handshake('origin: http://localhost:1\r\n')))
  assert.equal(answer?.status, 403)
  const all = await Service.start(t, { env: { CORS_ORIGIN: '*' } })
  assert.match(await headOf(all, handshake('origin: null\r\n')), / 101 /)
  await assertNothingRan(service)
})

const WEB = 'web-0123456789/+abcdef=='
const protocols = (...names: string[]) => `sec-websocket-protocol: ${names.join(', ')}\r\n`

test('C27 a key is offered as a subprotocol, or comes as a header, and never in the address', async (t) => {
  const service = await Service.start(t, { env: { API_KEYS: `web=${WEB}` } })
  const offered = `tributary.key.${encodeURIComponent(WEB)}`
  const head = await headOf(service, handshake(protocols('tributary', offered)))
  assert.match(head, / 101 [\s\S]*^sec-websocket-protocol: tributary$/im)
  assert.match(await headOf(service, handshake(`authorization: Bearer ${WEB}\r\n`)), / 101 /)
  const alone = await headOf(service, handshake(protocols(offered)))
  assert.match(alone, / 101 /)
  assert.doesNotMatch(alone, /protocol:/i, 'a key is never repeated')

  for (const bytes of [
    handshake(),
    handshake(protocols('tributary')),
    handshake(protocols('tributary', 'tributary.key.wrong')),
    handshake(protocols('tributary', 'tributary.key.%')),
    handshake(`authorization: Bearer wrong\r\n${protocols('tributary', offered)}`),
    handshake(protocols('tributary', offered), { query: `?key=${encodeURIComponent(WEB)}` }),
  ]) {
    const [answer] = answersOf(await RawClient.exchange(service, bytes))
    assert.ok(answer, bytes)
    await refusalOf(answer, 401, 'unauthorized')
  }
  // It counts there alone.
  const elsewhere = { headers: { 'sec-websocket-protocol': `tributary, ${offered}` } }
  assert.equal((await fetch(`${service.url}/v1/program`, elsewhere)).status, 401)

  const socket = new WebSocket(socketUrl(service), ['tributary', offered])
  const reading = new SocketReading(socket)
  await once(socket, 'open')
  assert.equal(socket.protocol, 'tributary')
  reading.send({ question: 'why' })
  await reading.frames()
  const [line] = await service.assertQuiet('ok')
  assert.equal(line?.client, 'web')
  assert.ok(!JSON.stringify(service.log.lines).includes(WEB.slice(0, 12)))
})

test('handshakes that aren’t good are refused like any other request', async (t) => {
  const service = await Service.start(t)
  for (const [bytes, status, code] of [
    [handshake('', { version: 12 }), 400, 'bad_request'],
    [handshake('', { key: '' }), 400, 'bad_request'],
    [handshake('', { key: 'sec-websocket-key: short\r\n' }), 400, 'bad_request'],
    [handshake(protocols('a', 'a')), 400, 'bad_request'],
    [handshake(protocols('a', '(b)')), 400, 'bad_request'],
    [handshake('', { host: 'evil.example' }), 421, 'wrong_host'],
    [handshake('host: localhost\r\n'), 400, 'bad_request'],
  ] as const) {
    const [answer] = answersOf(await RawClient.exchange(service, bytes))
    assert.ok(answer, bytes)
    await refusalOf(answer, status, code)
  }
  for (const headers of ['', 'connection: Upgrade\r\nupgrade: h2c\r\n']) {
    const bytes = `GET /v1/ws HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n`
    const client = await RawClient.connect(service)
    client.socket.end(bytes)
    const [answer] = answersOf(await client.closed)
    assert.ok(answer)
    assert.equal(answer.headers.get('upgrade'), 'websocket')
    await refusalOf(answer, 426, 'upgrade_required')
  }
  await assertNothingRan(service)
})

test('an offer of another protocol is passed over, on every route', async (t) => {
  const service = await Service.start(t)
  const offer = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n'
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('Q', offer))
  await client.until('[DONE]')
  client.socket.write(rawQuestion('Q', 'connection: Upgrade\r\nupgrade: websocket\r\n'))
  await service.finished(2)
  client.socket.destroy()
  await service.assertQuiet('ok', 'ok')
})

test('C24 a handshake in line behind a question doesn’t take its connection', async (t) => {
  const service = await Service.start(t)
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('Q') + handshake())
  await client.until('upgrade_required')
  client.socket.write(rawQuestion('R', 'connection: close\r\n'))
  const statuses = answersOf(await client.closed).map(({ status }) => status)
  assert.deepEqual(statuses, [200, 426, 200])
  await service.assertQuiet('ok', 'ok')
})

test('C9b sockets count among the connections, and a refused one is closed', async (t) => {
  const service = await Service.start(t, { env: { MAX_CONNECTIONS: '2' } })
  const accepted = once(service.server, 'connection') as Promise<[Socket]>
  const first = await SocketReading.open(service, [])
  await SocketReading.open(service, [])
  assert.equal(await RawClient.exchange(service, handshake()), '')
  const [held] = await accepted
  first.socket.close()
  await once(held, 'close')
  assert.equal((await fetch(`${service.url}/livez`)).status, 200)
})
