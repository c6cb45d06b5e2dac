/** Runs on the page that outlive a reload, a lost connection and their browser, and that others open by their address. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { axe, findingsEverywhere } from './support/axe.ts'
import { ask, holds, openPage, openTab, standsAt } from './support/browser.ts'
import { invoice } from './support/invoice.ts'
import { answer, askAndBegin, begin, connection, keptAs, runIn } from './support/kept-runs.ts'
import { startNginx } from './support/nginx.ts'
import { oneCall } from './support/programs.ts'
import { TcpProxy } from './support/proxy.ts'
import { Service } from './support/service.ts'
import { echo } from './support/upstream.ts'

const question = (page: Page) => page.locator('.question')
const total = (page: Page, phase: string) => page.locator(`.timeline .total[data-phase="${phase}"]`).waitFor()

test('a run goes on after a reload, in the same record, and on from when it was asked', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const page = await openPage(t, service)
  const exchange = await askAndBegin(page, service)
  await keptAs(page, 'running')
  const id = runIn(page)
  await page.reload()
  await holds(answer(page), 'So far')
  await holds(question(page), 'why?')
  await page.getByRole('button', { name: 'Stop' }).waitFor()
  assert.equal(runIn(page), id)
  exchange.delta(' and on')
  await holds(answer(page), 'So far and on')

  // What ends while nobody is there is completed at once.
  await page.goto('about:blank')
  exchange.delta(', to the end').finish()
  await service.finished()
  await page.goBack()
  await holds(answer(page), 'So far and on, to the end')
  await total(page, 'done')
  await keptAs(page, 'done')
  const shown = await page.locator('.timeline .total').textContent()
  await page.reload()
  await total(page, 'done')
  assert.equal(await page.locator('.timeline .total').textContent(), shown)
  assert.equal(service.upstream.exchanges.length, 1)
  assert.equal(await page.locator('.notice').count(), 0)
  await service.assertQuiet('ok')
})

test('a connection that breaks is made again, and nothing is missing', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const network = await TcpProxy.start(t, service.url)
  const page = await openPage(t, network)
  const exchange = await askAndBegin(page, service)
  await network.refuse()
  await connection(page).waitFor()
  exchange.delta(' and on')
  await network.accept()
  await holds(answer(page), 'So far and on')
  await connection(page).waitFor({ state: 'detached' })
  exchange.finish()
  await total(page, 'done')
  await service.assertQuiet('ok')
})

test('a connection that stays away is given up, and made again by a button', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const network = await TcpProxy.start(t, service.url)
  const page = await openPage(t, network)
  const exchange = await askAndBegin(page, service)
  await page.clock.install()
  await network.refuse()
  const notice = page.locator('.notice').getByText('The connection is lost. The run goes on')
  while (!(await notice.isVisible())) await page.clock.runFor(2_000)
  await holds(answer(page), 'So far')
  await standsAt(page, 'answerer', 'cut')
  await page.getByRole('log').getByText('Answer: cut').waitFor({ state: 'attached' })
  await network.accept()
  exchange.delta(' and on')
  await page.getByRole('button', { name: 'Try again' }).click()
  while ((await answer(page).textContent()) !== 'So far and on') await page.clock.runFor(500)
  assert.equal(await page.locator('.notice').count(), 0)
  exchange.finish()
  while (!(await page.locator('.total[data-phase="done"]').isVisible())) await page.clock.runFor(100)
  await service.assertQuiet('ok')
})

test('another browser opens a run by its address, live and after its end, and stops it for both', async (t) => {
  const service = await Service.start(t, { others: { short: oneCall, invoice }, script: begin })
  const page = await openTab(t, service, '/?program=short', {
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  await page.locator('.predictor').getByText('answerer').waitFor()
  const exchange = await askAndBegin(page, service)
  const copy = page.getByRole('button', { name: 'Copy link' })
  await copy.click()
  await page.getByRole('button', { name: 'Copied link' }).waitFor()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  assert.equal(link, `${service.url}/runs/${runIn(page)}`)

  const other = await openTab(t, service, new URL(link).pathname)
  await holds(answer(other), 'So far')
  await holds(question(other), 'why?')
  assert.equal(runIn(other), runIn(page))
  assert.equal(await other.getByLabel('Program', { exact: true }).inputValue(), 'short')
  exchange.delta(' and on').finish()
  await holds(answer(other), 'So far and on')
  await total(other, 'done')
  await total(page, 'done')

  const late = await openTab(t, service, new URL(link).pathname)
  await holds(answer(late), 'So far and on')
  await total(late, 'done')
  await keptAs(late, 'done')
  await late.reload()
  await holds(answer(late), 'So far and on')

  // The next run, with one who looks on: Stop is for both.
  await askAndBegin(other, service, 'and then?')
  await late.goto(`${service.url}/runs/${runIn(other)}`)
  await holds(answer(late), 'So far')
  await late.getByRole('button', { name: 'Stop for all' }).click()
  await late.getByText('Stopped. What had come').waitFor()
  await other.getByText('Stopped. What had come').waitFor()
  await standsAt(other, 'answerer', 'stopped')
  assert.equal(service.upstream.exchanges.length, 2)
  await service.assertQuiet('ok', 'cancelled')
})

test('whoever looks on at a run that others asked turns away from it without stopping it', async (t) => {
  const service = await Service.start(t, { others: { short: oneCall, invoice }, script: begin })
  const page = await openTab(t, service, '/?program=short')
  await page.locator('.predictor').getByText('answerer').waitFor()
  const exchange = await askAndBegin(page, service)
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor()

  const other = await openTab(t, service, `/runs/${runIn(page)}`)
  const stop = other.getByRole('button', { name: 'Stop for all' })
  const away = other.getByText('You no longer follow this run')
  await holds(answer(other), 'So far')
  await other.locator('.about').getByText('asked in another browser').waitFor()
  await stop.waitFor()
  await other.locator('.keys').getByText('Esc stops following').waitFor()
  await other.keyboard.press('Escape')
  await away.waitFor()
  await other.getByRole('button', { name: 'Ask again' }).waitFor()
  exchange.delta(' and')
  await holds(answer(page), 'So far and')
  await holds(answer(other), 'So far')

  // It is somebody else's also after a reload, which follows it again, as the button does.
  await keptAs(other, 'running')
  await other.reload()
  await holds(answer(other), 'So far and')
  await other.keyboard.press('Escape')
  await away.waitFor()
  await other.getByRole('button', { name: 'Follow again' }).click()
  await stop.waitFor()
  assert.equal(await other.evaluate(() => document.activeElement?.id), 'input-question')
  exchange.delta(' on')
  for (const one of [page, other]) await holds(answer(one), 'So far and on')

  await other.getByLabel('Program', { exact: true }).selectOption('invoice')
  await other.locator('.welcome').waitFor()
  exchange.delta(', to the end').finish()
  await holds(answer(page), 'So far and on, to the end')
  await total(page, 'done')
  await service.assertQuiet('ok')
})

test('a run that has yet to begin is the reader’s own after a reload too', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: () => {} })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await page.waitForURL(/[?&]run=[\w-]{22}/)
  await keptAs(page, 'running')
  await page.reload()
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor()
  await holds(question(page), 'why?')
  await page.keyboard.press('Escape')
  await page.getByText('Stopped. What had come').waitFor()
  await service.assertQuiet('cancelled')
})

test('a run is stopped here though another one is looked at, which goes on', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const page = await openPage(t, service)
  const exchange = await askAndBegin(page, service)
  const other = await openTab(t, service, `/runs/${runIn(page)}`)
  await holds(answer(other), 'So far')
  await keptAs(other, 'running')
  await other.keyboard.press('Escape')
  await askAndBegin(other, service, 'mine')
  await other.getByRole('button', { name: 'History' }).click()
  await other.locator('.found li').last().hover()
  await other.getByRole('button', { name: 'Show beside: why?' }).click()
  await other.locator('.run').nth(1).waitFor()
  await other.getByRole('button', { name: 'Stop', exact: true }).click()
  await other.locator('.run').first().getByText('Stopped. What had come').waitFor()
  await other.getByRole('button', { name: 'Stop for all' }).waitFor()
  await other.getByRole('button', { name: 'Close' }).last().click()
  exchange.finish()
  await total(page, 'done')
  await service.assertQuiet('ok', 'cancelled')
})

test('behind nginx, under a path of its own, a link leads to the page and its run', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const under = { url: await startNginx(t, [service.url, service.url], { path: '/tributary' }) }
  // What the page asks for outside of that path fails the test.
  const page = await openPage(t, under)
  const exchange = await askAndBegin(page, service)
  const other = await openTab(t, under, `/runs/${runIn(page)}`)
  await holds(answer(other), 'So far')
  const { pathname, searchParams } = new URL(other.url())
  assert.deepEqual([pathname, searchParams.get('run')], ['/tributary/', runIn(page)])
  await other.locator('.model[data-status="ready"]').waitFor()
  assert.notEqual(
    await other.locator('.brand img').evaluate((image: HTMLImageElement) => image.naturalWidth),
    0,
  )
  exchange.delta(' and on').finish()
  await holds(answer(other), 'So far and on')
  await total(other, 'done')
  await other.getByRole('link', { name: 'API' }).click()
  await other.locator('.swagger-ui .info').waitFor()
  await service.assertQuiet('ok')
})

test('two tabs keep the same run whole, and the history says which runs go on', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const page = await openPage(t, service)
  const exchange = await askAndBegin(page, service)
  const other = await page.context().newPage()
  await other.goto(`${service.url}/runs/${runIn(page)}`)
  await holds(answer(other), 'So far')
  for (const piece of [' and', ' so', ' on']) {
    exchange.delta(piece)
    await holds(answer(other), `So far${' and so on'.slice(0, ' and so on'.indexOf(piece) + piece.length)}`)
    await holds(answer(page), (await answer(other).textContent()) as string)
  }
  const third = await page.context().newPage()
  await third.goto(service.url)
  await third.locator('#flow li').first().waitFor()
  await keptAs(third, 'running')
  await third.getByRole('button', { name: 'History' }).click()
  await third.locator('.entry').getByText('still running').waitFor()
  await third.locator('.entry').click()
  await holds(answer(third), 'So far and so on')
  exchange.finish()
  for (const one of [page, other, third]) await total(one, 'done')
  await keptAs(third, 'done')
  await third.reload()
  await holds(answer(third), 'So far and so on')
  assert.equal(await third.locator('.lane .notes').getByText('Attempt').count(), 0)
  await service.assertQuiet('ok')
})

test('a run that the service has forgotten says so, and stays as far as it came', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: begin })
  const page = await openPage(t, service)
  await askAndBegin(page, service)
  await keptAs(page, 'running')
  const id = runIn(page)
  await page.goto('about:blank')
  assert.equal((await fetch(`${service.url}/v1/runs/${id}`, { method: 'DELETE' })).status, 204)
  await page.goBack()
  await page.getByText('The service does not know this run any longer.').waitFor()
  await holds(answer(page), 'So far')
  await standsAt(page, 'answerer', 'cut')
  await page.locator('.legend').getByText('cut', { exact: true }).waitFor()
  service.upstream.script = echo
  await page.locator('.notice').getByRole('button', { name: 'Ask again' }).click()
  await holds(answer(page), 'answer on why?')

  const other = await openTab(t, service, `/runs/${id}`)
  await other.getByText('The service does not know this run.').waitFor()
  await other.locator('.welcome').waitFor()
  await service.assertQuiet('cancelled', 'ok')
})

test('where keys are needed, a link asks for one first, and another key finds nothing', async (t) => {
  const keys = { one: 'key-of-the-first-client', two: 'key-of-the-second-client' }
  const env = { API_KEYS: `one=${keys.one},two=${keys.two}` }
  const service = await Service.start(t, { program: oneCall, script: begin, env })
  const giveKey = async (page: Page, key: string) => {
    await page.locator('#key').fill(key)
    await page.keyboard.press('Enter')
    await page.locator('#key-form').waitFor({ state: 'hidden' })
  }
  const page = await openTab(t, service, '/')
  await giveKey(page, keys.one)
  await page.locator('#flow li').first().waitFor()
  const exchange = await askAndBegin(page, service)
  const same = await openTab(t, service, `/runs/${runIn(page)}`)
  await giveKey(same, keys.one)
  await holds(answer(same), 'So far')
  const stranger = await openTab(t, service, `/runs/${runIn(page)}`)
  await giveKey(stranger, keys.two)
  await stranger.getByText('The service does not know this run.').waitFor()
  exchange.finish()
  await total(same, 'done')
  await service.assertQuiet('ok')
})

test('a run that others asked, was reloaded or cut is for everybody, at any width and in both themes', async (t) => {
  const service = await Service.start(t, { program: oneCall, others: { invoice }, script: begin })
  const network = await TcpProxy.start(t, service.url)
  const page = await openPage(t, network, { bypassCSP: true, reducedMotion: 'reduce' })
  await page.addInitScript({ path: axe })
  const check = async (state: string) => assert.deepEqual(await findingsEverywhere(page), [], state)
  const asked = await fetch(`${service.url}/v1/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: 'theirs', resumable: true }),
  })
  await page.goto(`${network.url}/runs/${asked.headers.get('x-run-id')}`)
  await holds(answer(page), 'So far')
  await check('looked at by a link')
  await page.keyboard.press('Escape')
  await page.getByText('You no longer follow this run').waitFor()
  await check('turned away from')

  await askAndBegin(page, service)
  await keptAs(page, 'running')
  await page.reload()
  await holds(answer(page), 'So far')
  await check('reloaded')
  await network.refuse()
  await connection(page).waitFor()
  await fetch(`${service.url}/v1/runs/${runIn(page)}`, { method: 'DELETE' })
  await network.accept()
  await page.getByText('The service does not know this run any longer.').waitFor()
  await check('lost')

  await askAndBegin(page, service)
  await network.refuse()
  await connection(page).waitFor()
  await page.getByLabel('Program', { exact: true }).selectOption('invoice')
  await page.locator('#untold').getByText('could not be told').waitFor()
  await check('a stop that did not arrive')

  // A proxy takes the id away, and the rest.
  await network.accept()
  await page.locator('#untold').getByRole('button', { name: 'Try again' }).click()
  await page.getByLabel('Program', { exact: true }).selectOption({ index: 0 })
  const token = { type: 'token', field: 'answer', predictor: 'answerer', chunk: 'Half', is_last: false }
  const body = `data: ${JSON.stringify(token)}\n\n`
  let count = 0
  await page.route('**/v1/stream', (route) =>
    count++ === 0 ? route.fulfill({ contentType: 'text/event-stream', body }) : route.abort(),
  )
  await ask(page, 'why?')
  await page.getByText('The stream was cut before it was over.').waitFor()
  await check('cut')
  await asked.body?.cancel()
})
