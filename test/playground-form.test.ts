/** The form follows from what the program is asked, and so do the lanes and the code. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { predict } from '../src/core/predictor.ts'
import { program } from '../src/core/program.ts'
import { axe, findings } from './support/axe.ts'
import { ask, holds, isTooWide, lane, openPage, openTab, standsAt, written } from './support/browser.ts'
import { invoice, invoiceScript, LINES } from './support/invoice.ts'
import { oneCall } from './support/programs.ts'
import { framesOf, predictionOf, Service } from './support/service.ts'
import type { Exchange } from './support/upstream.ts'

const run = promisify(execFile)

const start = (t: TestContext) => Service.start(t, { program: invoice, script: invoiceScript })

/** Fills in everything that has to be there. */
async function fill(page: Page): Promise<void> {
  await page.getByLabel('Text').fill('ACME\nLtd')
  await page.getByLabel('Limit').fill('3')
  await page.getByLabel('Lang').selectOption('de')
  await page.getByLabel('Tags').fill('paper\n\n  ink  ')
  await page.getByLabel('Known', { exact: true }).fill('[{"item": "nut", "price": 2.5}]')
}

/** What the program was asked, as it says itself in its result. */
async function asked(page: Page): Promise<unknown> {
  const { asked } = JSON.parse(
    await page.getByRole('region', { name: 'Result' }).locator('.text').innerText(),
  )
  return JSON.parse(asked)
}

const FILLED = {
  text: 'ACME\nLtd',
  limit: 3,
  lang: 'de',
  urgent: false,
  tags: ['paper', 'ink'],
  known: [{ item: 'nut', price: 2.5 }],
  hint: null,
  sure: null,
  history: [],
}

test('each input has a field by its type, and history none', async (t) => {
  const service = await start(t)
  const page = await openPage(t, service)
  const labels = page.locator('#ask label')
  assert.deepEqual(await labels.allTextContents(), [
    'Text',
    'Limit',
    'Lang',
    'Urgent',
    'Tags',
    'Known',
    'Hint (optional)',
    'Sure (optional)',
  ])
  const described = page.getByLabel('Tags')
  const ids = ((await described.getAttribute('aria-describedby')) ?? '').split(' ')
  assert.equal(await page.locator(`#${ids[0]}`).textContent(), 'What it is filed under. One per line.')
  assert.equal(await page.locator('#about').isVisible(), true)
  assert.equal(await page.locator('#examples').isVisible(), false)

  await fill(page)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await standsAt(page, 'read', 'done')
  assert.deepEqual(await asked(page), FILLED)
  // The same again would follow up on the answer; only without that is it the same.
  await page.getByRole('button', { name: 'New conversation' }).click()
  await page.getByRole('button', { name: 'Ask again' }).waitFor()

  await page.getByLabel('Urgent').check()
  await page.getByLabel('Hint').fill('a hint')
  await page.getByLabel('Sure').selectOption('No')
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await page.getByRole('button', { name: 'New conversation' }).waitFor()
  assert.deepEqual(await asked(page), { ...FILLED, urgent: true, hint: 'a hint', sure: false })
  await service.assertQuiet('ok', 'ok')
})

test('values that are no texts stand in their lane as JSON, laid out or as the model wrote it', async (t) => {
  const service = await start(t)
  const page = await openPage(t, service)
  await fill(page)
  await page.keyboard.press('Control+Enter')
  await standsAt(page, 'read', 'done')
  const laidOut = JSON.stringify(JSON.parse(LINES), null, 2)
  assert.deepEqual(await written(page, 'read').allTextContents(), [laidOut, 'false'])
  await page.getByRole('button', { name: 'Text: formatted' }).click()
  assert.deepEqual(await written(page, 'read').allTextContents(), [LINES, 'false'])
  const fontOf = (name: string) =>
    written(page, name)
      .first()
      .evaluate((one) => getComputedStyle(one).fontFamily)
  assert.match(await fontOf('read'), /mono/i)
  assert.doesNotMatch(await fontOf('summarise'), /mono/i)
  // The answer is the description's, which isn't what the last predictor writes.
  assert.equal(await page.locator('.answers h2').first().textContent(), 'Answer')
  assert.deepEqual(await page.locator('.columns h2').allTextContents(), ['read'])
  await page
    .getByRole('log')
    .getByText('The answer: Two lines.', { exact: true })
    .waitFor({ state: 'attached' })
})

