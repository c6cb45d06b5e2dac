import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { clientTypes, reactTypes } from '../../scripts/browser/client-types.ts'
import { Service } from '../support/service.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

test('the declarations that are served are those of the sources', async () => {
  assert.equal(await readFile(join(root, 'dist/browser/client.d.ts'), 'utf8'), await clientTypes())
  assert.equal(await readFile(join(root, 'dist/browser/react.d.ts'), 'utf8'), await reactTypes())
})

test('the client’s package is packed, and JavaScript and strict TypeScript projects import it', async (t) => {
  await run(process.execPath, ['scripts/build-client.ts'], { cwd: root })
  const folder = await mkdtemp(join(tmpdir(), 'tributary-client-'))
  t.after(() => rm(folder, { recursive: true }))
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: join(root, 'dist/client'),
  })
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'LICENSE',
    'client.d.ts',
    'client.js',
    'package.json',
    'react.d.ts',
    'react.js',
  ])

  // Unpacked where npm would put it: nothing is fetched for a package without dependencies.
  const installed = join(folder, 'node_modules/tributary-client')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed])
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')

  await t.test('plain JavaScript', async (t) => {
    const service = await Service.start(t)
    const program = `
      import { streamRun } from 'tributary-client'
      for await (const frame of streamRun({ url: process.argv[2], question: 'why' })) {
        if (frame.type === 'prediction') console.log(frame.data.answer)
      }`
    await writeFile(join(folder, 'ask.js'), program)
    const { stdout } = await run(process.execPath, [join(folder, 'ask.js'), service.url])
    assert.equal(stdout, 'answer on why\n')
  })

  await t.test('the React hook, with the client’s own errors', async () => {
    await symlink(join(root, 'node_modules/react'), join(folder, 'node_modules/react'))
    const program = `
      import { RefusedError } from 'tributary-client'
      import * as client from 'file://${installed}/client.js'
      import { useRun } from 'tributary-client/react'
      console.log(typeof useRun, RefusedError === client.RefusedError)`
    await writeFile(join(folder, 'hook.js'), program)
    const { stdout } = await run(process.execPath, [join(folder, 'hook.js')])
    assert.equal(stdout, 'function true\n')
    assert.match(
      await readFile(join(installed, 'react.js'), 'utf8'),
      /^import \{[^}]*RefusedError[^}]*\} from '\.\/client\.js'/m,
    )
  })

  await t.test('strict TypeScript', async () => {
    const program = `
      import { type Frame, RefusedError, reduceRun, type RunState, startRun, streamRun } from 'tributary-client'
      import { useRun } from 'tributary-client/react'
      let state: RunState = startRun({ predictors: [] }, 0)
      for await (const frame of streamRun({ url: 'http://127.0.0.1:8000', question: 'why' })) {
        state = reduceRun(state, frame, 1)
        if (frame.type === 'token') frame.chunk satisfies string
        // @ts-expect-error frames have no such key
        frame.colour
      }
      type Invoice = {
        name: 'invoice'
        inputs: { text: string }
        outputs: { total: number }
        predictors: { read: 'lines' }
      }
      const answers = () => useRun<Invoice>({ url: 'http://127.0.0.1:8000', program: 'invoice' })
      export const ask = () => {
        const { state, start } = answers()
        start({ text: 'nuts' })
        // @ts-expect-error it takes a text
        start('nuts')
        if (state.failure?.kind === 'refused') state.failure.error.faults satisfies readonly object[]
        if (state.failure?.kind === 'failed') state.failure.error.code satisfies string
        state.lanes[0]?.predictor satisfies 'read' | undefined
        return state.prediction?.total satisfies number | undefined
      }
      const codeOf = (error: unknown) => (error instanceof RefusedError ? error.code : undefined)
      export const last: Frame['type'] | undefined = undefined
      export { codeOf }`
    await writeFile(join(folder, 'ask.ts'), program)
    const options = {
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        target: 'ESNext',
        module: 'NodeNext',
        types: [],
        lib: ['ESNext', 'DOM'],
      },
      files: ['ask.ts'],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options))
    await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch(({ stdout }) => assert.fail(stdout))
  })

  await t.test('it is what the service serves', async (t) => {
    const service = await Service.start(t)
    const served = async (path: string) => await (await fetch(service.url + path)).text()
    const built = (path: string) => readFile(join(installed, path), 'utf8')
    assert.equal(await served('/client.js'), await built('client.js'))
    assert.equal(await served('/client.d.ts'), await built('client.d.ts'))
  })
})
