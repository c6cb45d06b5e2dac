/** What somebody meets on the page who uses it every day. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { predict } from '../src/core/predictor.ts'
import { program } from '../src/core/program.ts'
import { laneFigures } from '../src/playground/figures.ts'
import { withoutPointers } from '../src/playground/words.ts'
import { ask, holds, lane, openPage, standsAt, written } from './support/browser.ts'
import { oneCall } from './support/programs.ts'
import { Service } from './support/service.ts'
import { type Exchange, echo, only } from './support/upstream.ts'

const soFar = (exchange: Exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nSo far`)

test('why a run ended is read out, whichever way it ended', async (t) => {
  const service = await Service.start(t, { script: soFar, env: { LM_MAX_RETRIES: '0' } })
  const page = await openPage(t, service)
  const notice = page.getByRole('status')
  const said = page.getByRole('log').locator('p')
  await ask(page, 'why?')
  await holds(written(page, 'ideas.brainstorm'), 'So far')
  await page.keyboard.press('Escape')
  await notice.getByText('Stopped. What had come until then stays here.').waitFor()

  service.upstream.script = only('brainstorm', (exchange) =>
    exchange.open().delta('[[ ## brainstorm ## ]]\nHalf of').finish('length'),
  )
  await ask(page, 'and now?')
  await said.getByText('ideas.brainstorm ends early: the model ran into its token limit.').waitFor()

  service.upstream.script = (exchange) => exchange.refuse(500)
  await ask(page, 'and then?')
  await said.getByText(/^The run failed: /).waitFor()

  await page.context().setOffline(true)
  await ask(page, 'at last?')
  await notice.getByText('The service does not answer. Is it running?').waitFor()
  assert.equal(await page.locator('.question').textContent(), 'and then?', 'the last run stays')
})

test('Escape that gives up a suggestion of an input method stops nothing', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: soFar })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await holds(written(page, 'answerer'), 'So far')
  const pressEscape = (isComposing: boolean) =>
    page
      .getByLabel('Question')
      .evaluate(
        (box, isComposing) =>
          box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', isComposing, bubbles: true })),
        isComposing,
      )
  await pressEscape(true)
  service.upstream.exchanges[0]?.delta(' and on')
  await holds(written(page, 'answerer'), 'So far and on')
  await pressEscape(false)
  await standsAt(page, 'answerer', 'stopped')
  await service.assertQuiet('cancelled')
})

test('the dot says when the service goes and when it comes back', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  const dot = (status: string) => page.locator(`.model[data-status="${status}"]`).waitFor()
  await dot('ready')
  await page.route('**/readyz', (route) => route.abort())
  await dot('away')
  await page.unroute('**/readyz')
  await dot('ready')
})

test('characters are counted before there are too many', async (t) => {
  const service = await Service.start(t, { env: { MAX_QUESTION_CHARS: '1000' } })
  const page = await openPage(t, service)
  const box = page.getByLabel('Question')
  const counter = page.locator('.counter')
  await box.fill('x'.repeat(799))
  assert.equal(await counter.isVisible(), false)
  await box.press('x')
  await holds(counter, '800 of 1,000 characters')
  await box.fill('x'.repeat(1_002))
  await holds(counter, '1,002 of 1,000 characters: 2 too many')
  assert.ok((await box.getAttribute('aria-describedby'))?.includes((await counter.getAttribute('id')) ?? '-'))
})

test('the arrow brings the last question back into an empty box, also of before', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service)
  const box = page.getByLabel('Question')
  await ask(page, 'why?')
  await standsAt(page, 'answerer', 'done')
  await box.fill('other')
  await box.press('ArrowUp')
  assert.equal(await box.inputValue(), 'other')
  await box.fill('')
  await box.press('ArrowUp')
  assert.equal(await box.inputValue(), 'why?')
})

test('no sentence for people has a JSON pointer in it', async (t) => {
  assert.equal(
    withoutPointers('It is wrong. /lines/0/price: a number; /a~1b: b.'),
    'It is wrong. lines, item 1, price: a number; a/b: b.',
  )
  assert.equal(
    withoutPointers('See https://a.b/c: there, and 1/2: half.'),
    'See https://a.b/c: there, and 1/2: half.',
  )
  const scored = program({ judge: predict('question -> score: int') }, ({ judge }, { question }) =>
    judge({ question }),
  )
  const service = await Service.start(t, {
    program: scored,
    script: (exchange) => exchange.answer({ score: 'many' }),
  })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  const notice = (await page.locator('.notice .message').textContent()) ?? ''
  assert.match(notice, /\bscore: /)
  assert.doesNotMatch(notice, /\/score/)
})

test('a lane and the run have a price where the service was told one', async (t) => {
  const service = await Service.start(t, { env: { PRICES: 'gpt-5-mini=1000/10000, other=1/2' } })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
  // 12 tokens in and 34 out: $0.012 + $0.34, three times.
  assert.match((await lane(page, 'compose').locator('.figures').textContent()) ?? '', / · \$0\.35$/)
  assert.match((await page.locator('.timeline .sums').textContent()) ?? '', / · \$1\.06$/)

  const usage = { type: 'usage', predictor: 'a', first_token_ms: 0, duration_ms: 0 } as const
  const of = (model: string) =>
    laneFigures(
      { startedAt: undefined, usage: { ...usage, model, input_tokens: 10, output_tokens: 0 } } as never,
      { 'gpt-5': { input: 1, output: 1 }, 'gpt-5-mini': { input: 31, output: 1 } },
    )
  assert.equal(of('gpt-5-mini-2026-01-01'), '10 tokens in · 0 out · $0.00031')
  assert.equal(of('gpt-5'), '10 tokens in · 0 out · $0.000010')
  assert.equal(of('gpt-50'), '10 tokens in · 0 out')
})

test('on paper there is all that was written, and nothing to press', async (t) => {
  const service = await Service.start(t, { script: echo })
  const page = await openPage(t, service, { colorScheme: 'dark' })
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
  assert.equal(await written(page, 'ideas.brainstorm').isVisible(), false)
  await page.emulateMedia({ media: 'print' })
  assert.equal(await written(page, 'ideas.brainstorm').isVisible(), true)
  assert.equal(await page.locator('.question').isVisible(), true)
  assert.deepEqual(
    await page.locator('button:visible, textarea:visible, .developer:visible').allTextContents(),
    [],
  )
  assert.equal(
    await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    'rgb(255, 255, 255)',
  )
})
