/** Makes docs/page.png, the page after the recorded run, and docs/page-run.png, the run as it is written on the page. */
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { readRecording } from '../../src/client/index.ts'
import { animated, type Shot } from './apng.ts'
import { replayedService } from './replayed-service.ts'

const docs = new URL('../../docs/', import.meta.url)

/** Milliseconds between two pictures: a text still seems to grow, and the file stays small. */
const PAUSE = 250

/** Milliseconds that the end stands. */
const LAST = 4_000

const run = new URL('../../examples/runs/sky.jsonl', import.meta.url)
const recording = await readRecording(createReadStream(run, { encoding: 'utf8' }))
const service = await replayedService(recording)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
try {
  const page = await browser.newPage({
    viewport: { width: 1000, height: 720 },
    reducedMotion: 'reduce',
    colorScheme: 'light',
  })
  await page.goto(service.url)
  await page.locator('.model[data-status="ready"]').waitFor()
  await page.getByLabel('Question').fill(String(recording.head.inputs?.question))
  await page.keyboard.press('Enter')
  await page.getByLabel('Question').blur()

  const shots: Shot[] = []
  const over = page.locator('.timeline .total:not([data-phase="running"])')
  for (let isOver = false; !isOver; ) {
    const at = performance.now()
    isOver = (await over.count()) > 0
    shots.push({ png: await page.screenshot(), at })
    await sleep(Math.max(0, PAUSE - (performance.now() - at)))
  }
  const phase = await over.getAttribute('data-phase')
  if (phase !== 'done') throw new Error(`The run has ${phase}.`)
  await writeFile(new URL('page-run.png', docs), animated(shots, LAST))

  await page.setViewportSize({ width: 1160, height: 760 })
  await page.evaluate(() => scrollTo(0, 0))
  await page.screenshot({ path: new URL('page.png', docs).pathname, fullPage: true })
} finally {
  await browser.close()
  service.close()
}
