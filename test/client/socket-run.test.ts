/** The typed client over a WebSocket: the same frames and the same errors. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  type Asking,
  type Frame,
  IncompleteStreamError,
  NotTheServiceError,
  RefusedError,
  streamRun,
} from '../../src/client/index.ts'
import { oneCall } from '../support/programs.ts'
import { TcpProxy } from '../support/proxy.ts'
import { Service, text } from '../support/service.ts'
import type { Script } from '../support/upstream.ts'

const halfway: Script = (exchange) => {
  exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nHalf of ${exchange.field}`)
}

const KEY = 'a(b)/c+%41=='

const read = (asking: object): AsyncGenerator<Frame> =>
  streamRun({ question: 'why', transport: 'websocket', ...asking } as unknown as Asking)

const all = (asking: object): Promise<Frame[]> => Array.fromAsync(read(asking))

test('a run comes as the same frames, of the program and with the key that are named', async (t) => {
  const service = await Service.start(t, { others: { other: oneCall }, env: { API_KEYS: `web=${KEY}` } })
  const { url } = service
  const events: string[] = []
  const frames = await all({
    url,
    apiKey: KEY,
    program: 'other',
    include: ['reasoning', 'usage'],
    onEvent: (data: string) => events.push(data),
  })
  assert.equal(text(frames, 'answerer', 'answer'), 'answer on why')
  assert.deepEqual(
    events.map((data) => JSON.parse(data)),
    frames,
  )
  const byEvents = await all({
    url,
    apiKey: KEY,
    program: 'other',
    include: ['reasoning', 'usage'],
    transport: 'events',
  })
  assert.deepEqual(
    frames
      .filter(({ type }) => type !== 'usage')
      .map((frame) => JSON.stringify(frame))
      .join(),
    byEvents
      .filter(({ type }) => type !== 'usage')
      .map((frame) => JSON.stringify(frame))
      .join(),
  )
  await service.assertQuiet('ok', 'ok')
})

test('refusals are RefusedErrors, whether they come before the socket or on it', async (t) => {
  const service = await Service.start(t, { env: { API_KEYS: `web=${KEY}` } })
  const { url } = service
  const refused = async (asking: object) => {
    const error: unknown = await all({ url, apiKey: KEY, ...asking }).catch((error) => error)
    if (error instanceof RefusedError) return error
    throw error
  }
  const bad = await refused({ question: '' })
  assert.deepEqual([bad.status, bad.code, bad.faults[0]?.pointer], [400, 'bad_body', '/question'])
  const unknown = await refused({ program: 'no-such' })
  assert.deepEqual([unknown.status, unknown.code], [404, 'not_found'])
  const stranger = await refused({ apiKey: 'wrong' })
  assert.deepEqual([stranger.status, stranger.code], [401, 'unauthorized'])
  const drained = service.runs.drain(0)
  const late = await refused({})
  assert.deepEqual([late.status, late.code, late.retryAfter], [503, 'shutting_down', 5])
  await drained
})

test('a socket that breaks is an IncompleteStreamError', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const proxy = await TcpProxy.start(t, service.url)
  const frames = read({ url: proxy.url })
  for (let frame = await frames.next(); frame.value?.type !== 'token'; ) frame = await frames.next()
  proxy.cut()
  await assert.rejects(Array.fromAsync(frames), IncompleteStreamError)
  await service.assertQuiet('client_closed')
})

test('an abort ends the run, before it and in its midst, and so does a reader that stops', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const { url } = service
  await assert.rejects(all({ url, signal: AbortSignal.abort(new Error('never')) }), /never/)
  const leaving = new AbortController()
  const frames = read({ url, signal: leaving.signal })
  for (let frame = await frames.next(); frame.value?.type !== 'token'; ) frame = await frames.next()
  leaving.abort(new Error('enough'))
  await assert.rejects(Array.fromAsync(frames), /enough/)
  for await (const { type } of read({ url })) if (type === 'token') break
  await service.assertQuiet('client_closed', 'client_closed')
})

/** A server that isn't the service, at an address of its own. */
async function foreign(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('what gives no WebSocket is named', async (t) => {
  const hello = await foreign(t, (_request, response) => response.end('hello'))
  await assert.rejects(all({ url: hello }), NotTheServiceError)
  const service = await Service.start(t)
  const deaf = await foreign(t, async (_request, response) => {
    const answer = await fetch(`${service.url}/v1/program`)
    response.writeHead(200, { 'content-type': 'application/json' }).end(await answer.text())
  })
  await assert.rejects(all({ url: deaf }), /gives no WebSocket/)
})
