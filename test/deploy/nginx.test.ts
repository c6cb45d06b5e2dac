/** The configuration for nginx that is shipped, in a real nginx before real instances. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { streamRun } from '../../src/client/index.ts'
import type { Frame } from '../../src/core/frame.ts'
import { startNginx } from '../support/nginx.ts'
import { refusalOf } from '../support/refusals.ts'
import { ServerProcess } from '../support/server-process.ts'
import { predictionOf, Reading } from '../support/service.ts'
import { only, type Script, Upstream } from '../support/upstream.ts'

type Setting = { url: string; first: ServerProcess; second: ServerProcess; upstream: Upstream }

/** Two instances behind nginx, with one endpoint. */
async function setUp(
  t: TestContext,
  script?: Script,
  { silence, ...more }: { readonly silence?: string; readonly HEARTBEAT_MS?: string } = {},
): Promise<Setting> {
  const upstream = await Upstream.start(script)
  t.after(() => upstream.close())
  const env = { OPENAI_BASE_URL: upstream.url, ...more }
  const [first, second] = await Promise.all([ServerProcess.start(t, env), ServerProcess.start(t, env)])
  return { url: await startNginx(t, [first.url, second.url], { silence }), first, second, upstream }
}

const post = (url: string, body: object, path = '/v1/stream', init: RequestInit = {}) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...init,
  })

const asked = { question: 'Q' }

const ask = async (url: string) => predictionOf(await new Reading(await post(url, asked)).frames())

const outcomes = (server: ServerProcess) =>
  server.lines.filter(({ msg }) => msg === 'stream finished').map(({ outcome }) => outcome)

/** What nginx holds back never comes, and the test would wait for it. In milliseconds. */
const timeout = 60_000

