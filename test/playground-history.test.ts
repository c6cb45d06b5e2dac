/** Runs that exist: kept by the browser, found again, saved to files and opened, compared. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Page, Route } from 'playwright-core'
import type { Frame } from '../src/core/frame.ts'
import { axe, findingsEverywhere } from './support/axe.ts'
import { ask, holds, lane, openPage, openTab, standsAt, written } from './support/browser.ts'
import { invoice } from './support/invoice.ts'
import { untilKept } from './support/kept-runs.ts'
import { oneCall } from './support/programs.ts'
import { Service } from './support/service.ts'
import { type Exchange, echo } from './support/upstream.ts'

const soFar = (exchange: Exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nSo far`)

const question = (page: Page) => page.locator('.question')

/** Asks, and waits until the run is over and kept. */
async function askAndKeep(page: Page, words: string, answerer = 'answerer'): Promise<void> {
  await ask(page, words)
  await holds(written(page, answerer).last(), `answer on ${words}`)
  await kept(page, `answer on ${words}`)
}

/** Waits until the browser keeps a run with these words that stands so. */
const kept = (page: Page, words: string, standing = 'done'): Promise<void> =>
  untilKept(page, (entries) => entries.some((one) => one.text.includes(words) && one.standing === standing))

const openHistory = async (page: Page) => {
  await page.getByRole('button', { name: 'History' }).click()
  await page.getByLabel('Search the runs').waitFor()
}

test('a reload shows the run as it ended, and the history finds, shows and deletes runs', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  await askAndKeep(page, 'why rivers?', 'compose')
  const total = await page.locator('.timeline .total').textContent()
  await page.reload()
  await holds(question(page), 'why rivers?')
  await holds(written(page, 'compose'), 'answer on why rivers?')
  await standsAt(page, 'ideas.brainstorm', 'done')
  assert.equal(await page.locator('.timeline .total').textContent(), total)
  assert.match((await lane(page, 'compose').locator('.figures').textContent()) ?? '', /12 tokens in · 34 out/)
  assert.equal(await page.getByLabel('Question').inputValue(), 'why rivers?')
  assert.equal(await page.title(), '✓ why rivers? · Tributary')
  await page.route('**/v1/programs', (route) => route.abort())
  await page.reload()
  await holds(question(page), 'why rivers?') // also while the service is away
  await page.unroute('**/v1/programs')
  await askAndKeep(page, 'why code?', 'compose')
  assert.equal(service.upstream.exchanges.length, 6, 'a reload asks nothing')

  // Another tab begins with nothing, and has the same history.
  const other = await page.context().newPage()
  await other.goto(service.url)
  await other.locator('#flow li').first().waitFor()
  assert.equal(await other.locator('.run').count(), 0)
  await openHistory(other)
  const found = other.locator('.entry .title')
  await found.nth(1).waitFor()
  assert.deepEqual(await found.allTextContents(), ['why code?', 'why rivers?'])
  await other.getByLabel('Search the runs').fill('RIVERS answer')
  await found.nth(1).waitFor({ state: 'detached' })
  assert.deepEqual(await found.allTextContents(), ['why rivers?'])
  await found.click()
  await holds(question(other), 'why rivers?')
  await holds(written(other, 'compose'), 'answer on why rivers?')

  await openHistory(other)
  await found.nth(1).waitFor()
  await other.locator('.found li').first().hover()
  await other.getByRole('button', { name: 'Delete: why code?' }).click()
  await found.nth(1).waitFor({ state: 'detached' })
  assert.deepEqual(await found.allTextContents(), ['why rivers?'])
  await other.getByRole('button', { name: 'Delete all' }).click()
  assert.equal(await found.count(), 1, 'it asks once more')
  await other.getByRole('button', { name: 'Really delete it?' }).click()
  await other.getByText('Runs appear here as you ask.').waitFor()
  await other.reload()
  await other.locator('#flow li').first().waitFor()
  assert.equal(await other.locator('.run').count(), 0)
  await service.assertQuiet('ok', 'ok')
})

