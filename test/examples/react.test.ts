/** The example `examples/react`, built by its own Vite and run in a real browser. `scripts/example-setup.sh` installs it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { programTypes } from '../../src/cli/program-types.ts'
import { describePrograms } from '../../src/client/index.ts'
import { holds, openTab } from '../support/browser.ts'
import { Service } from '../support/service.ts'
import { echo } from '../support/upstream.ts'

const run = promisify(execFile)
const EXAMPLE = fileURLToPath(new URL('../../examples/react/', import.meta.url))
const TYPES = { html: 'text/html', js: 'text/javascript' } as const

/** Builds the app for a service, and serves it. */
async function appFor(t: TestContext, { url }: Service): Promise<{ url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-example-'))
  t.after(() => rm(folder, { recursive: true }))
  await run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--outDir', folder], {
    cwd: EXAMPLE,
    env: { ...process.env, VITE_TRIBUTARY_URL: url },
  })
  const server = createServer(async ({ url }, response) => {
    const path = url === '/' ? '/index.html' : (url as string)
    const type = TYPES[path.split('.').at(-1) as keyof typeof TYPES]
    response.setHeader('content-type', type).end(await readFile(join(folder, path)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('the React example asks, shows what is written, stops, and says what went wrong', async (t) => {
  const service = await Service.start(t, {
    script: (exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nSo far`),
  })
  const page = await openTab(t, await appFor(t, service), '/', {}, [service])
  const lane = (name: string) => page.getByRole('region', { name, exact: true })
  const ask = async (question: string) => {
    await page.getByLabel('Question').fill(question)
    await page.getByRole('button', { name: 'Ask' }).click()
  }
  await ask('Why?')
  await holds(lane('ideas.brainstorm').locator('p'), 'So far')
  assert.equal(
    await lane('compose').locator('h2').textContent(),
    'compose: waits for ideas.brainstorm and evidence.probe',
  )
  await page.getByRole('button', { name: 'Stop' }).click()
  await lane('evidence.probe').getByText('stopped').waitFor()
  await service.assertQuiet('client_closed')

  service.upstream.script = echo
  await ask('Why again?')
  await page.getByRole('status').getByText('The answer has 20 characters.').waitFor()
  assert.equal(await lane('compose').locator('p').textContent(), 'answer on Why again?')
  await ask(' ')
  await page.getByRole('alert').waitFor()
})

test('its code is short, compiles, and its types are those of the service', async (t) => {
  const app = await readFile(join(EXAMPLE, 'src/app.tsx'), 'utf8')
  assert.ok(app.split('\n').filter((line) => line !== '').length < 30)
  const service = await Service.start(t)
  const { programs } = await describePrograms({ url: service.url })
  assert.equal(await readFile(join(EXAMPLE, 'src/programs.ts'), 'utf8'), programTypes(programs))
  const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  await run(process.execPath, [compiler, '-p', EXAMPLE]).catch(({ stdout }) => assert.fail(stdout))
})