test('what is missing or no JSON is said at its field, before anything is sent', async (t) => {
  const service = await start(t)
  const page = await openPage(t, service)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  const alerts = page.locator('.field .refusal p')
  assert.deepEqual(await alerts.allTextContents(), [
    'Write something here first.',
    'Write a whole number first.',
    'Choose one first.',
    'Write some JSON or choose a file first.',
  ])
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'input-text')
  assert.equal(await page.getByLabel('Lang').getAttribute('aria-invalid'), 'true')

  await fill(page)
  assert.deepEqual(await alerts.allTextContents(), [])
  await page.getByLabel('Known', { exact: true }).fill('[{"item": ')
  await page.getByLabel('Limit').fill('1.5')
  await page.keyboard.press('Enter')
  const [limit, known] = await alerts.allTextContents()
  assert.equal(limit, 'A whole number is needed.')
  assert.match(known as string, /^This isn't valid JSON: /)
  assert.equal(service.upstream.exchanges.length, 0)
  assert.equal(service.log.lines.filter(({ msg }) => msg === 'request refused').length, 0)
})

test('what the service refuses is said at its field, in words', async (t) => {
  const service = await start(t)
  const page = await openPage(t, service)
  await fill(page)
  await page.getByLabel('Known', { exact: true }).fill('[{"item": "nut", "price": 1}, {"item": 2}]')
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  const alert = page.getByRole('alert')
  await alert.getByText('Item 2, price: number is needed.').waitFor()
  assert.deepEqual(await page.locator('.refusal p').allTextContents(), [
    'Item 2, item: expected string, received number.',
    'Item 2, price: number is needed.',
  ])
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'input-known')
  // What somebody has written stays as it is written.
  assert.equal(
    await page.getByLabel('Known', { exact: true }).inputValue(),
    '[{"item": "nut", "price": 1}, {"item": 2}]',
  )
})

