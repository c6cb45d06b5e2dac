/** What `.env` in the working directory does to the command `tributary`. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folderOf, programText } from '../support/program-files.ts'
import { Upstream } from '../support/upstream.ts'

const COMMAND = fileURLToPath(new URL('../../src/tributary.ts', import.meta.url))

/** Asks in a folder with these files. */
async function ask(t: TestContext, files: Record<string, string>, env: Record<string, string> = {}) {
  const upstream = await Upstream.start()
  t.after(() => upstream.close())
  const cwd = folderOf(t, { 'mine.ts': programText('mine'), ...files })
  const environment = { PATH: '/usr/bin:/bin', OPENAI_BASE_URL: upstream.url, ...env }
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [COMMAND, 'ask', 'Why?'],
      { cwd, env: environment },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
    child.stdin?.end()
  })
}

const WHOLE = `# a comment

export OPENAI_MODEL=of-the-file
  LM_ADAPTER = chat # the default
OPENAI_API_KEY="two
lines"
PROGRAM='./mine.ts'
`

test('.env gives what the environment lacks, and nobody hears of one that is missing', async (t) => {
  const { stdout, stderr } = await ask(t, { '.env': WHOLE.replace('two\nlines', 'one') })
  assert.equal(stdout, 'answer on Why?\n', stderr)
  assert.match(stderr, /^of-the-file\n\[mine answer\] /)
  const kept = await ask(t, { '.env': WHOLE.replace('two\nlines', 'one') }, { OPENAI_MODEL: 'of-the-shell' })
  assert.match(kept.stderr, /^of-the-shell\n/)
  const none = await ask(t, {}, { PROGRAM: './mine.ts' })
  assert.deepEqual([none.code, none.stderr], [0, 'gpt-5-mini\n[mine answer] answer on Why?\n'])
})

test('a line of .env that sets nothing is named, and not repeated', async (t) => {
  const { code, stdout, stderr } = await ask(t, { '.env': `${WHOLE}OPENAI_API_KEY sk-secret\n` })
  assert.deepEqual(
    [code, stdout, stderr],
    [2, '', '.env, line 8: expected NAME=value, or a comment after #.\n'],
  )
})

test('.env that is a folder is a line too', async (t) => {
  const { code, stderr } = await ask(t, { [join('.env', 'file')]: '' })
  assert.deepEqual([code, stderr], [2, ".env can't be read (EISDIR).\n"])
})
