/** Makes docs/page.png: the page at the end of a real run, with whichever model the environment chooses. */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const QUESTION = 'Why is the sky blue?'
const root = fileURLToPath(new URL('../', import.meta.url))

const service = spawn(process.execPath, ['src/server.ts'], {
  cwd: root,
  env: { ...process.env, HOST: '127.0.0.1', PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await addressOf(service.stdout)
  while ((await fetch(`${url}/readyz`)).status !== 200) await new Promise((again) => setTimeout(again, 500))

  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  const page = await browser.newPage({
    viewport: { width: 1160, height: 760 },
    deviceScaleFactor: 1.5,
    reducedMotion: 'reduce',
    colorScheme: 'light',
  })
  await page.goto(url)
  await page.locator('.model[data-status="ready"]').waitFor()
  await page.getByLabel('Question').fill(QUESTION)
  await page.keyboard.press('Enter')
  await page.locator('.timeline .total:not([data-phase="running"])').waitFor({ timeout: 280_000 })
  const phase = await page.locator('.timeline .total').getAttribute('data-phase')
  if (phase !== 'done') throw new Error(`The run has ${phase}.`)
  await page.getByLabel('Question').blur()
  await mkdir(`${root}docs`, { recursive: true })
  await page.screenshot({ path: `${root}docs/page.png`, fullPage: true })
  await browser.close()
} finally {
  service.kill()
}

/** The address in the log line that says where the service listens. */
async function addressOf(log: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: log })) {
    const address = /Server listening at (http:\/\/[\d.:]+)/.exec(line)?.[1]
    if (address === undefined) continue
    log.resume() // the rest of the log must not fill the pipe
    return address
  }
  throw new Error('The service ended before it listened.')
}
