/** How the page tells of what goes wrong: where it belongs, and with what to do. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ask, holds, lane, openPage, standsAt, written } from './support/browser.ts'
import { invoice } from './support/invoice.ts'
import { askAndBegin, begin, connection, keptAs } from './support/kept-runs.ts'
import { oneCall } from './support/programs.ts'
import { TcpProxy } from './support/proxy.ts'
import { Service } from './support/service.ts'
import { echo, only, onlyFirst } from './support/upstream.ts'

const NO_RETRIES = { LM_MAX_RETRIES: '0' }

test('an error stands in the lane it belongs to, and asking again is offered where it may help', async (t) => {
  const script = onlyFirst('evidence', (exchange) => exchange.refuse(500))
  const service = await Service.start(t, { script, env: NO_RETRIES })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await standsAt(page, 'evidence.probe', 'failed')
  const note = lane(page, 'evidence.probe').locator('.notice')
  assert.match((await note.textContent()) ?? '', /may succeed later.*upstream_error · request [\w-]{36}/)
  assert.equal(await page.locator('.notice').count(), 1, 'nowhere else')
  await standsAt(page, 'compose', 'not run')
  await note.getByRole('button', { name: 'Ask again' }).click()
  await holds(written(page, 'compose'), 'answer on why?')
  assert.equal(await page.locator('.notice').count(), 0)
  await service.assertQuiet('upstream_error', 'ok')
})

test('an error that asking again will not mend offers no such button', async (t) => {
  const script = only('evidence', (exchange) => exchange.refuse(401))
  const service = await Service.start(t, { script })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  const note = lane(page, 'evidence.probe').locator('.notice')
  await note.getByText("refused the service's key").waitFor()
  await note.getByText("Asking again won't help").waitFor()
  assert.equal(await note.getByRole('button').count(), 0)
})

test('an error says after how long to ask again, where that is known', async (t) => {
  const script = only('answer', (exchange) => exchange.refuse(429, undefined, { 'retry-after': '120' }))
  const service = await Service.start(t, { program: oneCall, script })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await lane(page, 'answerer').getByText('The same question may succeed in 120 s.').waitFor()
})

test('an error of the whole run stands above the lanes', async (t) => {
  const service = await Service.start(t, { script: () => {}, env: { RUN_TIMEOUT_MS: '300' } })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await page.locator('.notice').getByText('The run took longer than the service allows.').waitFor()
  await standsAt(page, 'ideas.brainstorm', 'stopped')
})

test('a text that the token limit cut short is said to be', async (t) => {
  const script = only('brainstorm', (exchange) =>
    exchange.open().delta('[[ ## brainstorm ## ]]\nHalf of').finish('length'),
  )
  const service = await Service.start(t, { script })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await standsAt(page, 'ideas.brainstorm', 'cut short by the token limit')
  await page.locator('.legend').getByText('cut short by the token limit').waitFor()
  await page.getByRole('button', { name: 'Open ideas.brainstorm' }).click()
  await lane(page, 'ideas.brainstorm').getByText('ran into its token limit').waitFor()
  assert.equal(await page.locator('.notice').count(), 1)
})

test('where a proxy takes the id of a run away, a cut is said to be one, and what came stays', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service)
  const token = { type: 'token', field: 'answer', predictor: 'answerer', chunk: 'Half', is_last: false }
  let count = 0
  await page.route('**/v1/stream', (route) =>
    count++ === 0
      ? route.fulfill({ contentType: 'text/event-stream', body: `data: ${JSON.stringify(token)}\n\n` })
      : route.abort(),
  )
  await ask(page, 'why?')
  await page.locator('.notice').getByText('The stream was cut before it was over.').waitFor()
  await holds(written(page, 'answerer'), 'Half')
  await standsAt(page, 'answerer', 'cut')
  assert.match((await page.locator('.timeline .total').textContent()) ?? '', /^cut after \d/)
  await page.locator('.legend .key').getByText('cut', { exact: true }).waitFor()
  assert.equal(await page.title(), '✂ Cut: why? · Tributary')
  await page.unroute('**/v1/stream')
  await page.locator('.notice').getByRole('button', { name: 'Ask again' }).click()
  await holds(written(page, 'answerer'), 'answer on why?')
})

test('a refused question is refused at the question box', async (t) => {
  const service = await Service.start(t, { env: { MAX_QUESTION_CHARS: '10', MAX_STREAMS: '1' } })
  const page = await openPage(t, service)
  const box = page.getByLabel('Question')
  const refusal = page.getByRole('alert')

  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await refusal.getByText('Write a question first.').waitFor()
  await ask(page, 'longer than ten')
  await refusal.getByText('At most 10 characters are taken.', { exact: true }).waitFor()
  assert.equal(await box.getAttribute('aria-invalid'), 'true')
  assert.equal(await page.locator('.lane').first().isVisible(), false, 'nothing has run')
  assert.equal(await page.locator('.welcome').isVisible(), true)
  await box.press('Backspace')
  assert.equal(await refusal.textContent(), '')

  service.upstream.script = () => {}
  const abort = new AbortController()
  const other = await service.open('other', { signal: abort.signal })
  await ask(page, 'why?')
  await refusal.getByText(/Ask again in \d+ seconds\./).waitFor()
  assert.equal((await refusal.textContent())?.match(/again in/g)?.length, 1, 'said once')
  abort.abort()
  await assert.rejects(other.frames())
  await service.finished()
  service.upstream.script = echo
  await page.getByRole('button', { name: 'Ask again' }).click()
  await holds(written(page, 'compose'), 'answer on why?')
})

