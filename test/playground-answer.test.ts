/** The answer stands where the eye is when it begins, and whoever reads something else is left alone. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { chainOfThought, predict } from '../src/core/predictor.ts'
import { type Program, program } from '../src/core/program.ts'
import { perRow } from '../src/playground/lane-grid.ts'
import { ask, holds, isTooWide, lane, openPage, standsAt, written } from './support/browser.ts'
import { Service } from './support/service.ts'
import type { Exchange } from './support/upstream.ts'

const two = program(
  {
    first: predict('question -> a'),
    second: predict('question -> b'),
    last: chainOfThought('question, a, b -> answer'),
  },
  async ({ first, second, last }, { question }) => {
    const [{ a }, { b }] = await Promise.all([first({ question }), second({ question })])
    return last({ question, a, b })
  },
)

const five = program(
  {
    first: predict('question -> a'),
    second: predict('question -> b'),
    third: predict('question -> c'),
    fourth: predict('question -> d'),
    fifth: predict('question -> e'),
    last: chainOfThought('question, a, b, c, d, e -> answer'),
  },
  async ({ first, second, third, fourth, fifth, last }, { question }) => {
    const [{ a }, { b }, { c }, { d }, { e }] = await Promise.all([
      first({ question }),
      second({ question }),
      third({ question }),
      fourth({ question }),
      fifth({ question }),
    ])
    return last({ question, a, b, c, d, e })
  },
)

const LONG = 'A line of some words that a branch has written down.\n'.repeat(60)

/** A run whose branches have written `text`, just before its answer. */
async function beforeTheAnswer(
  t: TestContext,
  { program, branches, text }: { program: Program; branches: number; text: string },
  viewport: { width: number; height: number },
): Promise<{ page: Page; last: Exchange }> {
  const service = await Service.start(t, {
    program,
    script: (exchange) => exchange.field !== 'answer' && exchange.answer({ [exchange.field]: text }, 40),
  })
  const page = await openPage(t, service, { viewport })
  await ask(page, 'why?')
  const last = await service.upstream.request(branches)
  await standsAt(page, 'last', 'waiting')
  await standsAt(page, 'first', 'done')
  return { page, last }
}

/** A line's upper and lower edge, and the height of the window. */
type Line = { top: number; bottom: number; height: number }

type Measuring = { firstLine: () => Line | undefined; atFirst: Promise<Line> }

/**
 * Measures the answer's first line, from now on and in the very frame that shows its first text. Observers are called
 * after the page has done all that it does in an animation frame, and before it is painted.
 */
async function watchFirstLine(page: Page): Promise<void> {
  await page.evaluate(() => {
    const firstLine = () => {
      const text = document.querySelector('.answer .body .text')
      const node = text && document.createTreeWalker(text, NodeFilter.SHOW_TEXT).nextNode()
      if (!node) return undefined
      const range = document.createRange()
      range.selectNodeContents(node)
      const { top, bottom } = range.getClientRects()[0] as DOMRect
      return { top, bottom, height: innerHeight }
    }
    const atFirst = new Promise((measured) => {
      const observer = new MutationObserver(() => {
        const line = firstLine()
        if (!line) return
        observer.disconnect()
        measured(line)
      })
      observer.observe(document.body, { childList: true, characterData: true, subtree: true })
    })
    Object.assign(window, { firstLine, atFirst })
  })
}

const lineAtFirst = (page: Page) => page.evaluate(() => (window as never as Measuring).atFirst)

const lineNow = (page: Page) => page.evaluate(() => (window as never as Measuring).firstLine() as Line)

function assertInView({ top, bottom, height }: Line, when: string): void {
  assert.ok(top >= 0 && bottom <= height, `${when}: from ${top} to ${bottom} in a window of ${height}`)
}

