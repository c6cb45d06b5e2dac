/** `npm run dev`: what is changed is served, and a fault waits for the next change. */
import '../scripts/build.ts'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { folderOf, programText } from './support/program-files.ts'

const DEV = fileURLToPath(new URL('../scripts/dev.ts', import.meta.url))

test('the service starts again with what has changed, and ends when it is told to', async (t) => {
  const folder = folderOf(t, {
    'work/empty': '',
    'programs/one.ts': `import { text } from '../shared/text.ts'\nexport { default } from './_made.ts'\nvoid text`,
    'programs/_made.ts': programText('a'),
    'shared/text.ts': 'export const text: string = ""',
  })
  const programs = join(folder, 'programs')
  const dev = spawn(process.execPath, [DEV], {
    cwd: join(folder, 'work'),
    env: { PATH: '/usr/bin:/bin', PORT: '0', PROGRAMS: programs, OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' },
  })
  t.after(() => dev.kill('SIGKILL'))
  let output = ''
  for (const stream of [dev.stdout, dev.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      output += piece
    })
  }

  /** Waits until the service that was started last has these programs, with these first predictors. */
  async function serves(expected: Record<string, string>): Promise<void> {
    let seen: unknown
    for (const until = Date.now() + 30_000; Date.now() < until; await sleep(50)) {
      const url = output.match(/http:\/\/127\.0\.0\.1:\d+(?=")/g)?.at(-1)
      const answer = url && (await fetch(`${url}/v1/programs`).catch(() => undefined))
      if (!answer) continue
      const { programs } = (await answer.json()) as {
        programs: { name: string; predictors: { predictor: string }[] }[]
      }
      const own = programs.filter(({ name }) => name !== 'parallel-composer')
      seen = Object.fromEntries(own.map(({ name, predictors }) => [name, predictors[0]?.predictor]))
      if (JSON.stringify(seen) === JSON.stringify(expected)) return
    }
    assert.fail(`It serves ${JSON.stringify(seen)}.\n${output}`)
  }
  async function said(words: RegExp): Promise<void> {
    for (const until = Date.now() + 30_000; Date.now() < until; await sleep(50))
      if (words.test(output)) return
    assert.fail(output)
  }

  await serves({ one: 'a' })
  writeFileSync(join(programs, '_made.ts'), programText('b'))
  await serves({ one: 'b' })
  writeFileSync(join(programs, 'two.ts'), programText('c'))
  await serves({ one: 'b', two: 'c' })
  writeFileSync(join(folder, 'shared/text.ts'), 'export const text: = ""')
  await said(/text\.ts:1: /)
  writeFileSync(join(folder, 'shared/text.ts'), 'export const text = ""')
  const begun = output.length
  await said(new RegExp(`^[^]{${begun}}[^]*"ready"`))

  dev.kill('SIGTERM')
  const [code] = dev.exitCode === null ? await once(dev, 'exit') : [dev.exitCode]
  assert.equal(code, 0)
  assert.match(output, /"stopped"[^\n]*\n$/)
})
