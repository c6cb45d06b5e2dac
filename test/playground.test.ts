/** A run on the page, as somebody at a browser sees it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator } from 'playwright-core'
import { chainOfThought, predict } from '../src/core/predictor.ts'
import { module, program } from '../src/core/program.ts'
import { ask, holds, lane, openPage, standsAt, written } from './support/browser.ts'
import { oneCall, retold } from './support/programs.ts'
import { Service } from './support/service.ts'
import { completion, only } from './support/upstream.ts'

test('a run fills a column per branch and the answer below them, and its bars overlap', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
  await page.getByRole('button', { name: 'Open all' }).click()
  await holds(written(page, 'ideas.brainstorm'), 'brainstorm on why?')
  await holds(written(page, 'evidence.probe'), 'evidence on why?')
  await holds(written(page, 'compose'), 'answer on why?')

  const box = async (name: string) => (await lane(page, name).boundingBox()) ?? assert.fail()
  const [left, right, below] = [
    await box('ideas.brainstorm'),
    await box('evidence.probe'),
    await box('compose'),
  ]
  assert.ok(left.y === right.y && left.x + left.width <= right.x, 'branches stand side by side')
  assert.ok(below.y >= left.y + left.height, 'the answer stands below them')
  assert.ok(Math.abs(below.width - (right.x + right.width - left.x)) < 1, 'over the full width')

  const rows = page.locator('.timeline li[data-phase="done"]')
  assert.equal(await rows.count(), 3)
  const bars = await rows
    .locator('.writing')
    .evaluateAll((all) =>
      all.map((bar) => ({ start: bar.getBoundingClientRect().left, end: bar.getBoundingClientRect().right })),
    )
  const [first, second, third] = bars
  assert.ok(first && second && third)
  assert.ok(third.start >= Math.max(first.start, second.start), 'the last one starts last')
  assert.match((await page.locator('.timeline .total').textContent()) ?? '', /^total \d+\.\d s$/)

  await lane(page, 'ideas.brainstorm').locator('summary').click()
  assert.equal(
    await lane(page, 'ideas.brainstorm').locator('.reasoning .text').innerText(),
    'reasoning on why?',
  )
  const figures = async (place: Locator) => (await place.textContent()) ?? ''
  assert.match(
    await figures(lane(page, 'compose').locator('.figures')),
    /^first token after .+ · 12 tokens in · 34 out/,
  )
  assert.match(
    await figures(page.locator('.timeline .sums')),
    /^first token after .+ · 36 tokens in · 102 out/,
  )
  await service.assertQuiet('ok')
})

test('text stands in its column before the run is over', async (t) => {
  const service = await Service.start(t, { script: () => {} })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  const branches = [await service.upstream.request(0), await service.upstream.request(1)]
  await standsAt(page, 'compose', 'waits for ideas.brainstorm and evidence.probe')
  for (const branch of branches) branch.open().delta(`[[ ## ${branch.field} ## ]]\nSo far`)
  await holds(written(page, 'ideas.brainstorm'), 'So far')
  await holds(written(page, 'evidence.probe'), 'So far')
  await standsAt(page, 'evidence.probe', 'streaming')
  for (const branch of branches) branch.delta(' so good').finish()
  await holds(written(page, 'ideas.brainstorm'), 'So far so good')
  const last = await service.upstream.request(2)
  last.open().delta('[[ ## reasoning ## ]]\nHmm')
  await standsAt(page, 'compose', 'reasoning')
  last.delta('\n[[ ## answer ## ]]\nThat is it').finish()
  await standsAt(page, 'compose', 'done')
  await holds(written(page, 'compose'), 'That is it')
})

test('whoever comes back to the page finds the program as it has become', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const page = await openPage(t, service)
  const shown = page.locator('#flow')
  await holds(shown, 'answerer')
  await page.route('**/v1/program*', async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, body: (await answer.text()).replaceAll('answerer', 'renamed') })
  })
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await holds(shown, 'renamed')
  await ask(page, 'why?')
  await lane(page, 'renamed').waitFor()
})

