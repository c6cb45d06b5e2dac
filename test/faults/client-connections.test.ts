/** What one connection can hold of the service: answers that nobody reads, requests in line, and the connection itself. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { oneCall } from '../support/programs.ts'
import { answersOf, RawClient } from '../support/raw-client.ts'
import { assertNothingRan, refusalOf } from '../support/refusals.ts'
import { predictionOf, rawQuestion, Service } from '../support/service.ts'
import type { Script } from '../support/upstream.ts'

const silent: Script = () => {}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

/** A client and the service's own end of its connection. */
async function connected(service: Service): Promise<{ client: RawClient; held: Socket }> {
  const [[held], client] = await Promise.all([once(service.server, 'connection'), RawClient.connect(service)])
  return { client, held }
}

/** The largest of the pages: sixteen are more than sockets hold. */
const LARGE = '/docs/static/swagger-ui-bundle.js'

test('C9b answers that nobody reads are dropped on every route, with their connection', async (t) => {
  const service = await Service.start(t, { env: { STALL_MS: '300' } })
  const { client, held } = await connected(service)
  client.socket.pause().write(get(LARGE).repeat(16))
  await once(held, 'close')
  const whole = await (await fetch(service.url + LARGE)).text()
  client.socket.resume()
  const { length } = await client.closed
  assert.ok(length < 16 * whole.length, `${length} bytes had come`)
  await assertNothingRan(service)
})

test('C9b a client that was refused and never closes is dropped', async (t) => {
  const service = await Service.start(t, { env: { STALL_MS: '300' } })
  const accepted = once(service.server, 'connection')
  const { hostname, port } = new URL(service.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  t.after(() => socket.destroy())
  const [held] = (await accepted) as [Socket]
  socket.resume().write('What is a stream?\r\n\r\n')
  await once(socket, 'end')
  await once(held, 'close')
  await assertNothingRan(service)
})

test('C9b a stream that is silent for longer than STALL_MS goes on', async (t) => {
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    program: oneCall,
    env: { STALL_MS: '100' },
    script: async (exchange) => {
      await go
      exchange.answer({ answer: 'At last.' })
    },
  })
  const accepted = once(service.server, 'connection') as Promise<[Socket]>
  const reading = await service.open('Q')
  const [held] = await accepted
  await once(held, 'timeout')
  resolve()
  assert.equal(predictionOf(await reading.frames()).data.answer, 'At last.')
  await service.assertQuiet('ok')
})

test('C9b a body that is slower than STALL_MS still gets its refusal', async (t) => {
  const service = await Service.start(t, { requestTimeoutMs: 200, env: { STALL_MS: '50' } })
  const [answer] = answersOf(await RawClient.exchange(service, rawQuestion('Q').slice(0, -3)))
  assert.ok(answer)
  await refusalOf(answer, 408, 'request_timeout')
  await assertNothingRan(service)
})

test('C9b the seventeenth request in line closes the connection and ends the runs of the others', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: silent })
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('Q').repeat(16))
  await service.upstream.request(15)
  client.socket.write(rawQuestion('Q'))
  await client.closed
  await service.assertQuiet(...Array(16).fill('client_closed'))
  assert.equal(service.upstream.exchanges.length, 16)
})

test('C9b 1,000 questions sent at once on one connection start no more than sixteen runs', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: silent })
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('Q').repeat(1_000))
  await client.closed
  await fetch(`${service.url}/livez`) // by now the service has seen all of them
  const runs = service.runs.size + service.ends.length
  assert.ok(runs <= 16, `${runs} runs`)
  await service.assertQuiet(...Array(runs).fill('client_closed'))
})

test('C9b requests that have been answered no longer count, up to 1,000 on one connection', async (t) => {
  const service = await Service.start(t)
  const client = await RawClient.connect(service)
  for (let sent = 0; sent < 1_000; sent += 10) {
    client.socket.write(get('/livez').repeat(10))
    while (client.text.split('{"status":"ok"}').length <= sent + 10) await once(client.socket, 'data')
  }
  const answers = answersOf(await client.closed)
  assert.equal(answers.length, 1_000)
  assert.ok(answers.every(({ status }) => status === 200))
  assert.equal(answers.at(-2)?.headers.get('connection'), 'keep-alive')
  assert.equal(answers.at(-1)?.headers.get('connection'), 'close')
  await assertNothingRan(service)
})

test('C9b over MAX_CONNECTIONS a connection is closed as it comes, and the next has its room', async (t) => {
  const service = await Service.start(t, { env: { MAX_CONNECTIONS: '2' } })
  const first = await connected(service)
  await connected(service)
  assert.equal(await RawClient.exchange(service, get('/livez')), '')
  first.client.socket.destroy()
  await once(first.held, 'close')
  await assertNothingRan(service) // asks it for /livez
})
