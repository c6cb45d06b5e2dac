/** The page in Firefox: its main states, in both themes, on a phone and on a desk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { predict } from '../src/core/predictor.ts'
import { program } from '../src/core/program.ts'
import { ask, findingsAt, openInFirefox, shows } from './support/firefox.ts'
import { Service } from './support/service.ts'
import { only } from './support/upstream.ts'

const WIDTHS = [360, 1200]

const MARKDOWN =
  '# Why\n\nIt is **blue**, since:\n\n1. `one`\n2. two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n'

test('in Firefox a run streams, its answer comes into view as Markdown, and an error stands in its lane', async (t) => {
  const service = await Service.start(t, { script: () => {}, env: { LM_MAX_RETRIES: '0' } })
  const page = await openInFirefox(t, service)
  assert.deepEqual(await findingsAt(page, WIDTHS), [], 'before a run')

  await page.setViewport({ width: 700, height: 500 })
  await ask(page, 'why?')
  const branches = [await service.upstream.request(0), await service.upstream.request(1)]
  await shows(page, '[data-lane="compose"] .standing', 'waits for ideas.brainstorm and evidence.probe')
  for (const branch of branches) branch.open().delta(`[[ ## ${branch.field} ## ]]\nSo far`)
  for (const name of ['ideas.brainstorm', 'evidence.probe'])
    await shows(page, `[data-lane="${name}"] .body .text`, 'So far')
  for (const branch of branches) branch.delta('\nand more.'.repeat(60)).finish()
  const answer = (await service.upstream.request(2)).open()
  answer.delta(`[[ ## reasoning ## ]]\nHmm.\n\n[[ ## answer ## ]]\n${MARKDOWN}`)
  await shows(page, '[data-lane="compose"] strong', 'blue')
  await page.waitForFunction(() => {
    const { top = -1 } = document.querySelector('[data-lane="compose"]')?.getBoundingClientRect() ?? {}
    return top >= 0 && top < innerHeight
  })
  assert.deepEqual(await findingsAt(page, WIDTHS), [], 'while it is written')
  answer.delta('\n\n[[ ## completed ## ]]').finish()
  await shows(page, '[data-lane="compose"] .standing', 'done')
  assert.equal(await page.$eval('[data-lane="compose"] td', (cell) => cell.textContent?.trim()), '1')
  assert.deepEqual(await findingsAt(page, WIDTHS), [], 'done')

  service.upstream.script = only('evidence', (exchange) => exchange.refuse(500))
  await ask(page, 'and now?')
  await shows(page, '[data-lane="evidence.probe"] .standing', 'failed')
  await shows(page, '[data-lane="evidence.probe"] .notice button', 'Ask again')
  assert.deepEqual(await findingsAt(page, WIDTHS), [], 'failed')
  await service.assertQuiet('ok', 'upstream_error')
})

test('in Firefox a run is stopped with Esc, and a question follows up on an answer', async (t) => {
  const talk = program(
    'question: str, history: History -> reply: str',
    { talk: predict('question, history: History -> reply') },
    async ({ talk }, asked) => talk(asked),
  )
  const service = await Service.start(t, { program: talk })
  const page = await openInFirefox(t, service)
  await ask(page, 'first')
  await shows(page, '[data-lane="talk"] .standing', 'done')
  await shows(page, '[data-lane="talk"] .body .text', 'reply on first')
  await ask(page, 'second')
  const { body } = await service.upstream.request(1)
  assert.equal(body.messages.length, 4, 'instructions, the first turn and the question')
  await shows(page, '[data-lane="talk"] .body .text', 'reply on second')
  await shows(page, '[data-lane="talk"] .standing', 'done')

  service.upstream.script = (exchange) => exchange.open().delta('[[ ## reply ## ]]\nSo far')
  await ask(page, 'third')
  await shows(page, '[data-lane="talk"] .body .text', 'So far')
  await page.keyboard.press('Escape')
  await shows(page, '[data-lane="talk"] .standing', 'stopped')
  const stopped = await service.upstream.request(2)
  await stopped.closed
  assert.ok(stopped.wasAborted)
  await service.assertQuiet('ok', 'ok', 'cancelled')
})