test('a service that is gone is said to be, and the page finds it again', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  await page.context().setOffline(true)
  await ask(page, 'why?')
  await page.locator('.notice').getByText('The service does not answer. Is it running?').waitFor()
  await page.context().setOffline(false)
  await page.locator('.notice').getByRole('button', { name: 'Ask again' }).click()
  await standsAt(page, 'compose', 'done')
})

test('the page says which model answers, and whether it can yet', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  await page.locator('.model[data-status="ready"]').getByText('gpt-5-mini').waitFor()

  let looks = 0
  await page.route('**/readyz', (route) => {
    const status = looks++ === 0 ? 'loading' : 'ready'
    const model = { provider: 'local', name: 'Small', note: 'a demo' }
    return route.fulfill({ status: status === 'ready' ? 200 : 503, json: { status, model } })
  })
  await page.reload()
  await page.getByText('Small (a demo) · loading').waitFor()
  await page.getByText('Small (a demo)', { exact: true }).waitFor()
})

test('Stop without a connection says that the service could not be told, and tells it later', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const network = await TcpProxy.start(t, service.url)
  const page = await openPage(t, network)
  await askAndBegin(page, service)
  await network.refuse()
  await connection(page).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('Stopped here, but the service could not be told.').waitFor()
  await network.accept()
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('Stopped. What had come').waitFor()
  await standsAt(page, 'answerer', 'stopped')
  await service.assertQuiet('cancelled')
})

test('a stop that does not arrive is said also of a run that is shown no longer', async (t) => {
  const service = await Service.start(t, { program: oneCall, others: { invoice }, script: begin })
  const network = await TcpProxy.start(t, service.url)
  const page = await openPage(t, network)
  const untold = page.locator('#untold')
  await askAndBegin(page, service)
  await network.refuse()
  await connection(page).waitFor()
  await page.getByLabel('Program', { exact: true }).selectOption('invoice')
  await page.locator('.welcome').waitFor()
  await untold.getByText(/^“why\?” was stopped here, but the service could not be told/).waitFor()
  await keptAs(page, 'stopped')

  // Telling it again in vain says the same again.
  await untold.getByRole('button', { name: 'Try again' }).click()
  await untold.getByText('could not be told').waitFor()
  await network.accept()
  await untold.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('log').getByText('Stopped: why?').waitFor({ state: 'attached' })
  assert.equal(await untold.textContent(), '')
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'TEXTAREA')
  await service.finished()

  // The next one is told from where it is shown again.
  await page.getByLabel('Program', { exact: true }).selectOption({ index: 0 })
  await askAndBegin(page, service, 'and then?')
  await network.refuse()
  await connection(page).waitFor()
  await page.getByLabel('Program', { exact: true }).selectOption('invoice')
  await untold.getByText(/^“and then\?” was stopped here/).waitFor()
  await page.getByRole('button', { name: 'History' }).click()
  await page.locator('.entry').getByText('and then?').click()
  await page.locator('.run').getByText('Stopped here, but the service could not be told.').waitFor()
  await network.accept()
  await page.locator('.run').getByRole('button', { name: 'Try again' }).click()
  await page.getByText('Stopped. What had come').waitFor()
  assert.equal(await untold.textContent(), '')
  await service.finished()
  await service.assertQuiet('cancelled', 'cancelled')
})

test('a run that is stopped and left before the service has answered is stopped there too', async (t) => {
  const service = await Service.start(t, { program: oneCall, others: { invoice }, script: begin })
  const held = Promise.withResolvers<void>()
  const proxy = createServer((near, answer) => {
    const { method, headers } = near
    const far = request(service.url + near.url, { method, headers }, async (answered) => {
      if (near.url === '/v1/stream') await held.promise
      answer.writeHead(answered.statusCode ?? 0, answered.headers)
      answered.pipe(answer)
    })
    near.pipe(far)
  }).listen(0, '127.0.0.1')
  t.after(() => proxy.close().closeAllConnections())
  await once(proxy, 'listening')
  const page = await openPage(t, { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
  await ask(page, 'why?')
  await service.upstream.request(0)
  await page.getByLabel('Program', { exact: true }).selectOption('invoice')
  await page.locator('.welcome').waitFor()
  held.resolve()
  await service.finished()
  await service.assertQuiet('cancelled')
})