test('Stop reaches the model, keeps what has come, and lets one ask again', async (t) => {
  const service = await Service.start(t, {
    script: (exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nSo far`),
  })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await holds(written(page, 'ideas.brainstorm'), 'So far')
  await page.getByRole('button', { name: 'Stop' }).click()
  await standsAt(page, 'ideas.brainstorm', 'stopped')
  await standsAt(page, 'compose', 'not run')
  await page.getByText('Stopped. What had come').waitFor()
  await Promise.all(service.upstream.exchanges.map(({ closed }) => closed))
  assert.ok(service.upstream.exchanges.every(({ wasAborted }) => wasAborted))
  assert.equal(await written(page, 'ideas.brainstorm').textContent(), 'So far')

  service.upstream.script = (exchange) => exchange.answer({ reasoning: '', [exchange.field]: 'All of it' })
  await page.getByRole('button', { name: 'Ask again' }).click()
  await holds(written(page, 'compose'), 'All of it')
  assert.equal(await page.getByText('Stopped.').count(), 0)
  await service.assertQuiet('cancelled', 'ok')
})

test('text is text, whatever it contains and however it is cut', async (t) => {
  const hostile =
    '<img src=x onerror="alert(1)"></script><script>alert(2)</script>&amp;\u001b[31mred\u001b[0m\n' +
    '\u202egnp.exe\u202c \u200fשלום\n👩‍👩‍👧 e\u0301 **bold** [x](javascript:alert(3))\n\n<style>*{display:none}</style> end'
  for (const size of [1, 1_000]) {
    const script = only('brainstorm', (exchange) => exchange.answer({ brainstorm: hostile }, size))
    const service = await Service.start(t, { script })
    const page = await openPage(t, service)
    await page.getByRole('button', { name: 'Text: formatted' }).click()
    page.on('dialog', () => assert.fail('a script of the text ran'))
    await ask(page, hostile)
    await standsAt(page, 'compose', 'done')
    await holds(written(page, 'ideas.brainstorm'), hostile)
    assert.equal(await page.locator('main :is(img, script, style, a):not(noscript *)').count(), 0)
    await service.assertQuiet('ok')
  }
})

const threeBranches = program(
  {
    ideas: module({ first: predict('question -> pro') }, { start: 'Thinking...', end: 'Thought.' }),
    doubts: module({ second: predict('question -> contra') }, { start: 'Doubting...', end: 'Doubted.' }),
    third: predict('question -> history'),
    verdict: chainOfThought('question, pro, contra, history -> verdict'),
  },
  async ({ ideas, doubts, third, verdict }, { question }) => {
    const [{ pro }, { contra }, { history }] = await Promise.all([
      ideas.first({ question }),
      doubts.second({ question }),
      third({ question }),
    ])
    return verdict({ question, pro, contra, history })
  },
)

test('a program with three branches has three columns, rows and bars', async (t) => {
  const service = await Service.start(t, { program: threeBranches })
  const page = await openPage(t, service, { viewport: { width: 1280, height: 900 } })
  assert.deepEqual(await page.locator('.predictor').allTextContents(), [
    'ideas.first',
    'doubts.second',
    'third',
    'verdict',
  ])
  await ask(page, 'why?')
  await standsAt(page, 'verdict', 'done')
  await page.getByRole('button', { name: 'Open all' }).click()
  const columns = page.locator('.columns > section')
  assert.deepEqual(await columns.locator('h2').allTextContents(), ['ideas.first', 'doubts.second', 'third'])
  const places = await columns.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top))
  assert.equal(new Set(places).size, 1, 'side by side')
  assert.equal(await page.locator('.timeline li[data-phase="done"]').count(), 4)
  await holds(written(page, 'third'), 'history on why?')
})

const repeating = program(
  { draft: predict('question -> text'), judge: predict('question, text -> verdict, score') },
  async ({ draft, judge }, { question }) => {
    const { text } = await draft({ question })
    await draft({ question: text })
    return judge({ question, text })
  },
)

test('a further call of a predictor has a lane of its own, and several fields have their names', async (t) => {
  const service = await Service.start(t, { program: repeating })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await holds(written(page, 'draft · call 2'), 'text on text on why?')
  await standsAt(page, 'judge', 'done')
  assert.deepEqual(await page.locator('.columns h2').allTextContents(), ['draft', 'draft · call 2'])
  assert.deepEqual(await lane(page, 'judge').locator('h3').allTextContents(), ['verdict', 'score'])
  assert.deepEqual(await written(page, 'judge').allTextContents(), ['verdict on why?', 'score on why?'])
})

test('a lane follows its text only while the reader is at its end', async (t) => {
  const service = await Service.start(t, { script: () => {} })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  const [branch] = [await service.upstream.request(0), await service.upstream.request(1)]
  const name = branch.field === 'evidence' ? 'evidence.probe' : 'ideas.brainstorm'
  const body = lane(page, name).locator('.body')
  const fromEnd = () => body.evaluate((one) => one.scrollHeight - one.clientHeight - one.scrollTop)
  const grow = async (words: string) => {
    branch.delta(`${'A line.\n'.repeat(60)}${words}`)
    await page.waitForFunction(([one, end]) => one?.textContent?.endsWith(end), [
      await body.elementHandle(),
      words,
    ] as const)
    // What was written in an animation frame has been scrolled by the end of it.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
  }
  branch.open().delta(`[[ ## ${branch.field} ## ]]\n`)
  await grow('one')
  assert.ok((await fromEnd()) < 2)
  await body.hover()
  await page.mouse.wheel(0, -200)
  await page.waitForFunction(
    (one) => one && one.scrollHeight - one.clientHeight - one.scrollTop > 100,
    await body.elementHandle(),
  )
  const place = await body.evaluate((one) => one.scrollTop)
  await grow('two')
  assert.equal(await body.evaluate((one) => one.scrollTop), place)
})

test('the page holds a bounded number of frames, counts all, and copies all', async (t) => {
  const script = only('evidence', (exchange) => exchange.answer({ evidence: 'word '.repeat(1_000) }, 5))
  const service = await Service.start(t, { script })
  const page = await openPage(t, service, { permissions: ['clipboard-read', 'clipboard-write'] })
  await page.getByText('Frames (0)').click()
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
  await page.getByText('data: [DONE]').waitFor()
  const rows = page.locator('.events > div')
  assert.equal(await rows.count(), 500)
  await page.getByRole('button', { name: 'Copy frames' }).click()
  await page.getByRole('button', { name: 'Copied frames' }).waitFor()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  const events = copied.split('\n\n').slice(0, -1)
  await page.getByText(`Frames (${events.length.toLocaleString('en')})`).waitFor()
  assert.equal(events[0]?.includes('"type":"status"'), true)
  assert.equal(events.at(-1), 'data: [DONE]')
})

test('2,000 tokens a second are appended once a frame, and nothing that is there is touched', async (t) => {
  const service = await Service.start(t, { program: threeBranches, script: () => {} })
  const page = await openPage(t, service)
  await page.evaluate(() => {
    const counts = { frames: 0, appends: 0, removed: 0, longTasks: [] as number[] }
    Object.assign(window, { counts })
    const { appendData } = CharacterData.prototype
    CharacterData.prototype.appendData = function (text) {
      counts.appends++
      appendData.call(this, text)
    }
    const count = () => {
      counts.frames++
      requestAnimationFrame(count)
    }
    count()
    const watch = new MutationObserver((records) => {
      for (const { removedNodes } of records) counts.removed += removedNodes.length
    })
    Object.assign(window, {
      watchTexts: () => {
        for (const body of document.querySelectorAll('.columns .body')) {
          watch.observe(body, { childList: true, subtree: true })
        }
      },
    })
    new PerformanceObserver((list) => {
      counts.longTasks.push(...list.getEntries().map(({ duration }) => duration))
    }).observe({ type: 'longtask' })
  })
  await ask(page, 'why?')
  const branches = await Promise.all([0, 1, 2].map((index) => service.upstream.request(index)))
  await standsAt(page, 'third', 'waiting')
  for (const branch of branches) branch.open().delta(`[[ ## ${branch.field} ## ]]\n`)
  await page.evaluate(() => (window as never as Counting).watchTexts())
  const began = performance.now()
  for (let sent = 0; sent < 4_000; ) {
    const due = Math.min(4_000, (performance.now() - began) * 2)
    for (; sent < due; sent++) branches[sent % 3]?.delta(sent % 90 < 3 ? `line ${sent}\n` : `word ${sent} `)
    await new Promise((resolve) => setTimeout(resolve, 5)) // the pace is what is tried here
  }
  for (const branch of branches) branch.delta('The end.').finish()
  await standsAt(page, 'third', 'done')
  const { frames, appends, removed, longTasks } = await page.evaluate(
    () => (window as never as Counting).counts,
  )
  // A long text goes on in a new node now and then, which makes it two for that frame.
  assert.ok(appends <= frames * 3 * 2, `${appends} appends in ${frames} frames`)
  assert.equal(removed, 0)
  t.diagnostic(`${appends} appends in ${frames} frames; tasks over 50 ms: ${longTasks.join() || 'none'}`)
})

type Counting = {
  counts: { frames: number; appends: number; removed: number; longTasks: number[] }
  watchTexts: () => void
}

test('a text of many lines and long words is shown exactly', async (t) => {
  const text = `${'x'.repeat(3_000)} ${'line of words\n\n'.repeat(400)}${'字'.repeat(2_500)} end`
  const script = only('brainstorm', (exchange) =>
    exchange
      .open()
      .deltas(completion({ brainstorm: text }), 11)
      .finish(),
  )
  const service = await Service.start(t, { script })
  const page = await openPage(t, service)
  await page.getByRole('button', { name: 'Text: formatted' }).click()
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
  await holds(written(page, 'ideas.brainstorm'), text)
})

test('what a reset voids is cleared, and the column says that it begins anew', async (t) => {
  const service = await Service.start(t, {
    program: retold,
    script: (exchange) => exchange.field === 'aside' && exchange.answer({ aside: 'stays' }),
  })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  const first = await service.upstream.request(1)
  first.open().delta('[[ ## reasoning ## ]]\nat length\n\n[[ ## answer ## ]]\na long ans')
  await holds(written(page, 'ask'), 'a long ans')
  first.delta('wer').finish()
  const second = await service.upstream.request(2)
  await standsAt(page, 'ask', 'begins anew')
  await holds(written(page, 'ask'), '')
  await lane(page, 'ask').locator('.message').getByText('The answer begins anew: Say it shorter.').waitFor()
  assert.equal(await lane(page, 'ask').locator('details.reasoning').isVisible(), false)
  assert.equal(await written(page, 'aside').textContent(), 'stays')

  second
    .open()
    .delta('[[ ## reasoning ## ]]\nbriefly\n\n[[ ## answer ## ]]\na much, much shorter ')
    .delta('one')
    .finish()
  await standsAt(page, 'ask', 'done')
  await holds(written(page, 'ask'), 'a much, much shorter one')
  await holds(lane(page, 'ask').locator('.tries'), 'attempt 2')
  const happened = lane(page, 'ask').locator('.happenings li')
  assert.deepEqual(await happened.allTextContents(), ['Attempt 2: The answer begins anew: Say it shorter.'])
  await lane(page, 'ask').locator('summary').click()
  assert.equal(await lane(page, 'ask').locator('.reasoning .text').innerText(), 'briefly')
  await service.assertQuiet('ok')
})
