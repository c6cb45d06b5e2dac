/** Real Chromium in front of the page, and what holds of the page whatever a test does with it. */
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core'

/**
 * Debian's, without what it would say to its makers, and without windows: the same engine takes less than half of the
 * processor time.
 */
export const LAUNCH = {
  executablePath: '/usr/bin/chromium-headless-shell',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}

let browser: Promise<Browser> | undefined
after(async () => (await browser)?.close())

/** Opens the service's page, and waits until it knows the program. */
export async function openPage(
  t: TestContext,
  service: { readonly url: string },
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await openTab(t, service, '/', options)
  await page.locator('#flow li').first().waitFor()
  return page
}

/**
 * Opens an address of the service in a profile of its own. When the test ends, it fails if the page asked anything of
 * another host, violated its policy, logged an error or threw one.
 *
 * @param others what else it may ask
 */
export async function openTab(
  t: TestContext,
  { url }: { readonly url: string },
  path: string,
  options: BrowserContextOptions = {},
  others: readonly { readonly url: string }[] = [],
): Promise<Page> {
  browser ??= chromium.launch(LAUNCH)
  const context = await (await browser).newContext(options)
  const faults: string[] = []
  context.on('request', (request) => {
    if (![url, ...others.map(({ url }) => url)].some((one) => request.url().startsWith(`${one}/`)))
      faults.push(`asked for ${request.url()}`)
  })
  context.on('console', (message) => {
    // Violations of the policy are among these. What fails on the network is the tests' own doing.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      faults.push(message.text())
    }
  })
  context.on('weberror', (error) => faults.push(String(error.error())))
  t.after(async () => {
    await context.close()
    assert.deepEqual(faults, [])
  })
  const page = await context.newPage()
  await page.goto(url + path)
  return page
}

/** Asks as a person does. */
export async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Question').fill(question)
  await page.keyboard.press('Enter')
}

/** A predictor's lane, by the predictor's name: the answer's lane is called that, whoever writes it. */
export const lane = (page: Page, predictor: string): Locator =>
  page.locator(`.lane[data-lane="${predictor}"]`)

/** What a lane's predictor has written. */
export const written = (page: Page, predictor: string): Locator =>
  lane(page, predictor).locator('.body .text')

/** Waits until a lane stands there, such as `done`. */
export const standsAt = (page: Page, predictor: string, standing: string): Promise<void> =>
  lane(page, predictor).locator('.standing').getByText(standing, { exact: true }).waitFor()

/** Waits until an element holds exactly this text, white space included. Another one may take its place meanwhile. */
export async function holds(element: Locator, text: string): Promise<void> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const held = await element.textContent()
    if (held === text) return
    if (performance.now() > deadline) assert.equal(held, text)
    await element.page().evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
  }
}

/** Whether anything of the page is out of reach without scrolling sideways. */
export const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
