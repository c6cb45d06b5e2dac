/** The page for everybody: keyboard, screen readers, small and large windows, both themes, less motion. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axe, findingsInThemes } from './support/axe.ts'
import { ask, holds, isTooWide, lane, openPage, standsAt, written } from './support/browser.ts'
import { Service } from './support/service.ts'
import { type Exchange, only } from './support/upstream.ts'

const soFar = (exchange: Exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nSo far`)

test('axe finds nothing serious in any state, in both themes', async (t) => {
  const service = await Service.start(t, { script: soFar })
  // The page's policy lets no foreign script in, so the page with axe in it goes without: in these tests alone.
  const page = await openPage(t, service, { bypassCSP: true, reducedMotion: 'reduce' })
  await page.addScriptTag({ path: axe })
  assert.deepEqual(await findingsInThemes(page), [], 'empty')

  await ask(page, 'why?')
  await holds(written(page, 'ideas.brainstorm'), 'So far')
  for (const summary of await page.locator('summary:visible').all()) await summary.click()
  assert.deepEqual(await findingsInThemes(page), [], 'streaming')
  await page.keyboard.press('Escape')
  await standsAt(page, 'compose', 'not run')
  assert.deepEqual(await findingsInThemes(page), [], 'stopped')

  service.upstream.script = (exchange) =>
    exchange.answer({ reasoning: 'Because.', [exchange.field]: 'A line.\n'.repeat(100) })
  await ask(page, 'and now?')
  await standsAt(page, 'compose', 'done')
  assert.deepEqual(await findingsInThemes(page), [], 'done')

  service.upstream.script = only('evidence', (exchange) => exchange.refuse(401))
  await ask(page, 'and then?')
  await standsAt(page, 'evidence.probe', 'failed')
  assert.deepEqual(await findingsInThemes(page), [], 'failed')
  await ask(page, 'x'.repeat(9_000))
  await page.getByRole('alert').getByText('At most 8000 characters are taken.').waitFor()
  assert.deepEqual(await findingsInThemes(page), [], 'refused')
})

for (const width of [320, 360, 900, 1_600]) {
  test(`nothing lies outside of ${width} px`, async (t) => {
    const long = `${'x'.repeat(400)} ${'https://example.com/a/very/long/path/'.repeat(10)}`
    const service = await Service.start(t, {
      script: (exchange) =>
        exchange.answer(Object.fromEntries(exchange.fields.map((field) => [field, long]))),
    })
    const page = await openPage(t, service, { viewport: { width, height: 740 } })
    assert.equal(await isTooWide(page), false, 'empty')
    for (const summary of await page.locator('.developer summary').all()) await summary.click()
    await ask(page, long)
    await standsAt(page, 'compose', 'done')
    await lane(page, 'compose').locator('summary').click()
    assert.equal(await isTooWide(page), false, 'done')
    service.upstream.script = (exchange) => exchange.refuse(400, { error: { message: long } })
    await ask(page, 'again')
    await page.locator('.lane .notice').waitFor()
    assert.equal(await isTooWide(page), false, 'failed')
  })
}

test('everything is done by keyboard alone', async (t) => {
  const service = await Service.start(t, { script: soFar })
  const page = await openPage(t, service, { permissions: ['clipboard-read', 'clipboard-write'] })
  /** Goes on to the element of this name, every one on the way showing that it is the one. */
  const tabTo = async (name: RegExp) => {
    for (let steps = 0; steps < 40; steps++) {
      await page.keyboard.press('Tab')
      const { label, isShown } = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement
        const shows = (one: Element | null) =>
          one !== null &&
          (getComputedStyle(one).outlineStyle !== 'none' || getComputedStyle(one).boxShadow !== 'none')
        return {
          label: element.getAttribute('aria-label') ?? element.id + element.textContent,
          isShown: shows(element) || shows(element.closest('.box')),
        }
      })
      assert.ok(isShown, `${label} shows its focus`)
      if (name.test(label)) return
    }
    assert.fail(`${name} can't be reached`)
  }

  assert.equal(await page.evaluate(() => document.activeElement?.id), 'input-question')
  await page.keyboard.type('first')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('second')
  await page.keyboard.press('Control+Enter')
  await holds(written(page, 'ideas.brainstorm'), 'So far')
  assert.equal(service.upstream.exchanges[0]?.input('question'), 'first\nsecond')
  await page.keyboard.press('Escape')
  await standsAt(page, 'ideas.brainstorm', 'stopped')
  await Promise.all(service.upstream.exchanges.map(({ closed }) => closed))

  service.upstream.script = (exchange) =>
    exchange.answer({ reasoning: 'Because.', [exchange.field]: `All of ${exchange.field}` })
  await tabTo(/Ask again$/)
  await page.keyboard.press('Space')
  await standsAt(page, 'compose', 'done')
  await tabTo(/^Open ideas.brainstorm/)
  await page.keyboard.press('Enter')
  await tabTo(/^reasoning/)
  await page.keyboard.press('Enter')
  assert.equal(await lane(page, 'ideas.brainstorm').locator('.reasoning .text').innerText(), 'Because.')
  await tabTo(/^Copy the answer/)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Copied the answer' }).waitFor()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'All of answer')
  await tabTo(/^Frames/)
  await page.keyboard.press('Space')
  await page.getByText('data: [DONE]').waitFor()
})

