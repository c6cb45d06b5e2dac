/** Markdown in the lanes: what becomes of it, and that nothing else can. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { firstWords, lastWords } from '../src/playground/thinking.ts'
import { axe, findings } from './support/axe.ts'
import { ask, holds, isTooWide, openPage, standsAt, written } from './support/browser.ts'
import { oneCall, retold } from './support/programs.ts'
import { Service } from './support/service.ts'

/** Everything that a text may become. */
const ALLOWED =
  'A BLOCKQUOTE BR BUTTON CODE DIV EM H3 H4 H5 H6 HR LI OL P PRE S SPAN STRONG TABLE TBODY TD TH THEAD TR UL'.split(
    ' ',
  )

/** Every attribute that these may have. */
const ATTRIBUTES = 'aria-label class href rel role start tabindex target type'.split(' ')

const answering = (answer: string, size?: number) => ({
  program: oneCall,
  script: (exchange: { answer: (values: Record<string, string>, size?: number) => void }) =>
    exchange.answer({ answer }, size),
})

/** Asks, waits for the end, and checks that nothing but what is allowed has come of the text. */
async function shownAs(page: Page): Promise<Locator> {
  page.on('dialog', () => assert.fail('a script of the text ran'))
  await ask(page, 'why?')
  await standsAt(page, 'answerer', 'done')
  const text = written(page, 'answerer')
  const found = await text.evaluate((root) => {
    const all = [...root.querySelectorAll('*')]
    return {
      tags: [...new Set(all.map(({ tagName }) => tagName))],
      attributes: [...new Set(all.flatMap((one) => one.getAttributeNames()))],
      links: [...root.querySelectorAll('a')].map(
        ({ protocol, target, rel }) => `${protocol} ${target} ${rel}`,
      ),
    }
  })
  assert.deepEqual(
    found.tags.filter((tag) => !ALLOWED.includes(tag)),
    [],
  )
  assert.deepEqual(
    found.attributes.filter((name) => !ATTRIBUTES.includes(name)),
    [],
  )
  for (const link of found.links) assert.match(link, /^(https?|mailto): _blank noopener noreferrer$/)
  return text
}

const SAMPLE = `# Rivers

Rivers **carry** *sand* and ~~stones~~ \`silt\`, see [the map](https://example.org/map), https://example.org/b.
Write to [us](mailto:a@example.org). ![A delta](https://example.org/delta.png)

- first
  - nested
- second

3. three
4. four

> quoted

| place | depth |
|---|---|
| source | 1 |
| mouth | 20 |

\`\`\`js
const a = 1

const b = '<b>'
\`\`\`

The end.`

test('Markdown becomes elements, whatever the pieces it comes in', async (t) => {
  for (const size of [1, 7, 5_000]) {
    const service = await Service.start(t, answering(SAMPLE, size))
    const page = await openPage(t, service)
    const text = await shownAs(page)
    const texts = (selector: string) => text.locator(selector).allTextContents()
    assert.deepEqual(await texts('h3'), ['Rivers'])
    assert.deepEqual(await texts('strong, em, s, p code'), ['carry', 'sand', 'stones', 'silt'])
    assert.deepEqual(await texts('a'), ['the map', 'https://example.org/b', 'us', 'A delta'])
    assert.deepEqual(await texts('ul ul li'), ['nested'])
    assert.equal(await text.locator('ol').getAttribute('start'), '3')
    assert.deepEqual(
      (await texts('th')).map((one) => one.trim()),
      ['place', 'depth'],
    )
    assert.equal(await text.locator('tbody tr').count(), 2)
    assert.deepEqual(await texts('.code-lines'), ["const a = 1\n\nconst b = '<b>'"])
    assert.deepEqual(await texts('.language'), ['js'])
    assert.deepEqual((await texts('p')).at(-1), 'The end.')
  }
})