describe('nginx as it is shipped', () => {
  const said = { messages: [{ id: '1', role: 'user', content: 'Q' }] }
  for (const [path, body, chunk, end] of [
    ['/v1/stream', { question: 'Q' }, 'chunk', '[DONE]'],
    ['/api/chat', said, 'delta', '[DONE]'],
    ['/ag-ui', said, 'delta', 'RUN_FINISHED'],
  ] as const) {
    test(`each frame of ${path} goes through before the next is written`, { timeout }, async (t) => {
      const words = ['One', ' after', ' the', ' other']
      const wanted = words.map(() => Promise.withResolvers<void>())
      const { url } = await setUp(
        t,
        only('answer', async (exchange) => {
          exchange.open().delta('[[ ## answer ## ]]\n')
          for (const [index, word] of words.entries()) {
            await wanted[index]?.promise
            exchange.delta(word)
          }
          exchange.delta('.\n\n[[ ## completed ## ]]').finish()
        }),
      )
      const reading = new Reading(await post(url, body, path))
      for (const [index, word] of words.entries()) {
        wanted[index]?.resolve()
        await reading.until(`"${chunk}":"${word}"`)
      }
      await reading.until(end)
    })
  }

  test('questions go to both, and an instance that has died is passed over', async (t) => {
    const { url, first, second } = await setUp(t)
    await ask(url)
    await ask(url)
    await Promise.all([first.logs('stream finished'), second.logs('stream finished')])
    // It has connections to the dead one that it kept, and would use.
    first.child.kill('SIGKILL')
    await first.exit
    for (let count = 0; count < 4; count++) await ask(url)
    second.child.kill('SIGTERM')
    await second.assertEndsWell()
    assert.deepEqual(outcomes(second), ['ok', 'ok', 'ok', 'ok', 'ok'])
  })

  test('a question that an instance has begun is not asked again at the other, whatever becomes of it', async (t) => {
    const upstream = await Upstream.start()
    t.after(() => upstream.close())
    const second = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url })
    let connections = 0
    const dying = createServer((socket) => {
      connections++
      socket.on('error', () => {}).once('data', () => socket.resetAndDestroy())
    })
    dying.listen(0, '127.0.0.1')
    await once(dying, 'listening')
    t.after(() => dying.close())
    const { port } = dying.address() as AddressInfo
    const url = await startNginx(t, [`http://127.0.0.1:${port}`, second.url])
    const response = await post(url, asked)
    assert.equal(response.status, 502)
    await response.text()
    assert.equal(connections, 1)
    assert.equal(upstream.exchanges.length, 0)
  })

  test('a client that leaves ends its run', { timeout }, async (t) => {
    const { url, first, upstream } = await setUp(t, (exchange) => {
      exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nOn and on`)
    })
    const leaving = new AbortController()
    await new Reading(await post(url, asked, undefined, { signal: leaving.signal })).until('On and on')
    leaving.abort()
    await first.logs('stream finished')
    assert.deepEqual(outcomes(first), ['client_closed'])
    await Promise.all(upstream.exchanges.map(({ closed }) => closed))
  })

  test('an instance that drains finishes its streams', async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { url, first } = await setUp(
      t,
      only('answer', async (exchange) => {
        exchange.open().delta('[[ ## answer ## ]]\nTo')
        await promise
        exchange.delta(' the end.\n\n[[ ## completed ## ]]').finish()
      }),
    )
    const reading = new Reading(await post(url, asked))
    await reading.until('"chunk":"To"')
    first.child.kill('SIGTERM')
    await first.logs('draining')
    resolve()
    assert.equal(predictionOf(await reading.frames()).data.answer, 'To the end.')
    await first.assertEndsWell()
  })

  test('a body that is too large gets the refusal of the service', async (t) => {
    const { url } = await setUp(t)
    await refusalOf(await post(url, { question: 'Q'.repeat(200_000) }), 413, 'body_too_large')
    const talk = (before: number) => {
      const earlier = { id: '0', role: 'assistant', content: 'A'.repeat(before) }
      return post(url, { messages: [earlier, ...said.messages] }, '/ag-ui')
    }
    assert.match(await (await talk(1_000_000)).text(), /RUN_FINISHED/)
    await refusalOf(await talk(1_500_000), 413, 'body_too_large')
  })

  test('a run comes over a WebSocket, with pings while its models are silent', { timeout }, async (t) => {
    const go = Promise.withResolvers<void>()
    const { url } = await setUp(
      t,
      only('answer', async (exchange) => {
        await go.promise
        exchange.answer({ answer: 'At last.' })
      }),
      { silence: '1s', HEARTBEAT_MS: '200' },
    )
    // Two seconds: without a ping, nginx would have closed it.
    let pings = 0
    const onPing = () => void (++pings === 10 && go.resolve())
    subscribe('undici:websocket:ping', onPing)
    t.after(() => unsubscribe('undici:websocket:ping', onPing))
    const frames: Frame[] = []
    for await (const frame of streamRun({ url, question: 'Q', transport: 'websocket' })) frames.push(frame)
    assert.equal(predictionOf(frames).data.answer, 'At last.')
    await refusalOf(await fetch(`${url}/v1/ws`), 426, 'upgrade_required')
  })

  test('a client that closes its WebSocket ends its run', { timeout }, async (t) => {
    const { url, first, upstream } = await setUp(t, (exchange) => {
      exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nOn and on`)
    })
    for await (const frame of streamRun({ url, question: 'Q', transport: 'websocket' })) {
      if (frame.type === 'token' && frame.chunk === 'On and on') break
    }
    await first.logs('stream finished')
    assert.deepEqual(outcomes(first), ['client_closed'])
    await Promise.all(upstream.exchanges.map(({ closed }) => closed))
    assert.ok(upstream.exchanges.every(({ wasAborted }) => wasAborted))
  })

  test('names that a client says it was forwarded by are replaced', async (t) => {
    const seen = Promise.withResolvers<string>()
    const server = createServer((socket) => {
      socket.setEncoding('latin1').once('data', (text: string) => {
        seen.resolve(text)
        socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n')
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const instance = `http://127.0.0.1:${port}`
    const url = await startNginx(t, [instance, instance])
    await fetch(`${url}/livez`, {
      headers: {
        'x-forwarded-for': '192.0.2.1',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'elsewhere.example',
      },
    })
    const lines = (await seen.promise).toLowerCase().split('\r\n')
    assert.deepEqual(lines.filter((line) => /^(host|x-forwarded-.*):/.test(line)).sort(), [
      `host: ${new URL(url).host}`,
      'x-forwarded-for: 127.0.0.1',
      `x-forwarded-host: ${new URL(url).host}`,
      'x-forwarded-proto: http',
    ])
  })
})
