/** The served client in a page of another origin, in a real browser. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { chromium } from 'playwright-core'
import type * as Client from '../../src/client/index.ts'
import { LAUNCH } from '../support/browser.ts'
import { Service } from '../support/service.ts'

/** An empty page at `localhost`, which is another origin than the service's 127.0.0.1. */
async function foreignPage(t: TestContext) {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>elsewhere</title>')
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const browser = await chromium.launch(LAUNCH)
  t.after(async () => {
    await browser.close()
    server.close()
  })
  const page = await browser.newPage()
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
  return page
}

/** Runs in the page. */
async function answerOf(url: string): Promise<string | undefined> {
  const { streamRun } = (await import(`${url}/client.js`)) as typeof Client
  for await (const frame of streamRun({ url, question: 'why' })) {
    if (frame.type === 'prediction') return String(frame.data.answer)
  }
  return undefined
}

test('a page of another origin imports the client and reads a run', async (t) => {
  const service = await Service.start(t)
  const page = await foreignPage(t)
  assert.equal(await page.evaluate(answerOf, service.url), 'answer on why')
  await service.assertQuiet('ok')
})

/** Runs in the page. */
async function answerOverSocket({ url, apiKey }: { url: string; apiKey: string }) {
  const { streamRun } = (await import(`${url}/client.js`)) as typeof Client
  const asking = { url, apiKey, transport: 'websocket' } as const
  let answer: unknown
  for await (const frame of streamRun({ ...asking, question: 'why' })) {
    if (frame.type === 'prediction') answer = frame.data.answer
  }
  const refusals = []
  for (const wrong of [
    { ...asking, question: '' },
    { ...asking, question: 'why', apiKey: 'wrong' },
  ]) {
    const error = await streamRun(wrong)
      .next()
      .catch((error) => error)
    refusals.push([error.name, error.code])
  }
  return { answer, refusals }
}

test('a page of another origin reads a run over a WebSocket, with its key, and learns why it is refused', async (t) => {
  const apiKey = 'web/0123456789=='
  const service = await Service.start(t, { env: { API_KEYS: `web=${apiKey}` } })
  const page = await foreignPage(t)
  assert.deepEqual(await page.evaluate(answerOverSocket, { url: service.url, apiKey }), {
    answer: 'answer on why',
    refusals: [
      ['RefusedError', 'bad_body'],
      ['RefusedError', 'unauthorized'],
    ],
  })
  await service.assertQuiet('ok')
})

test('a page whose origin isn’t let in gets nothing', async (t) => {
  const service = await Service.start(t, { env: { CORS_ORIGIN: 'https://app.example.com' } })
  const page = await foreignPage(t)
  await assert.rejects(page.evaluate(answerOf, service.url), /Failed to fetch dynamically imported module/)
  // CORS has nothing to say of sockets.
  const closed = await page.evaluate(
    (url) =>
      new Promise<number>((resolve) => {
        new WebSocket(`${url}/v1/ws`).onclose = ({ code }) => resolve(code)
      }),
    service.url.replace('http', 'ws'),
  )
  assert.equal(closed, 1006)
  assert.equal(service.upstream.exchanges.length, 0)
})
