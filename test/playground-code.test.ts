/** What the page is made of, and the code that it offers. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ask, openPage, standsAt } from './support/browser.ts'
import { framesOf, Service } from './support/service.ts'

const run = promisify(execFile)

test('the page and all that belongs to it come with a strict policy', async (t) => {
  const service = await Service.start(t)
  for (const path of ['/', '/page.js', '/page.css', '/page.svg', '/favicon.ico']) {
    const response = await fetch(service.url + path)
    assert.equal(response.status, 200)
    const policy = response.headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
    assert.match(policy, /; require-trusted-types-for 'script'; trusted-types 'none'$/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:|data:/)
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('the page names no part of a program', async (t) => {
  const service = await Service.start(t)
  for (const path of ['/', '/page.js', '/page.css']) {
    const text = await (await fetch(service.url + path)).text()
    assert.doesNotMatch(text, /brainstorm|evidence|probe|compose\b/)
  }
})

test('the code that the page offers asks what the page has asked', async (t) => {
  const service = await Service.start(t)
  const page = await openPage(t, service, { permissions: ['clipboard-read', 'clipboard-write'] })
  const question = `Isn't "this" $(nasty) \`code\` \\n \${x} ''?\n—ünï😀`
  await ask(page, question)
  await standsAt(page, 'compose', 'done')
  const copied = async (name: string) => {
    await page.locator('summary').getByText(name, { exact: true }).click()
    await page.getByRole('button', { name: `Copy the ${name} code` }).click()
    await page.getByRole('button', { name: `Copied the ${name} code` }).waitFor()
    return page.evaluate(() => navigator.clipboard.readText())
  }

  const { stdout } = await run('sh', ['-c', await copied('curl')])
  const prediction = framesOf(stdout).at(-1)
  assert.ok(prediction?.type === 'prediction')
  assert.equal(prediction.data.answer, `answer on ${question}`)

  const args = ['--input-type=module', '--eval', await copied('fetch')]
  const { stdout: logged } = await run(process.execPath, args)
  assert.match(logged, /type: 'status'[\s\S]*type: 'usage'[\s\S]*type: 'prediction'/)
  const asked = service.upstream.asking('answer').map((exchange) => exchange.input('question'))
  assert.deepEqual(asked, [question, question, question])
  await service.assertQuiet('ok', 'ok', 'ok')
})
