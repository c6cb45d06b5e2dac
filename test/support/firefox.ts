/**
 * Real Firefox in front of the page, and what holds of the page whatever a test does with it. It is Debian's, which
 * Playwright can't drive: Puppeteer talks to it in WebDriver BiDi, which every Firefox speaks.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, type TestContext } from 'node:test'
import type { AxeResults } from 'axe-core'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { axe, seriousIn } from './axe.ts'

let browser: Promise<Browser> | undefined
after(async () => (await browser)?.close())

/**
 * Opens the service's page in a profile of its own, and waits until it knows the program. When the test ends, it fails if
 * the page asked anything of another host, violated its policy, logged an error or threw one.
 */
export async function openInFirefox(t: TestContext, { url }: { readonly url: string }): Promise<Page> {
  browser ??= puppeteer.launch({ browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true })
  const context = await (await browser).createBrowserContext()
  const page = await context.newPage()
  const faults: string[] = []
  page.on('request', (request) => {
    // Firefox brings a font of its own along, which asks nobody.
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:font/'))
      faults.push(`asked for ${request.url()}`)
  })
  page.on('console', (message) => {
    // Violations of the policy are among these.
    if (message.type() === 'error') faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(String(error)))
  t.after(async () => {
    await context.close()
    assert.deepEqual(faults, [])
  })
  await page.goto(url)
  await page.waitForSelector('#flow li')
  return page
}

/** Asks as a person does. */
export async function ask(page: Page, question: string): Promise<void> {
  await page.click('#ask textarea', { count: 3 })
  await page.keyboard.type(question)
  await page.keyboard.press('Enter')
}

/** Waits until an element has exactly this text. */
export async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.waitForFunction(
    (selector, text) => [...document.querySelectorAll(selector)].some((one) => one.textContent === text),
    {},
    selector,
    text,
  )
}

/** What axe finds serious or critical, at both themes and at these widths; and whether the page is too wide there. */
export async function findingsAt(page: Page, widths: readonly number[]): Promise<string[]> {
  await page.evaluate(readFileSync(axe, 'utf8'))
  const found: string[] = []
  for (const width of widths) {
    await page.setViewport({ width, height: 740 })
    for (const theme of ['light', 'dark']) {
      await page.evaluate((theme) => document.documentElement.setAttribute('data-theme', theme), theme)
      const { violations } = await page.evaluate(() =>
        (window as never as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
      )
      found.push(...seriousIn(violations).map((one) => `${width} px, ${theme}: ${one}`))
    }
    const { scrollWidth, clientWidth } = await page.evaluate(() => ({
      scrollWidth: document.documentElement.scrollWidth,
      clientWidth: document.documentElement.clientWidth,
    }))
    if (scrollWidth > clientWidth) found.push(`${width} px: too wide`)
  }
  return found
}
