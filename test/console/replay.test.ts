/**
 * Recorded runs, shown again. The files in `test/fixtures/runs` are what each face made of them; after a change that is
 * meant, `node --test --test-update-snapshots test/console/replay.test.ts` writes them anew.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text as readAll } from 'node:stream/consumers'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readOptions } from '../../src/console/options.ts'
import { Service } from '../support/service.ts'
import { Terminal } from '../support/terminal.ts'
import { only } from '../support/upstream.ts'

const ASK = 'src/console/ask.ts'
const root = fileURLToPath(new URL('../../', import.meta.url))
const FIXTURES = join(root, 'test/fixtures/runs')
const SKY = 'examples/runs/sky.jsonl'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'runs-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

/** Without a model, without a key and without a service: a run would fail. */
const NOTHING = { OPENAI_BASE_URL: 'http://127.0.0.1:9', OPENAI_API_KEY: '', LM: 'openai' }

async function pipe(args: readonly string[], env: Record<string, string> = NOTHING) {
  const child = spawn(process.execPath, [ASK, ...args], { cwd: root, env: { ...process.env, ...env } })
  child.stdin.end()
  const [stdout, stderr, [code]] = await Promise.all([
    readAll(child.stdout),
    readAll(child.stderr),
    once(child, 'close'),
  ])
  return { stdout, stderr, code: code as number }
}

const replay = (path: string, ...args: string[]) => pipe(['--replay', path, '--speed', 'max', ...args])

/** @param last how the last line begins: what a program wrote may arrive after its end */
async function board(t: TestContext, args: readonly string[], last: string) {
  const terminal = new Terminal(t, [ASK, ...args], NOTHING)
  const code = await terminal.exited
  return { code, lines: await terminal.until((lines) => lines.at(-1)?.startsWith(last) ?? false) }
}

const RUNS = [
  ['sky', SKY, 0, '✔ [compose]'],
  ['degraded', 'test/fixtures/runs/degraded.jsonl', 0, '▲ '],
  ['reset', 'test/fixtures/runs/reset.jsonl', 0, '✔ [ask'],
  ['failed', 'test/fixtures/runs/failed.jsonl', 1, 'ain may help'],
] as const

for (const [name, path, exitCode, last] of RUNS) {
  test(`${name}: a pipe, JSON and a terminal show the recorded run as they did`, async (t) => {
    const golden = (face: string, text: string) =>
      t.assert.fileSnapshot(text, join(FIXTURES, `${name}.${face}.txt`), { serializers: [String] })
    const [plain, json, drawn] = await Promise.all([
      replay(path),
      replay(path, '--json', '--reasoning'),
      board(t, ['--replay', path, '--speed', 'max'], last),
    ])
    for (const { code } of [plain, json, drawn]) assert.equal(code, exitCode)
    golden('plain', `${plain.stdout}---\n${plain.stderr}`)
    golden('board', `${drawn.lines.join('\n')}\n`)
    const frames = readFileSync(join(root, path), 'utf8').trimEnd().split('\n').slice(1)
    assert.equal(
      json.stdout,
      frames.map((line) => `${line.replace(/^\{"at":\d+,"frame":/, '').slice(0, -1)}\n`).join(''),
    )
  })
}

test('a cut recording shows what came, and says that it is cut', async (t) => {
  const path = join(folder(t), 'cut.jsonl')
  const lines = readFileSync(join(root, SKY), 'utf8').split('\n')
  writeFileSync(path, `${lines.slice(0, 90).join('\n')}\n${lines[90]?.slice(0, 20)}`)
  const { code, lines: shown } = await board(t, ['--replay', path, '--speed', 'max'], 'The recording is cut')
  assert.equal(code, 1)
  t.assert.fileSnapshot(`${shown.join('\n')}\n`, join(FIXTURES, 'cut.board.txt'), { serializers: [String] })
  const plain = await replay(path, '--reasoning')
  assert.deepEqual([plain.code, plain.stdout], [1, ''])
  assert.match(plain.stderr, /^\[evidence\.probe reasoning\] Rayleigh/m)
  assert.match(plain.stderr, /\nThe recording is cut: it ends before its run does\.\n$/)
})