test('Copy gives what the model wrote, and the button of a block the code alone', async (t) => {
  const service = await Service.start(t, answering(SAMPLE))
  const page = await openPage(t, service, { permissions: ['clipboard-read', 'clipboard-write'] })
  await shownAs(page)
  const copied = async (what: string) => {
    await page.getByRole('button', { name: `Copy ${what}`, exact: true }).click()
    await page.getByRole('button', { name: `Copied ${what}`, exact: true }).waitFor()
    return await page.evaluate(() => navigator.clipboard.readText())
  }
  assert.equal(await copied('the answer'), SAMPLE)
  assert.equal(await copied('the code'), "const a = 1\n\nconst b = '<b>'")
})

test('the page shows raw text if one wants it, and remembers that', async (t) => {
  const service = await Service.start(t, answering(SAMPLE))
  const page = await openPage(t, service)
  const text = await shownAs(page)
  await page.getByRole('button', { name: 'Text: formatted' }).press('Enter')
  await holds(text, SAMPLE)
  await page.reload()
  await holds(written(page, 'answerer'), SAMPLE)
  await ask(page, 'again?')
  await page.locator('.question').getByText('again?').waitFor()
  await standsAt(page, 'answerer', 'done')
  await holds(written(page, 'answerer'), SAMPLE)
  await page.getByRole('button', { name: 'Text: raw' }).press('Enter')
  await text.locator('h3').waitFor()
})

test('the line of a folded lane has the words, and not the marks of Markdown', () => {
  const text = '## How\n\n- Rivers carry **sand**\n- `load`, 2 * 3 > 5\n1. It goes on'
  assert.equal(firstWords(text), 'How Rivers carry sand load, 2 * 3 > 5 1. It goes on')
  assert.equal(lastWords(text), firstWords(text))
})

test('what only looks like markup stays as it was written', async (t) => {
  const plain = [
    'file_name_here and snake_case is _',
    'a * b < c > d, [not a link] and 2 ** 3',
    'an *asterisk, a **pair and a `tick without an end',
    '[x](javascript:alert(1) and [y](data:text/html,<script>alert(2)</script>',
    '![z](data:image/png;base64,AAAA) and [w](//example.org) and [v](file:///etc/passwd)',
    '<script>alert(3)</script> <img src=x onerror="alert(4)"> <style>*{display:none}</style>',
    '<a href="javascript:alert(5)">k</a> &lt;b&gt; <br\u202e',
  ]
  for (const size of [1, 5_000]) {
    const service = await Service.start(t, answering(plain.join('\n\n'), size))
    const page = await openPage(t, service)
    const text = await shownAs(page)
    assert.deepEqual(await text.locator('p').allTextContents(), plain)
    assert.equal(await text.locator('a').count(), 0)
  }
})

const LENGTH = 100_000
const HOSTILE: Record<string, string> = {
  'an address without an end': `[a](${'x'.repeat(LENGTH)}`,
  'an image in the text': `![a](data:image/png;base64,${'A'.repeat(LENGTH)})\n\nafter`,
  'a bare address': `http://${'x'.repeat(LENGTH)}`,
  quotes: `${'>'.repeat(LENGTH)} q`,
  lists: `${'- '.repeat(LENGTH / 2)}q`,
  emphasis: `${'*a _b '.repeat(LENGTH / 6)} q`,
  stars: `${'*'.repeat(LENGTH)} q`,
  ticks: `${'`'.repeat(LENGTH)} q`,
  brackets: `${'['.repeat(LENGTH)} q`,
  digits: `${'1'.repeat(LENGTH)} q`,
  'an open fence': `\`\`\`js\n${'let a = 1\n'.repeat(LENGTH / 10)}q`,
  'a wide table': `${'| a '.repeat(LENGTH / 4)}|\n\nq`,
  'a long table': `| a | b |\n|---|---|\n${'| 1 | 2 |\n'.repeat(LENGTH / 10)}\nq`,
  paragraphs: `${'*a*\n\n'.repeat(LENGTH / 5)}q`,
}

