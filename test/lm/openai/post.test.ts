import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Agent } from 'undici'
import { post } from '../../../src/lm/openai/post.ts'

/** A server that answers like this, and a function that posts to it. */
async function setUp(t: TestContext, listener: RequestListener) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dispatcher = new Agent()
  t.after(async () => {
    await dispatcher.destroy()
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1?a=b`
  const ask = (signal = new AbortController().signal) =>
    post(dispatcher, url, { headers: { 'content-type': 'text/plain' }, body: 'Why?', signal })
  return { server, ask }
}

/** The next connection's end. */
const disconnection = async (server: Server) => {
  const [socket] = await once(server, 'connection')
  socket.resume()
  await once(socket, 'close')
}

test('asks with what it is given, and gives status, headers and body', async (t) => {
  const { ask } = await setUp(t, async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    const asked = [request.method, request.url, request.headers['content-type'], body]
    response.writeHead(418, { 'x-y': 'z' }).end(asked.join(' '))
  })
  const { status, headers, body } = await ask()
  assert.deepEqual([status, headers['x-y']], [418, 'z'])
  assert.equal(String(await body.read()), 'POST /v1?a=b text/plain Why?')
  assert.equal(await body.read(), undefined)
  assert.equal(await body.read(), undefined)
})

test('what the network brings at once is read at once, however many HTTP chunks it is', async (t) => {
  const { ask } = await setUp(t, (_, response) => {
    response.cork()
    for (let nth = 0; nth < 1_000; nth++) response.write(`${nth},`)
    response.end()
    response.uncork()
  })
  const { body } = await ask()
  let text = ''
  let reads = 0
  for (let pieces = await body.read(); pieces; pieces = await body.read()) {
    text += pieces.join('')
    reads++
  }
  assert.equal(text, Array.from({ length: 1_000 }, (_, nth) => `${nth},`).join(''))
  assert.ok(reads <= 10, `${reads} reads`)
})

test('interim answers are passed over', async (t) => {
  const { ask } = await setUp(t, (_, response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' })
    response.end('done')
  })
  const { status, body } = await ask()
  assert.equal(status, 200)
  assert.equal(String(await body.read()), 'done')
})

test('an abort is heard at once: before the connection, before the answer, in mid-answer', async (t) => {
  const reason = new Error('gone')
  const early = await setUp(t, () => assert.fail('was asked'))
  await assert.rejects(early.ask(AbortSignal.abort(reason)), (thrown) => thrown === reason)
  const connecting = new AbortController()
  const refused = assert.rejects(early.ask(connecting.signal), (thrown) => thrown === reason)
  connecting.abort(reason)
  await refused

  const waiting = new AbortController()
  const silent = await setUp(t, () => waiting.abort(reason))
  const closed = disconnection(silent.server)
  await assert.rejects(silent.ask(waiting.signal), (thrown) => thrown === reason)
  await closed

  const reading = new AbortController()
  const stalled = await setUp(t, (_, response) => response.write('a'))
  const over = disconnection(stalled.server)
  const { body } = await stalled.ask(reading.signal)
  assert.equal(String(await body.read()), 'a')
  const next = body.read()
  reading.abort(reason)
  await assert.rejects(next, (thrown) => thrown === reason)
  await over
})

test('what waits to be read when the call is aborted is dropped', async (t) => {
  const abort = new AbortController()
  const reason = new Error('gone')
  const { ask } = await setUp(t, (_, response) => response.end('all of it'))
  const { body } = await ask(abort.signal)
  abort.abort(reason)
  await assert.rejects(body.read(), (thrown) => thrown === reason)
})

test('an answer that breaks off is an error behind what came of it', async (t) => {
  const { ask } = await setUp(t, (_, response) => {
    response.write('a', () => response.socket?.resetAndDestroy())
  })
  const { body } = await ask()
  assert.equal(String(await body.read()), 'a')
  await assert.rejects(body.read(), { code: 'ECONNRESET' })
})

test('the connection is read on only as the answer is read', async (t) => {
  const { promise: isStuck, resolve } = Promise.withResolvers<void>()
  const { ask } = await setUp(t, async (_, response) => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    for (let sent = 0; sent < 64 * 1024 * 1024; sent += chunk.length) {
      if (response.write(chunk)) continue
      // A socket that takes nothing for so long is full: this only ends the test's waiting.
      const timer = setTimeout(resolve, 300)
      await once(response, 'drain')
      clearTimeout(timer)
    }
    response.end()
  })
  const { body } = await ask()
  await isStuck
  const [first, ...more] = (await body.read()) as Buffer[]
  const held = [first as Buffer, ...more].reduce((sum, { length }) => sum + length, 0)
  assert.ok(held <= 128 * 1024, `${held} bytes were held`)
  let total = held
  for (let pieces = await body.read(); pieces; pieces = await body.read()) {
    total += pieces.reduce((sum, { length }) => sum + length, 0)
  }
  assert.equal(total, 64 * 1024 * 1024)
})

test('what is not wanted closes the connection', async (t) => {
  const { ask, server } = await setUp(t, (_, response) => response.write('a'))
  const closed = disconnection(server)
  const { body } = await ask()
  body.destroy()
  await closed
  await body.read() // what had come
  await assert.rejects(body.read())
})