test('JSON comes from a file too', async (t) => {
  const service = await start(t)
  const page = await openPage(t, service)
  await fill(page)
  for (const [text, fault] of [
    ['[', /^This isn't valid JSON/],
    ['[{"item": "ünï", "price": 1}]', undefined],
  ] as const) {
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose a file…' }).click()
    await (await chooser).setFiles({
      name: 'lines.json',
      mimeType: 'application/json',
      buffer: Buffer.from(text),
    })
    await page.waitForFunction(
      (text) => (document.getElementById('input-known') as HTMLTextAreaElement).value === text,
      text,
    )
    await page.keyboard.press('Control+Enter')
    if (fault) assert.match((await page.locator('.field .refusal p').textContent()) ?? '', fault)
  }
  await standsAt(page, 'read', 'done')
  assert.deepEqual(await asked(page), { ...FILLED, known: [{ item: 'ünï', price: 1 }] })
})

test('in a form with several fields Enter starts a line, Ctrl Enter asks and Esc stops', async (t) => {
  const service = await start(t)
  service.upstream.script = () => {}
  const page = await openPage(t, service)
  await fill(page)
  await page.getByLabel('Tags').press('End')
  await page.keyboard.press('Enter')
  await page.keyboard.type('more')
  await page.keyboard.press('Control+Enter')
  await standsAt(page, 'read', 'waiting')
  await page.getByLabel('Limit').press('Enter') // doesn't stop it
  await standsAt(page, 'read', 'waiting')
  await page.keyboard.press('Escape')
  await standsAt(page, 'read', 'stopped')
  await service.assertQuiet('cancelled')
})

test('the code asks what the form says, with examples for what is missing', async (t) => {
  const service = await Service.start(t, { others: { invoice }, script: invoiceScript })
  const page = await openTab(t, service, '/?program=invoice')
  await page.getByLabel('Tags').waitFor()
  const code = async () => (await page.locator('.developer .code').allTextContents())[1] as string
  assert.match(await code(), /"known":\[\{"item":"…","price":1\}\]/)
  await fill(page)
  const { stdout } = await run('sh', ['-c', await code()])
  const { data } = predictionOf(framesOf(stdout))
  assert.deepEqual(JSON.parse(data.asked as string), FILLED)
})

test('with several programs one is chosen, and the address, the form and the run follow', async (t) => {
  const service = await Service.start(t, { others: { invoice, short: oneCall } })
  const page = await openPage(t, service)
  const picker = page.getByLabel('Program', { exact: true })
  assert.deepEqual(await picker.locator('option').allTextContents(), [
    'parallel-composer',
    'invoice – Reads an invoice and sums it up.',
    'short',
  ])
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
  const composerPredictors = await page.locator('.predictor').allTextContents()
  const first = new URL(page.url()).searchParams.get('run')
  assert.ok(first)

  await picker.selectOption('short')
  assert.equal(new URL(page.url()).search, '?program=short')
  assert.deepEqual(await page.locator('.predictor').allTextContents(), ['answerer'])
  assert.equal(await page.locator('#run').isVisible(), false)
  assert.equal(await page.getByLabel('Question').inputValue(), 'why?')
  await ask(page, 'and now?')
  await holds(written(page, 'answerer'), 'answer on and now?')

  await picker.selectOption('invoice')
  await page.getByLabel('Tags').waitFor()
  service.upstream.script = invoiceScript
  await fill(page)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await standsAt(page, 'read', 'done')
  await page.goBack()
  await page.getByLabel('Question').waitFor()
  assert.equal(await picker.inputValue(), 'short')
  await page.goBack() // at once: what the step before has looked up is not shown any more
  assert.equal(await picker.inputValue(), 'parallel-composer')
  await standsAt(page, 'compose', 'done') // with the run that the address names
  assert.equal(new URL(page.url()).search, `?run=${first}`)
  assert.deepEqual(await page.locator('.predictor').allTextContents(), composerPredictors)
  await service.assertQuiet('ok', 'ok', 'ok')
})

test('turning to another program stops the run', async (t) => {
  const service = await Service.start(t, { others: { short: oneCall }, script: () => {} })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await standsAt(page, 'ideas.brainstorm', 'waiting')
  await page.getByLabel('Program', { exact: true }).selectOption('short')
  await service.assertQuiet('cancelled')
  await page.getByRole('button', { name: 'Ask', exact: true }).waitFor()
  assert.equal(await lane(page, 'ideas.brainstorm').isVisible(), false)
})

test('a single text by another name is asked as a question is', async (t) => {
  const summary = program(
    'long_text: str -> summary: str',
    { solo: predict('long_text -> summary') },
    ({ solo }, inputs) => solo(inputs),
    { describe: { long_text: 'What to sum up.' } },
  )
  const script = (exchange: Exchange) =>
    exchange.answer({ summary: `Short for ${exchange.input('long_text')}` })
  const service = await Service.start(t, { program: summary, script })
  const page = await openPage(t, service)
  const field = page.getByLabel('Long text')
  await page.getByText('What to sum up.').waitFor()
  await field.press('Enter')
  await page.getByRole('alert').getByText('Write something here first.').waitFor()
  await field.fill('one')
  await field.press('Shift+Enter')
  await page.keyboard.type('two')
  await page.keyboard.press('Enter')
  await holds(written(page, 'solo'), 'Short for one\ntwo')
})

test('what is written before the program is known stays, and so does the focus', async (t) => {
  const both = program(
    'units: Literal["C", "F"], question: str -> answer: str',
    { solo: predict('question -> answer') },
    ({ solo }, { question }) => solo({ question }),
  )
  const service = await Service.start(t, { program: both })
  const page = await openTab(t, service, '/')
  const known = page.locator('.predictor').first()
  await page.route('**/v1/programs', async (route) => {
    await page.getByLabel('Question').fill('why?')
    await route.continue()
  })
  await page.reload()
  await known.waitFor()
  assert.equal(await page.getByLabel('Question').inputValue(), 'why?')
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'input-units')
})

test('an address can name a program, and one that is not there is said to be', async (t) => {
  const service = await Service.start(t, { others: { short: oneCall } })
  const page = await openTab(t, service, '/?program=short')
  await page.locator('.predictor').getByText('answerer').waitFor()
  await page.goto(`${service.url}/?program=other`)
  await page.getByText('There is no program “other” here. This is parallel-composer.').waitFor()
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the form is for everybody, and fits into 360 px, ${colorScheme}`, async (t) => {
    const service = await Service.start(t, {
      program: invoice,
      others: { short: oneCall },
      script: invoiceScript,
    })
    const viewport = { width: 360, height: 740 }
    const page = await openPage(t, service, { colorScheme, viewport, bypassCSP: true })
    await page.addScriptTag({ path: axe })
    assert.deepEqual(await findings(page), [], 'empty')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    assert.deepEqual(await findings(page), [], 'missing')
    await fill(page)
    await page.keyboard.press('Control+Enter')
    await standsAt(page, 'read', 'done')
    assert.deepEqual(await findings(page), [], 'done')
    assert.equal(await isTooWide(page), false)
  })
}
