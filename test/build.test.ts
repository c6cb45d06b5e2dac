/** What browsers get is built where it has to be, and only there. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, symlink, unlink, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

type Ending = { readonly code: number; readonly stderr: string }

test('the build of a clean clone', async (t) => {
  const clone = await mkdtemp(join(tmpdir(), 'tributary-clone-'))
  t.after(() => rm(clone, { recursive: true }))
  for (const path of ['src', 'scripts', 'package.json', 'package-lock.json']) {
    await cp(join(ROOT, path), join(clone, path), { recursive: true })
  }
  const install = () => symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
  const run = (path: string) =>
    new Promise<Ending>((resolve) => {
      const env = { PORT: '0', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }
      execFile(process.execPath, [path], { cwd: clone, env }, (error, _stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stderr }),
      )
    })
  const built = (name: string) => readFile(join(clone, 'dist/browser', name), 'utf8')
  const done = { code: 0, stderr: '' }

  await install()
  await t.test('without it the service says what to run', async () => {
    assert.deepEqual(await run('src/server.ts'), {
      code: 1,
      stderr: "The browser file client.js isn't built. Run `npm run build`.\n",
    })
  })

  await t.test('makes files that import nothing but the app’s React', async () => {
    assert.deepEqual(await run('scripts/build.ts'), done)
    for (const name of ['client.js', 'page.js', 'client.d.ts'])
      assert.doesNotMatch(await built(name), /^import /m)
    const imported = [...(await built('react.js')).matchAll(/^import .* from '(.*)'/gm)].map(
      ([, from]) => from,
    )
    assert.deepEqual(imported, ['react', './client.js'])
    assert.ok(
      (await built('page.css')).endsWith(await readFile(join(ROOT, 'src/playground/hidden.css'), 'utf8')),
    )
  })

  await unlink(join(clone, 'node_modules'))
  await t.test('needs no bundler when there is nothing to do', async () => {
    assert.deepEqual(await run('scripts/build.ts'), done)
  })

  const later = new Date(Date.now() + 1_000)
  await utimes(join(clone, 'src/playground/page.ts'), later, later)
  await t.test('says in one line what it needs', async () => {
    const { code, stderr } = await run('scripts/build.ts')
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^The files for browsers can't be built: .*\. Run `npm ci --include=dev [^\n]*`\.\n$/,
    )
  })

  await install()
  for (const name of ['page.js', 'client.d.ts']) {
    await t.test(`makes ${name} again when it is missing`, async () => {
      await unlink(join(clone, 'dist/browser', name))
      assert.deepEqual(await run('scripts/build.ts'), done)
      assert.ok(await built(name))
    })
  }

  await t.test('makes everything again when a source has changed', async () => {
    await unlink(join(clone, 'src/playground/page.css'))
    await cp(join(ROOT, 'LICENSE'), join(clone, 'src/playground/page.css'))
    assert.deepEqual(await run('scripts/build.ts'), done)
    assert.match(await built('page.css'), /^MIT License/m)
  })

  await t.test('is made by npm start, and a signal still reaches the service', async () => {
    await rm(join(clone, 'dist'), { recursive: true })
    const { PATH, HOME } = process.env
    const env = { PATH, HOME, PORT: '0', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }
    const npm = spawn('npm', ['start'], { cwd: clone, env, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    for await (const piece of npm.stdout.setEncoding('utf8')) {
      const wasReady = output.includes('"ready"')
      output += piece
      if (!wasReady && output.includes('"ready"')) npm.kill('SIGTERM')
    }
    if (npm.exitCode === null) await once(npm, 'exit')
    assert.equal(npm.exitCode, 0, output)
    assert.ok((await readdir(join(clone, 'dist'))).includes('compiled'), 'the next start is quicker')
    assert.match(output, /"stopped"/)
  })
})
