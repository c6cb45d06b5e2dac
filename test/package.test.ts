/** What `npm pack` packs, where `npm install` would put it: the command, and what programs import. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { folderOf } from './support/program-files.ts'
import { Upstream } from './support/upstream.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../', import.meta.url))

const MINE = `import { type Program, predict, program } from 'tributary'
import { z } from 'zod'

const types = { Line: z.object({ item: z.string(), quantity: z.int() }) }
const read = predict('question -> lines: list[Line], answer', { types })

export const made: Program<{ readonly question: string }> = program(
  'question: str -> answer: str, total: int',
  { read },
  async ({ read }, { question }) => {
    const { lines, answer } = await read({ question })
    return { answer, total: lines.reduce((sum, { quantity }) => sum + quantity, 0) }
  },
)
export default made
`

test('the package is packed, and works in an empty project', async (t) => {
  const folder = folderOf(t, { 'mine.ts': MINE, 'package.json': '{"private": true}' })
  const packing = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  const [{ filename, files, size }] = JSON.parse(packing.stdout) as [
    { filename: string; files: { path: string }[]; size: number },
  ]
  const { dependencies, bin, engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

  // What npm would do, without a registry.
  const modules = join(folder, 'node_modules')
  await mkdir(join(modules, 'tributary'), { recursive: true })
  await mkdir(join(modules, '.bin'))
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', join(modules, 'tributary')])
  for (const name of Object.keys(dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
  await chmod(join(modules, 'tributary', bin.tributary), 0o755)
  await symlink(`../tributary/${bin.tributary}`, join(modules, '.bin/tributary'))

  const upstream = await Upstream.start((exchange) =>
    exchange.answer({ lines: '[{"item": "nut", "quantity": 2}]', answer: 'Yes.' }),
  )
  t.after(() => upstream.close())
  const { HOME = '/' } = process.env
  const env = {
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    HOME,
    OPENAI_BASE_URL: upstream.url,
    PORT: '0',
  }
  const tributary = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const child = execFile('npx', ['tributary', ...args], { cwd: folder, env }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      )
      child.stdin?.end()
    })

  await t.test('it is small, and holds neither sources nor tests', () => {
    const strange = files.filter(
      ({ path }) =>
        !/^(lib\/.*\.(js|d\.ts)|lib\/lm\/local\/weights\.requirements\.txt|dist\/browser\/[^/.][^/]*|LICENSE|README\.md|package\.json)$/.test(
          path,
        ),
    )
    assert.deepEqual(strange, [])
    assert.ok(size < 400_000, `${size} bytes`)
  })

  await t.test('check', async () => {
    const { code, stdout, stderr } = await tributary('check', './mine.ts')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^The program 'mine'\n {2}takes {4}question\n {2}returns {2}answer, total: int\n/)
    assert.match(stdout, /Its types are not checked: that takes `npm install --save-dev typescript`\.\n$/)
    await writeFile(join(folder, 'wrong.ts'), MINE.replace('list[Line]', 'list[Lines]'))
    const wrong = await tributary('check', 'wrong.ts')
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
    assert.match(wrong.stderr, /^wrong\.ts:5:14: The signature [^\n]* has the type 'Lines'[^\n]*\n$/)
  })

  await t.test('ask', async () => {
    const { code, stdout } = await tributary('ask', './mine.ts', 'Why?')
    assert.deepEqual([code, stdout], [0, 'Yes.\n'])
  })

  await t.test('serve, with the page and the client', async (t) => {
    // Not by npx, which keeps a signal to itself.
    const service = spawn(join(modules, '.bin/tributary'), ['serve', './mine.ts'], { cwd: folder, env })
    t.after(() => service.kill('SIGKILL'))
    let output = ''
    for await (const piece of service.stdout.setEncoding('utf8')) {
      output += piece
      if (output.includes('"ready"')) break
    }
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] as string
    const { name } = (await (await fetch(`${url}/v1/program`)).json()) as { name: string }
    assert.equal(name, 'mine')
    for (const path of ['/', '/client.js', '/client.d.ts', '/openapi.json', '/docs']) {
      assert.equal((await fetch(url + path)).status, 200, path)
    }
    service.kill('SIGTERM')
    if (service.exitCode === null && service.signalCode === null) await once(service, 'exit')
  })

  await t.test('what it exports has its types in a strict project', async () => {
    await symlink(join(root, 'node_modules/typescript'), join(modules, 'typescript'))
    const wrong = `${MINE}
      import { streamRun } from 'tributary/client'
      import { useRun } from 'tributary/react'
      export const answerOf = () => useRun({ url: '/' }).state.prediction?.answer
      streamRun({ url: 'http://127.0.0.1:8000', question: 'Why?' })
      // @ts-expect-error the predictor has no such input
      program({ read }, ({ read }) => read({ questions: 'Why?' }))
      // @ts-expect-error there is no such type
      predict('question -> answer: string')`
    await writeFile(join(folder, 'types.ts'), wrong)
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          noEmit: true,
          target: 'ESNext',
          module: 'NodeNext',
          types: [],
          lib: ['ESNext', 'DOM'],
        },
        files: ['types.ts'],
      }),
    )
    await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { cwd: folder }).catch(
      ({ stdout }) => assert.fail(stdout),
    )
    const right = await tributary('check', 'mine.ts')
    assert.equal(right.stderr, '')
    assert.match(right.stdout, /\nIts types are right, says TypeScript 7\.[^\n]*\n$/)
    await writeFile(join(folder, 'wrong.ts'), MINE.replace('{ question })\n', '{ questions: question })\n'))
    const checked = await tributary('check', 'wrong.ts')
    assert.equal(checked.code, 2)
    assert.match(checked.stderr, /^wrong\.ts\(\d+,\d+\): error TS/)
  })

  await t.test('an older Node is told in a line what it takes', async () => {
    assert.equal(engines.node, '^24.16.0 || >=26.1.0')
    const under = (version: string) => {
      const node = `data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"${version}"}});Object.defineProperty(process,"version",{value:"v${version}"})`
      const args = ['--import', node, join(modules, '.bin/tributary'), 'help']
      return run(process.execPath, args).catch((error) => error)
    }
    for (const older of ['20.19.0', '24.15.0', '25.9.0', '26.0.0']) {
      const { code, stderr } = await under(older)
      assert.equal(code, 1)
      assert.equal(
        stderr,
        `tributary needs Node 24.16, 26.1 or later, and this is v${older}. \`npm install node@24\` gives npx one of its own.\n`,
      )
    }
    for (const newer of ['24.16.0', '24.21.0', '26.1.0', '27.0.0'])
      assert.doesNotMatch((await under(newer)).stderr, /needs Node/)
  })
})
