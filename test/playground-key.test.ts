/** The page in front of a service that wants a key: it asks for one, and goes on with what it was doing. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { axe, findings } from './support/axe.ts'
import { ask, holds, isTooWide, openTab, standsAt, written } from './support/browser.ts'
import { framesOf, predictionOf, Service } from './support/service.ts'

const run = promisify(execFile)
const SECRET = 'key-of-the-page-0123'
const start = (t: TestContext) => Service.start(t, { env: { API_KEYS: `page=${SECRET}` } })

const field = (page: Page) => page.getByLabel('API key', { exact: true }).and(page.locator('input'))
const program = (page: Page) => page.locator('#flow li').first()
const focused = (page: Page) => page.evaluate(() => document.activeElement?.id)

test('it asks for a key, loads the program with it, and keeps it for the tab alone', async (t) => {
  const service = await start(t)
  const page = await openTab(t, service, '/')
  await field(page).waitFor()
  assert.equal(await field(page).getAttribute('type'), 'password')
  assert.equal(await focused(page), 'key')
  assert.equal(await page.getByRole('alert').first().textContent(), '', 'nothing was wrong so far')
  assert.equal(await program(page).count(), 0)

  await page.keyboard.type(SECRET)
  await page.keyboard.press('Enter')
  await program(page).waitFor()
  assert.equal(await field(page).isVisible(), false)
  assert.equal(await focused(page), 'input-question')
  await ask(page, 'why?')
  await holds(written(page, 'compose'), 'answer on why?')

  await page.reload()
  await holds(written(page, 'compose'), 'answer on why?') // shown again, with the program that the key brought
  assert.equal(await field(page).isVisible(), false)
  const kept = await page.evaluate(() => JSON.stringify([localStorage, document.cookie, location.href]))
  assert.ok(!kept.includes(SECRET))
  const other = await page.context().newPage()
  await other.goto(service.url)
  await field(other).waitFor()
  const [line] = await service.assertQuiet('ok')
  assert.equal(line?.client, 'page')
})

test('a wrong key is said to be wrong, also one that was kept', async (t) => {
  const service = await start(t)
  const page = await openTab(t, service, '/')
  const alert = page.getByRole('alert')
  await field(page).fill('another-key')
  await page.getByRole('button', { name: 'Use key' }).click()
  await alert.getByText('The service does not know this key.').waitFor()
  assert.equal(await field(page).getAttribute('aria-invalid'), 'true')
  assert.deepEqual([await focused(page), await field(page).inputValue()], ['key', ''])

  for (const [typed, complaint] of [
    ['', 'Write the key first.'],
    ['my key', 'A key has no spaces'],
    ['schlüssel', 'A key has no spaces'],
  ] as const) {
    await field(page).fill(typed)
    await page.keyboard.press('Enter')
    await alert.getByText(complaint).waitFor()
  }

  await page.evaluate(() => sessionStorage.setItem('tributary-key', 'withdrawn'))
  await page.reload()
  await alert.getByText('The service does not know this key.').waitFor()
  await page.reload()
  await field(page).waitFor()
  assert.equal(await page.locator('#key-refusal').textContent(), '', 'a key that was wrong is not kept')
})

test('a question that was refused is asked again once there is a key', async (t) => {
  const service = await start(t)
  const page = await openTab(t, service, '/')
  await field(page).waitFor()
  await ask(page, 'before there is a key?')
  await page.waitForFunction(() => document.activeElement?.id === 'key')
  await field(page).fill(SECRET)
  await page.keyboard.press('Enter')
  await holds(written(page, 'compose'), 'answer on before there is a key?')
  assert.equal(await focused(page), 'submit')
  await service.assertQuiet('ok')
})

test('a key that is withdrawn between two questions is asked for at the second', async (t) => {
  const service = await start(t)
  const page = await openTab(t, service, '/')
  await field(page).fill(SECRET)
  await page.keyboard.press('Enter')
  await program(page).waitFor()
  await page.route('**/v1/stream', async (route) => {
    const headers = { ...route.request().headers(), authorization: 'Bearer withdrawn' }
    await route.continue({ headers })
  })
  await ask(page, 'why?')
  await page.getByRole('alert').getByText('The service does not know this key.').waitFor()
  assert.equal(await focused(page), 'key')
  assert.equal(await page.locator('.lane').first().isVisible(), false, 'nothing has run')
  await page.unroute('**/v1/stream')
  await field(page).fill(SECRET)
  await page.keyboard.press('Enter')
  await holds(written(page, 'compose'), 'answer on why?')
  await service.assertQuiet('ok')
})

test('where nothing may be kept, the key lasts for the visit', async (t) => {
  const service = await start(t)
  const page = await openTab(t, service, '/')
  await page.addInitScript(() => {
    Object.defineProperty(window, 'sessionStorage', {
      get: () => {
        throw new DOMException('denied', 'SecurityError')
      },
    })
  })
  await page.reload()
  await field(page).fill(SECRET)
  await page.keyboard.press('Enter')
  await program(page).waitFor()
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
})

test('the code that it offers has a place for the key, and not the key', async (t) => {
  const service = await start(t)
  const page = await openTab(t, service, '/')
  const codes = page.locator('.developer .code')
  assert.doesNotMatch((await codes.allTextContents()).join(), /authorization/)
  await field(page).fill(SECRET)
  await page.keyboard.press('Enter')
  await program(page).waitFor()
  const [curl, fetching] = (await codes.allTextContents()).filter((text) => text.includes('v1/stream'))
  assert.ok(curl && fetching && !(curl + fetching).includes(SECRET))
  const env = { ...process.env, TRIBUTARY_API_KEY: SECRET }
  const asked = await run('sh', ['-c', curl], { env })
  predictionOf(framesOf(asked.stdout))
  const code = fetching.replace('YOUR-KEY', SECRET)
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code])
  assert.match(stdout, /type: 'prediction'/)
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the form is for everybody, and fits into 360 px, ${colorScheme}`, async (t) => {
    const service = await start(t)
    const options = { colorScheme, viewport: { width: 360, height: 740 }, bypassCSP: true }
    const page = await openTab(t, service, '/', options)
    await page.addScriptTag({ path: axe })
    await field(page).waitFor()
    assert.deepEqual(await findings(page), [], 'asked')
    assert.equal(await isTooWide(page), false)
    await field(page).fill('x'.repeat(500))
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('does not know').waitFor()
    assert.deepEqual(await findings(page), [], 'wrong')
    assert.equal(await isTooWide(page), false)
  })
}