for (const [width, height] of [
  [1280, 800],
  [1600, 900],
  [768, 1024],
  [360, 740],
] as const) {
  for (const [branches, made] of [
    [2, two],
    [5, five],
  ] as const) {
    for (const [length, text] of [
      ['short', 'A few words.'],
      ['long', LONG],
    ] as const) {
      test(`${width} px, ${branches} branches, ${length}: the answer begins in view and stays there`, async (t) => {
        const { page, last } = await beforeTheAnswer(t, { program: made, branches, text }, { width, height })
        await watchFirstLine(page)
        last.open().delta('[[ ## reasoning ## ]]\nFirst I think')
        await standsAt(page, 'last', 'reasoning')
        last.delta(' about it.\n\n[[ ## answer ## ]]\nThe first line')
        assertInView(await lineAtFirst(page), 'when it begins')

        assert.equal(await lane(page, 'last').locator('h2').textContent(), 'Answer')
        assert.equal(await page.locator('.lane.folded').count(), branches)
        assert.equal(await page.locator('.jump').isVisible(), false)
        assert.equal(await isTooWide(page), false)

        last.delta(` goes on.\n${LONG}`).delta('The end.').finish()
        await standsAt(page, 'last', 'done')
        assertInView(await lineNow(page), 'at the end')
      })
    }
  }
}

test('five branches at 1280 px leave no hole, and the lanes of a finished run open again', async (t) => {
  const viewport = { width: 1280, height: 800 }
  const { page, last } = await beforeTheAnswer(t, { program: five, branches: 5, text: LONG }, viewport)
  const lanes = page.locator('.columns .lane')
  const rows = async () => {
    const boxes = await lanes.evaluateAll((all) =>
      all.map((one) => one.getBoundingClientRect()).map(({ top, left, right }) => ({ top, left, right })),
    )
    const columns = await page.locator('.columns').evaluate((one) => one.getBoundingClientRect().right)
    const tops = [...new Set(boxes.map(({ top }) => top))]
    for (const top of tops) {
      const end = Math.max(...boxes.filter((one) => one.top === top).map(({ right }) => right))
      assert.ok(Math.abs(end - columns) < 1, `a row ends at ${end}, the columns at ${columns}`)
    }
    return tops.map((top) => boxes.filter((one) => one.top === top).length)
  }
  assert.deepEqual(await rows(), [3, 2])

  // While a lane is being written, it stands at its end.
  const body = lane(page, 'third').locator('.body')
  assert.ok((await body.evaluate((one) => one.scrollTop)) > 0)
  last.open().delta('[[ ## answer ## ]]\nThat is it').finish()
  await standsAt(page, 'last', 'done')
  assert.deepEqual(await rows(), [1, 1, 1, 1, 1])
  await lane(page, 'third').getByText('A line of some words').first().waitFor()

  await page.getByRole('button', { name: 'Open third' }).click()
  assert.equal(await body.isVisible(), true)
  assert.equal(await body.evaluate((one) => one.scrollTop), 0)
  assert.equal(await page.locator('.lane.folded').count(), 4)
  await page.getByRole('button', { name: 'Fold third' }).click()
  assert.equal(await body.isVisible(), false)
  await page.getByRole('button', { name: 'Open all' }).click()
  assert.deepEqual(await rows(), [3, 2])
  assert.equal(await body.evaluate((one) => one.scrollTop), 0)
  await page.getByRole('button', { name: 'Fold all' }).click()
  assert.equal(await page.locator('.lane.folded').count(), 5)
})

test('whoever reads something else stays there, and a link leads to the answer', async (t) => {
  const viewport = { width: 768, height: 700 }
  const { page, last } = await beforeTheAnswer(t, { program: five, branches: 5, text: LONG }, viewport)
  await watchFirstLine(page)
  await page.mouse.move(10, 300)
  await page.mouse.wheel(0, 200)
  await page.waitForFunction(() => scrollY === 200)
  last.open().delta('[[ ## answer ## ]]\nThe first line')
  await holds(written(page, 'last'), 'The first line')
  assert.equal(await page.evaluate(() => scrollY), 200)
  assert.equal(await page.locator('.lane.folded').count(), 0)

  await page.getByRole('link', { name: 'The answer ↓' }).click()
  assertInView(await lineNow(page), 'after the link')
  assert.equal(await page.evaluate(() => location.hash), '')
  await page.locator('.jump').waitFor({ state: 'hidden' })
  last.finish()
  await standsAt(page, 'last', 'done')
  await page.evaluate(() => scrollTo(0, 0))
  await page.getByRole('link', { name: 'The answer ↓' }).waitFor()
})

test('rows are full, whatever the width', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].map((count) => perRow(count, 1_200)),
    [1, 2, 3, 2, 3, 3, 3],
  )
  assert.deepEqual(
    [1, 2, 5].map((count) => perRow(count, 320)),
    [1, 1, 1],
  )
  assert.equal(perRow(0, 1_200), 1)
})