test('the browser keeps a bounded number of runs, the oldest go first', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service)
  await askAndKeep(page, 'the first')
  await page.evaluate(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases()
    await new Promise((resolve) => {
      const opening = indexedDB.open(name)
      opening.onsuccess = () => {
        const transaction = opening.result.transaction('entries', 'readwrite')
        const entries = transaction.objectStore('entries')
        const asking = entries.getAll()
        asking.onsuccess = () => {
          for (let number = 0; number < 120; number++) {
            const askedAt = new Date(Date.UTC(2020, 1, 1, 0, number)).toISOString()
            entries.put({ ...asking.result[0], id: `old-${number}`, title: `old ${number}`, askedAt })
          }
        }
        transaction.oncomplete = () => {
          opening.result.close()
          resolve(undefined)
        }
      }
    })
  })
  await askAndKeep(page, 'the last')
  await openHistory(page)
  await page.locator('.entry').first().waitFor()
  const titles = await page.locator('.entry .title').allTextContents()
  assert.deepEqual(titles.slice(0, 3), ['the last', 'the first', 'old 119'])
  assert.equal(titles.length, 100)
})

test('a browser that keeps nothing shows runs all the same', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service)
  await page.addInitScript(() => Object.defineProperty(window, 'indexedDB', { value: undefined }))
  await page.reload()
  await page.locator('#flow li').first().waitFor()
  await ask(page, 'why?')
  await holds(written(page, 'answerer'), 'answer on why?')
  await openHistory(page)
  await page.getByText('This browser keeps nothing for this page.').waitFor()
  await service.assertQuiet('ok')
})

test('a run is saved as Markdown, JSON and frames, and a file of frames shows it again', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  await ask(page, 'why? `x`')
  await standsAt(page, 'compose', 'done')
  const saved = async (label: string) => {
    await page.getByText('Save as…').click()
    const coming = page.waitForEvent('download')
    await page.getByRole('button', { name: label, exact: true }).click()
    const download = await coming
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') }
  }
  const markdown = await saved('Markdown')
  assert.equal(markdown.name, 'why-x.md')
  assert.match(
    markdown.text,
    /^# why\? `x`\n\n## Answer\n\nanswer on why\? `x`\n[\s\S]*## evidence\.probe\n\nevidence on/,
  )
  const json = JSON.parse((await saved('JSON')).text)
  assert.equal(json.prediction.answer, 'answer on why? `x`')
  assert.deepEqual(
    json.lanes.map(({ predictor, phase }: { predictor: string; phase: string }) => `${predictor} ${phase}`),
    ['ideas.brainstorm done', 'evidence.probe done', 'compose done'],
  )
  const { name, text } = await saved('Frames')
  const [header, ...lines] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    { ...header, at: undefined, description: undefined },
    {
      tributary: 1,
      program: 'parallel-composer',
      inputs: { question: 'why? `x`' },
      at: undefined,
      description: undefined,
    },
  )
  assert.equal(header.description.answer.predictor, 'compose')
  assert.ok(!Number.isNaN(Date.parse(header.at)))
  for (const line of lines) assert.deepEqual(Object.keys(line), ['at', 'frame'])
  const times = lines.map(({ at }: { at: number }) => at)
  assert.deepEqual(
    times,
    times.toSorted((one: number, other: number) => one - other),
  )
  assert.equal(lines.at(-1).frame.type, 'prediction')

  // Another service, which has no such program, shows it as well.
  const elsewhere = await openPage(t, await Service.start(t, { program: oneCall }))
  const open = async (content: string) => {
    await openHistory(elsewhere)
    const chooser = elsewhere.waitForEvent('filechooser')
    await elsewhere.getByRole('button', { name: 'Open a file…' }).click()
    await (await chooser).setFiles({ name, mimeType: 'application/jsonl', buffer: Buffer.from(content) })
  }
  const told = elsewhere.locator('#notice')
  await open('{"question": "why?"}\n')
  await told.getByText("“why-x.jsonl” can’t be shown. Line 1 isn't the beginning of a recording.").waitFor()
  await open(`${JSON.stringify(header)}\n{"at":0,"frame":{"type":"reset"}}\n`)
  await told.getByText('Line 2 has a frame of type reset whose keep is missing or wrong.').waitFor()
  await open(`${text.split('\n', 3).join('\n')}\n{"at":1`) // whoever wrote it was killed
  await elsewhere.locator('.run .notice').getByText('The file ends before the run does.').waitFor()
  await open(text)
  await holds(question(elsewhere), 'why? `x`')
  await holds(written(elsewhere, 'compose'), 'answer on why? x')
  assert.equal(await told.textContent(), '')

  // A file that is dropped, with a frame that is due in an hour: played, it waits for it; skipped, it doesn't.
  const late: { at: number; frame: Frame }[] = lines.map((line: { at: number; frame: Frame }) => ({
    ...line,
    at: line.frame.type === 'prediction' ? 3_600_000 : 0,
  }))
  const content = [
    header,
    ...late.slice(0, -1),
    { at: 1, frame: { type: 'of a newer service' } },
    late.at(-1),
  ]
  await elsewhere.evaluate(
    (content) => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([content], 'dropped.jsonl'))
      dispatchEvent(new DragEvent('dragover', { dataTransfer, cancelable: true }))
      dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }))
    },
    content.map((line) => JSON.stringify(line)).join('\n'),
  )
  await elsewhere.locator('.timeline').getByText('total 60 min 00 s').waitFor()
  await elsewhere.getByRole('button', { name: 'Play' }).click()
  await elsewhere.locator('.timeline .total[data-phase="running"]').waitFor()
  await holds(written(elsewhere, 'compose'), 'answer on why? x')
  assert.equal(await elsewhere.evaluate(() => document.activeElement?.textContent), 'Skip to the end')
  await elsewhere.keyboard.press('Enter')
  await elsewhere.locator('.timeline .total[data-phase="done"]').waitFor()
  assert.equal(await elsewhere.evaluate(() => document.activeElement?.textContent), 'Play')
  await service.assertQuiet('ok')
})

