/** Tools, branches that fail alone and conversations on the page, as somebody at a browser sees them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { predict } from '../src/core/predictor.ts'
import { module, program } from '../src/core/program.ts'
import { tool } from '../src/core/tool.ts'
import { ask, holds, lane, openPage, standsAt, written } from './support/browser.ts'
import { Service } from './support/service.ts'
import { only } from './support/upstream.ts'

test('a tool has a lane, and a branch that failed says that the run goes on without it', async (t) => {
  const made = program(
    {
      search: tool('question -> passages: list[str]', async function* ({ question }, { status }) {
        status('Looking.')
        yield question
      }),
      evidence: module(
        { probe: predict('question -> evidence') },
        { fail: 'No evidence today.', required: false },
      ),
      never: tool('passages: list[str] -> found', async () => ({ found: '' })),
      compose: predict('question, evidence -> answer'),
    },
    async ({ search, evidence, compose }, { question }) => {
      const [, probed] = await Promise.all([search({ question }), evidence.probe({ question })])
      return compose({ question, evidence: probed?.evidence ?? 'none' })
    },
  )
  const service = await Service.start(t, {
    program: made,
    script: only('evidence', (exchange) => exchange.refuse(401)),
  })
  const page = await openPage(t, service)
  await ask(page, 'why?')
  await standsAt(page, 'compose', 'done')
  await standsAt(page, 'search', 'done')
  await standsAt(page, 'evidence.probe', 'failed: the run goes on without it')
  await standsAt(page, 'never', 'not run')
  await holds(written(page, 'search'), '["why?"]')
  await holds(lane(page, 'evidence.probe').locator('.message'), 'No evidence today.')
  assert.equal(await page.locator('.notice').count(), 0)
  await service.assertQuiet('ok')
})

test('a question follows up on the last answer, until a new conversation begins', async (t) => {
  const made = program(
    'question: str, history: History -> reply: str',
    { talk: predict('question, history: History -> reply') },
    async ({ talk }, asked) => talk(asked),
  )
  const service = await Service.start(t, { program: made })
  const page = await openPage(t, service)
  const note = page.locator('.conversation')
  const asked = async (question: string, nth: number) => {
    await ask(page, question)
    await holds(written(page, 'talk'), `reply on ${question}`)
    await standsAt(page, 'talk', 'done')
    const { body } = await service.upstream.request(nth)
    return body.messages.slice(1).map(({ content }) => content.split('\n')[1])
  }
  assert.equal(await note.isVisible(), false)
  assert.deepEqual(await asked('first', 0), ['first'])
  await note.getByText('The next question follows up on the last answer.').waitFor()
  assert.deepEqual(await asked('second', 1), ['first', 'reply on first', 'second'])
  await note.getByText('The next question follows up on 2 earlier answers.').waitFor()
  await note.getByRole('button', { name: 'New conversation' }).click()
  assert.equal(await note.isVisible(), false)
  assert.deepEqual(await asked('third', 2), ['third'])
  await service.assertQuiet('ok', 'ok', 'ok')
})