test('an example asks with one click or key, and leaves the focus at the question', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  const examples = page.locator('.examples button')
  assert.equal(await examples.count(), 3)
  const question = (await examples.nth(1).textContent()) ?? ''
  await examples.nth(1).focus()
  await page.keyboard.press('Enter')
  await holds(written(page, 'compose'), `answer on ${question}`)
  assert.equal(await page.getByLabel('Question').inputValue(), question)
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'submit')
})

test('a double click asks once and stops nothing', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  await page.getByLabel('Question').fill('why?')
  await page.getByRole('button', { name: 'Ask', exact: true }).dblclick()
  await standsAt(page, 'compose', 'done')
  await service.assertQuiet('ok')
})

test('screen readers hear where lanes stand and the answer once, and no tokens', async (t) => {
  const service = await Service.start(t, { script: soFar })
  const page = await openPage(t, service)
  const said = page.getByRole('log').locator('p')
  await ask(page, 'why?')
  await said.getByText('evidence.probe: streaming').waitFor()
  assert.doesNotMatch((await said.allTextContents()).join(), /So far/)
  service.upstream.script = () => {}
  for (const exchange of service.upstream.exchanges) exchange.deltas(' and on').finish()
  const last = await service.upstream.request(2)
  last.open().deltas('[[ ## answer ## ]]\nThat is it')
  last.finish()
  await said.getByText('The answer: That is it').waitFor()
  const all = await said.allTextContents()
  assert.deepEqual(new Set(all).size, all.length, 'nothing twice')
  assert.doesNotMatch(all.join(), /So far/)
  assert.ok(all.includes('ideas.brainstorm: done'))
})

test('the theme is the system’s until the reader chooses one, which lasts', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service, { colorScheme: 'dark' })
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const dark = await ground()
  await page.getByRole('button', { name: 'Theme: auto' }).click()
  await page.getByRole('button', { name: 'Theme: light' }).waitFor()
  const light = await ground()
  assert.notEqual(light, dark)
  await page.reload()
  await page.getByRole('button', { name: 'Theme: light' }).waitFor()
  assert.equal(await ground(), light)
  await page.getByRole('button', { name: 'Theme: light' }).click()
  assert.equal(await ground(), dark)
})

test('nothing moves for those who asked for less motion', async (t) => {
  const service = await Service.start(t, { script: soFar })
  const moving = async (reducedMotion: 'reduce' | 'no-preference') => {
    const page = await openPage(t, service, { reducedMotion })
    await ask(page, 'why?')
    await standsAt(page, 'evidence.probe', 'streaming')
    return page.evaluate(() => document.getAnimations().length)
  }
  assert.equal(await moving('reduce'), 0)
  assert.ok((await moving('no-preference')) > 0)
})