test('a link can bring a question and its program, and asks nothing by itself', async (t) => {
  const service = await Service.start(t, { others: { short: oneCall } })
  const page = await openTab(t, service, `/?program=short&question=${encodeURIComponent('why <b>?')}`)
  await page.locator('.predictor').getByText('answerer').waitFor()
  const box = page.getByLabel('Question')
  assert.equal(await box.inputValue(), 'why <b>?')
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'input-question')
  await page.reload()
  await page.locator('.predictor').getByText('answerer').waitFor()
  assert.equal(service.upstream.exchanges.length, 0)
  await page.keyboard.press('Enter')
  await holds(written(page, 'answerer'), 'answer on why <b>?')
  assert.deepEqual([...new URL(page.url()).searchParams.keys()], ['program', 'run'])
  await service.assertQuiet('ok')
})

test('the old run stays until the new one writes, and while it never does', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service)
  await ask(page, 'old')
  await standsAt(page, 'answerer', 'done')
  service.upstream.script = () => {}
  await ask(page, 'new')
  const pending = page.locator('#pending')
  await holds(pending, 'Asking: new')
  const exchange = await service.upstream.request(1)
  await holds(question(page), 'old')
  assert.equal(await page.title(), '○ Asked: new · Tributary')
  exchange.open().delta('[[ ## reasoning ## ]]\nHm\n\n[[ ## answer ## ]]\nnew words')
  await holds(written(page, 'answerer'), 'new words')
  await holds(question(page), 'new')
  assert.equal(await pending.isVisible(), false)
  assert.equal(await page.title(), '● Answering: new · Tributary')
  exchange.finish()
  await standsAt(page, 'answerer', 'done')

  await ask(page, 'stopped')
  await service.upstream.request(2)
  await page.keyboard.press('Escape')
  await page.locator('#notice').getByText('Stopped.').waitFor()
  await holds(question(page), 'new')
  assert.equal(await pending.isVisible(), false)
  await service.assertQuiet('ok', 'ok', 'cancelled')
})

test('two runs stand beside each other where there is room, and below each other where not', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service, { viewport: { width: 1200, height: 800 } })
  await askAndKeep(page, 'first')
  await askAndKeep(page, 'second')
  await page.getByRole('button', { name: 'Repeat beside' }).click()
  const runs = page.locator('.run')
  await runs.nth(1).getByText('answer on second').waitFor()
  assert.deepEqual(await question(page).allTextContents(), ['second', 'second'])
  const boxes = async () =>
    Promise.all((await runs.all()).map(async (one) => (await one.boundingBox()) ?? assert.fail()))
  const [left, right] = await boxes()
  assert.ok(left && right && left.y === right.y && left.x + left.width <= right.x)
  await page.setViewportSize({ width: 1199, height: 800 })
  const [above, below] = await boxes()
  assert.ok(above && below && above.x === below.x && above.y + above.height <= below.y)
  const ids = await page.locator('[id]').evaluateAll((all) => all.map(({ id }) => id))
  assert.equal(new Set(ids).size, ids.length, 'ids are those of one element')

  await page.getByRole('button', { name: 'Close' }).last().click()
  assert.equal(await runs.count(), 1)
  await openHistory(page)
  await page.locator('.found li').last().hover()
  await page.getByRole('button', { name: 'Show beside: first' }).click()
  await runs.nth(1).getByText('answer on first').waitFor()
  await page.reload()
  await runs.nth(1).getByText('answer on first').waitFor()
  assert.deepEqual(await question(page).allTextContents(), ['second', 'first'])

  // A new question stands alone again.
  await ask(page, 'third')
  await runs.nth(1).waitFor({ state: 'detached' })
  await holds(written(page, 'answerer'), 'answer on third')
  await service.assertQuiet('ok', 'ok', 'ok', 'ok')
})