test('a replay shows exactly what its live run showed', async (t) => {
  const service = await Service.start(t)
  const path = join(folder(t), 'run.jsonl')
  const ask = ['--url', service.url, '--record', path, 'why?']
  for (const args of [[], ['--json', '--reasoning']]) {
    const live = await pipe([...ask, ...args])
    assert.deepEqual(await replay(path, ...args), live)
    assert.equal(live.code, 0)
  }
  const live = await board(t, ask, '✔ [compose]')
  assert.deepEqual(await board(t, ['--replay', path, '--speed', 'max'], '✔ [compose]'), live)
  const [head, ...frames] = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual([head.tributary, head.inputs, head.model], [1, { question: 'why?' }, 'gpt-5-mini'])
  assert.ok(frames.some(({ frame }) => frame.type === 'usage'))
  assert.ok(frames.some(({ frame }) => frame.field === 'reasoning'))

  service.upstream.script = (exchange) => exchange.refuse(401)
  const failed = await pipe(ask)
  assert.deepEqual(await replay(path), failed)
  assert.equal(failed.code, 1)
})

test('a replay waits as its run did, or not at all', async (t) => {
  const path = join(folder(t), 'slow.jsonl')
  const head = { tributary: 1, program: 'p', inputs: {}, at: new Date(0).toISOString() }
  const token = { type: 'token', predictor: 'ask', field: 'answer', chunk: 'so', is_last: true }
  const lines = [head, { at: 0, frame: token }, { at: 3_600_000, frame: { type: 'prediction', data: {} } }]
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const { code, stdout } = await replay(path)
  assert.deepEqual([code, stdout], [0, '{}\n'], 'an hour takes no time')

  const child = spawn(process.execPath, [ASK, '--json', '--replay', path], { cwd: root })
  const [first] = await once(createInterface({ input: child.stdout }), 'line')
  assert.deepEqual(JSON.parse(first), token)
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'close'), [130, null], 'it was waiting')
})

test('a run that is killed leaves a recording of what came', async (t) => {
  const service = await Service.start(t, {
    script: only('answer', (exchange) => exchange.open().delta('[[ ## answer ## ]]\nso it begins')),
  })
  const path = join(folder(t), 'run.jsonl')
  const args = [ASK, '--json', '--url', service.url, '--record', path, 'why?']
  const child = spawn(process.execPath, args, { cwd: root })
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('so it begins')) child.kill('SIGKILL')
  }
  const { code, stderr } = await replay(path)
  assert.equal(code, 1)
  assert.match(stderr, /The recording is cut/)
  assert.ok(readFileSync(path, 'utf8').endsWith('"chunk":"so it begins","is_last":false}}\n'))
})

test('what can’t be read or written, or isn’t a recording, is said in a sentence', async (t) => {
  const service = await Service.start(t)
  const within = folder(t)
  const path = join(within, 'run.jsonl')
  const ask = ['--url', service.url, 'why?', '--record']
  const unwritable = await pipe([...ask, join(within, 'nowhere/run.jsonl')])
  assert.deepEqual([unwritable.code, unwritable.stdout], [2, ''])
  assert.equal(unwritable.stderr, `${within}/nowhere/run.jsonl: it can't be written (ENOENT).\n`)
  const unreadable = await replay(path)
  assert.deepEqual([unreadable.code, unreadable.stderr], [2, `${path}: it can't be read (ENOENT).\n`])

  writeFileSync(path, `${readFileSync(join(root, SKY), 'utf8').split('\n', 5).join('\n')}\n{"at":9}\n`)
  const faulty = await replay(path)
  assert.deepEqual([faulty.code, faulty.stdout], [2, ''])
  assert.ok(faulty.stderr.endsWith(`\n${path}: Line 6 has no frame.\n`), faulty.stderr)

  const before = readFileSync(path, 'utf8')
  const refused = await pipe(['--url', service.url, '--record', path, '--input', 'question= '])
  assert.equal(refused.code, 2)
  assert.equal(readFileSync(path, 'utf8'), before, 'a run that never began leaves the file as it was')
  assert.equal(service.upstream.exchanges.length, 0)
})

test('a replay asks nothing, and has a speed', () => {
  for (const [args, message] of [
    [['--replay', 'a', 'why?'], '--replay a asks nothing, so it takes no question.'],
    [['--replay', 'a', '--url', 'http://a'], '--replay a asks nothing, so it takes no --url.'],
    [['--replay', 'a', '--record', 'b'], '--replay a asks nothing, so it takes no --record.'],
    [['--replay', 'a', '--speed', '0'], "--speed needs a number such as 1 or 10, or max, not '0'."],
    [['--replay', 'a', '--speed', 'fast'], "--speed needs a number such as 1 or 10, or max, not 'fast'."],
    [['--speed', '2', 'why?'], '--speed is for --replay.'],
  ] as const) {
    assert.throws(() => readOptions(args), { name: 'UsageError', message })
  }
  assert.deepEqual(
    [readOptions(['--replay', 'a']).speed, readOptions(['--replay', 'a', '--speed', '0.5']).speed],
    [1, 0.5],
  )
})
