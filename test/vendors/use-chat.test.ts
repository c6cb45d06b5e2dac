/** The example `examples/clients/ai-sdk-react` in a real browser: `useChat` as it is, against the real service. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { before, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { holds, openTab } from '../support/browser.ts'
import { Service } from '../support/service.ts'
import { type Exchange, echo, only, type Script } from '../support/upstream.ts'
import { servePage, vendorModule } from '../support/vendor-page.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/clients/ai-sdk-react/page.tsx', import.meta.url))

let code = ''
before(async () => {
  code = await vendorModule(EXAMPLE)
})

async function open(t: TestContext, script: Script) {
  const service = await Service.start(t, { script })
  const sockets = new Set<Socket>()
  service.server.on('connection', (socket) => sockets.add(socket))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const page = await openTab(t, await servePage(t, code), `/?service=${service.url}`, {}, [service])
  await page.getByRole('status').getByText('ready').waitFor()
  return { service, page, cut }
}

async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Question').fill(question)
  await page.getByRole('button', { name: 'Ask' }).click()
}

const answer = (page: Page) => page.getByRole('article', { name: 'assistant' }).last()

/** Each lane's summary and text: which of two branches begins first is up to the network. */
const lanesOf = async (page: Page) => {
  const lanes = await answer(page)
    .locator('details')
    .evaluateAll((lanes) => lanes.map((lane) => [...lane.childNodes].map(({ textContent }) => textContent)))
  return lanes.sort()
}

const THOUGHTS = [
  ['evidence.probe: evidence', 'evidence on Why?'],
  ['evidence.probe: reasoning', 'reasoning on Why?'],
  ['ideas.brainstorm: brainstorm', 'brainstorm on Why?'],
  ['ideas.brainstorm: reasoning', 'reasoning on Why?'],
]

const isNow = (page: Page, status: string) =>
  page.getByRole('status').getByText(status, { exact: true }).waitFor()

/** Answers all but the answer, which the test writes itself. */
function writing(): { script: Script; next: Promise<Exchange> } {
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  const begin: Script = (exchange) =>
    resolve(exchange.open().delta('[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\nso far'))
  return { script: only('answer', begin), next: promise }
}

test('useChat shows every lane under its name, and one answer', async (t) => {
  const { service, page } = await open(t, echo)
  await ask(page, 'Why?')
  await holds(answer(page).locator('p'), 'answer on Why?')
  await isNow(page, 'ready')
  assert.deepEqual(await lanesOf(page), [['compose: reasoning', 'reasoning on Why?'], ...THOUGHTS])
  await ask(page, 'And?')
  await holds(answer(page).locator('p'), 'answer on And?')
  await service.assertQuiet('ok', 'ok')
})

test('useChat says what went wrong in a run, and what was refused', async (t) => {
  const { service, page } = await open(
    t,
    only('answer', (exchange) => exchange.refuse(401)),
  )
  await ask(page, 'Why?')
  await page.getByRole('alert').getByText('key').waitFor()
  await isNow(page, 'error')
  assert.deepEqual(await lanesOf(page), THOUGHTS)
  await ask(page, 'Why? '.repeat(2_000))
  await page.getByRole('alert').getByText("The conversation can't be answered").waitFor()
  await service.assertQuiet('upstream_auth')
})

test('useChat stops a run that is resumable, by its id', async (t) => {
  const { script, next } = writing()
  const { service, page } = await open(t, script)
  await ask(page, 'Why?')
  const exchange = await next
  await holds(answer(page).locator('p'), 'so far')
  await page.getByRole('button', { name: 'Stop' }).click()
  await exchange.closed
  assert.ok(exchange.wasAborted)
  await isNow(page, 'ready')
  await service.assertQuiet('cancelled')
})

test('useChat goes on after its connection was cut and the page reloaded', async (t) => {
  const { script, next } = writing()
  const { service, page, cut } = await open(t, script)
  await ask(page, 'Why?')
  const exchange = await next
  await holds(answer(page).locator('p'), 'so far')
  cut()
  await isNow(page, 'error')
  await page.reload()
  await page.getByRole('button', { name: 'Stop' }).waitFor()
  exchange.delta(' and further')
  await holds(answer(page).locator('p'), 'so far and further')
  exchange.delta('\n\n[[ ## completed ## ]]').finish()
  await isNow(page, 'ready')
  assert.deepEqual(await lanesOf(page), [['compose: reasoning', 'r'], ...THOUGHTS])
  assert.equal(await page.getByRole('article').count(), 2, 'the message was replaced')
  await page.reload()
  await isNow(page, 'ready')
  await holds(answer(page).locator('p'), 'so far and further')
  await service.assertQuiet('ok')
})