test('the history is used by keyboard alone, and Escape in it stops no run', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service)
  await askAndKeep(page, 'first')
  await askAndKeep(page, 'second')
  service.upstream.script = soFar
  await ask(page, 'third')
  await holds(written(page, 'answerer'), 'So far')
  await kept(page, 'So far', 'running') // it is listed once it has been written, which takes a moment
  await page.getByRole('button', { name: 'History' }).press('Enter')
  await page.locator('.entry').nth(2).waitFor()
  const label = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent,
    )
  const tabTo = async (name: RegExp) => {
    for (let steps = 0; steps < 20 && !name.test((await label()) ?? ''); steps++)
      await page.keyboard.press('Tab')
    assert.match((await label()) ?? '', name)
  }
  await page.keyboard.press('Escape')
  await page.locator('dialog').waitFor({ state: 'hidden' })
  assert.equal(await label(), 'History', 'the focus is where it was')
  await page.getByRole('button', { name: 'Stop' }).waitFor()

  // The service is asked how that run stands, and the list is made anew.
  const asked = Promise.withResolvers<Route>()
  await page.route('**/v1/runs/*', (route) => asked.resolve(route))
  await page.keyboard.press('Enter')
  await tabTo(/^Delete: second/)
  const gone = {
    type: 'about:blank',
    title: 'Gone',
    status: 404,
    detail: 'There is none.',
    code: 'run_not_found',
  }
  const answered = page.locator('.entry').first().getByText('cut').waitFor()
  await (await asked.promise).fulfill({ status: 404, contentType: 'application/problem+json', json: gone })
  await answered
  assert.match((await label()) ?? '', /^Delete: second/)
  await page.unroute('**/v1/runs/*')
  await page.keyboard.press('Escape')

  // What is chosen while a run goes on stands beside it.
  await page.keyboard.press('Enter')
  await tabTo(/^Search/)
  await page.keyboard.type('first')
  await page.locator('.entry').nth(1).waitFor({ state: 'detached' })
  await tabTo(/^first/)
  await page.keyboard.press('Enter')
  await page.locator('.run').nth(1).getByText('answer on first').waitFor()
  assert.deepEqual(await question(page).allTextContents(), ['third', 'first'])
  await page.keyboard.press('Escape')
  await page.getByText('Stopped. What had come').waitFor()

  await page.getByText('Save as…').first().focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  assert.equal(await label(), 'Markdown')
  await page.keyboard.press('Escape')
  assert.equal(await label(), 'Save as…')
  await page.getByRole('button', { name: 'History' }).press('Enter')
  await tabTo(/^Delete: second/)
  await page.keyboard.press('Enter')
  await page.locator('.entry').nth(2).waitFor({ state: 'detached' })
  assert.match((await label()) ?? '', /^Delete: first/)
  await service.assertQuiet('ok', 'ok', 'cancelled')
})

test('runs that exist are for everybody, at any width and in both themes', async (t) => {
  const service = await Service.start(t, { program: oneCall, others: { invoice } })
  const page = await openPage(t, service, { bypassCSP: true, reducedMotion: 'reduce' })
  await page.addScriptTag({ path: axe })
  const check = async (state: string) => assert.deepEqual(await findingsEverywhere(page), [], state)
  await askAndKeep(page, `why ${'long '.repeat(100)}${'x'.repeat(300)}?`)
  service.upstream.script = () => {}
  await ask(page, 'held')
  await holds(page.locator('#pending'), 'Asking: held')
  await check('pending')
  await page.keyboard.press('Escape')
  service.upstream.script = echo
  await page.getByRole('button', { name: 'Repeat beside' }).click()
  await page.locator('.run').nth(1).locator('.total[data-phase="done"]').waitFor()
  await page.getByText('Save as…').last().click()
  await check('beside, with a menu')
  await page.keyboard.press('Escape')
  await openHistory(page)
  await page.locator('.entry').first().waitFor()
  await page.locator('.found li').first().hover()
  await check('history')
  await page.getByLabel('Search the runs').fill('nowhere')
  await page.getByText('No run has these words.').waitFor()
  await check('nothing found')
  await page.keyboard.press('Escape')
  const recording = fileURLToPath(new URL('../examples/runs/sky.jsonl', import.meta.url))
  await page.locator('input[type="file"]').first().setInputFiles(recording)
  await standsAt(page, 'compose', 'done')
  await check('a file')
})