test('a hostile text of 100,000 characters is shown whole', async (t) => {
  for (const [name, hostile] of Object.entries(HOSTILE)) {
    await t.test(name, async (t) => {
      const service = await Service.start(t, answering(hostile, 4_096))
      const page = await openPage(t, service)
      const began = performance.now()
      const text = await shownAs(page)
      t.diagnostic(`${Math.round(performance.now() - began)} ms`)
      const letters = /[^\p{L}\p{N}]/gu
      const shown = ((await text.textContent()) ?? '').replace(letters, '')
      assert.equal(shown.slice(-20), hostile.replace(letters, '').slice(-20))
      const deepest = await text.evaluate((root) => {
        const walker = document.createTreeWalker(root)
        let most = 0
        while (walker.nextNode()) {
          let depth = 0
          for (let one = walker.currentNode; one !== root; one = one.parentNode as Node) depth++
          most = Math.max(most, depth)
        }
        return most
      })
      assert.ok(deepest < 40, `${deepest} levels`)
    })
  }
})

test('what a paragraph shows as it is ends with the paragraph', async (t) => {
  const service = await Service.start(t, answering(`[a](${'x'.repeat(9_000)}\n\n**after**`, 11))
  const page = await openPage(t, service)
  const text = await shownAs(page)
  assert.equal(((await text.textContent()) ?? '').match(/x/g)?.length, 9_000)
  assert.deepEqual(await text.locator('strong').allTextContents(), ['after'])
})

test('what is shown is not made anew by what follows', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: () => {} })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  const exchange = await service.upstream.request(0)
  exchange.open().delta('[[ ## answer ## ]]\n**first** word')
  await holds(written(page, 'answerer'), 'first word')
  const first = await written(page, 'answerer').locator('strong').elementHandle()
  exchange.delta('s, and\n\n| a |\n|---|\n| ').delta('1 |\n\n```\ncode\n').delta('```\nlast')
  await written(page, 'answerer').getByText('last').waitFor()
  assert.equal(await first?.evaluate((one) => one.isConnected && one.textContent), 'first')
  exchange.delta('.').finish()
  await standsAt(page, 'answerer', 'done')
  assert.equal(await written(page, 'answerer').locator('p').first().textContent(), 'first words, and')
})

test('the Markdown of a lane that begins anew begins anew', async (t) => {
  const service = await Service.start(t, {
    program: retold,
    script: (exchange) => exchange.field === 'aside' && exchange.answer({ aside: 'stays' }),
  })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  const first = await service.upstream.request(1)
  first
    .open()
    .delta('[[ ## reasoning ## ]]\nat length\n\n[[ ## answer ## ]]\n```\nan **open** fence of long ')
  await written(page, 'ask').locator('pre').waitFor()
  first.delta('text').finish()
  const second = await service.upstream.request(2)
  await holds(written(page, 'ask'), '')
  second.open().delta('[[ ## reasoning ## ]]\nbriefly\n\n[[ ## answer ## ]]\na **short** one').finish()
  await standsAt(page, 'ask', 'done')
  await holds(written(page, 'ask'), 'a short one')
  assert.deepEqual(await written(page, 'ask').locator('strong').allTextContents(), ['short'])
  assert.equal(await written(page, 'ask').locator('pre').count(), 0)
})

test('axe finds nothing in Markdown, which fits a phone and can be reached by keyboard', async (t) => {
  const wide = `${SAMPLE}\n\n\`\`\`\n${'wide '.repeat(80)}\n\`\`\`\n\n|${'a wide cell |'.repeat(20)}\n|${'---|'.repeat(20)}\n`
  for (const colorScheme of ['light', 'dark'] as const) {
    const service = await Service.start(t, answering(wide))
    const page = await openPage(t, service, {
      bypassCSP: true, // for axe, which is a script of its own
      colorScheme,
      viewport: { width: 360, height: 740 },
    })
    await shownAs(page)
    assert.equal(await isTooWide(page), false)
    await page.addScriptTag({ path: axe })
    assert.deepEqual(await findings(page), [])
    const code = page.getByRole('group', { name: 'Code', exact: true }).last()
    await page.getByRole('button', { name: 'Copy the code' }).last().focus()
    await page.keyboard.press('Tab')
    assert.equal(await code.evaluate((one) => one === document.activeElement), true)
  }
})
