/** Runs that go on without the console: asked, left, read again, cancelled; on a terminal and in pipes. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readRun } from '../../src/client/index.ts'
import { readOptions } from '../../src/console/options.ts'
import { frame } from '../../src/core/schemas.ts'
import { oneCall } from '../support/programs.ts'
import { TcpProxy } from '../support/proxy.ts'
import { Service } from '../support/service.ts'
import { Terminal } from '../support/terminal.ts'
import { type Exchange, echo } from '../support/upstream.ts'

const ASK = 'src/console/ask.ts'
const root = fileURLToPath(new URL('../../', import.meta.url))

/** The console without a terminal. */
function askInPipe(t: TestContext, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [ASK, ...args], { cwd: root, env: { ...process.env, ...env } })
  t.after(() => child.kill('SIGKILL'))
  child.stdin.end()
  const over = Promise.all([readAll(child.stdout), readAll(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [code]]) => ({ stdout, stderr, code: code as number }),
  )
  return { child, over }
}

const pipe = (t: TestContext, args: readonly string[], env?: Record<string, string>) =>
  askInPipe(t, args, env).over

/** Begins each answer, and holds it until the test goes on. */
async function heldService(t: TestContext) {
  const held: Exchange[] = []
  const service = await Service.start(t, {
    script: (exchange) => {
      exchange
        .open()
        .delta(`[[ ## reasoning ## ]]\nr\n\n[[ ## ${exchange.field} ## ]]\nso ${exchange.field} `)
      held.push(exchange)
    },
  })
  const goOn = () => {
    service.upstream.script = echo
    for (const exchange of held) exchange.delta('ends').finish()
  }
  return { service, goOn }
}

const idIn = (text: string) => /^run (\S{22})$/m.exec(text)?.[1] ?? ''

const haveBegun = (lines: readonly string[]) => lines.filter((line) => line.includes('so ')).length === 2

test('Ctrl-C leaves a resumable run, says how to come back, and --resume shows it to its end', async (t) => {
  const { service, goOn } = await heldService(t)
  const { url } = service
  const terminal = new Terminal(
    t,
    [ASK, '--url', url, '--resumable', 'why?'],
    { npm_lifecycle_event: 'ask' },
    120,
  )
  const begun = await terminal.until(haveBegun)
  const id = idIn(begun.join('\n'))
  terminal.type('\u0003')
  assert.equal(await terminal.exited, 130)
  const left = await terminal.until((lines) => lines.at(-1)?.includes('--cancel') ?? false)
  assert.deepEqual(left.slice(-3), [
    'The run goes on. To read it, and to cancel it:',
    `  npm run ask -- --url ${url}/ --resume=${id}`,
    `  npm run ask -- --url ${url}/ --cancel=${id}`,
  ])
  assert.equal((await readRun({ url, id })).status, 'running')

  const again = new Terminal(t, [ASK, '--url', url, `--resume=${id}`], {}, 120)
  await again.until(haveBegun)
  goOn()
  assert.equal(await again.exited, 0)
  const ended = await again.until((lines) => lines.at(-1)?.startsWith('✔ [compose]') ?? false)
  assert.equal(ended.at(-3), 'answer on why?')
  await service.assertQuiet('ok')
  assert.equal(service.upstream.exchanges.length, 3)
})

test('in a pipe, a run that was asked and left is read by its id: the answer, or its frames as JSON', async (t) => {
  const { service, goOn } = await heldService(t)
  const { url } = service
  const { child, over } = askInPipe(t, ['--url', url, '--resumable', 'why?'])
  let said = ''
  child.stderr.on('data', (piece) => {
    said += piece
    if (idIn(said)) child.kill('SIGTERM')
  })
  const asked = await over
  assert.equal(asked.code, 143)
  assert.equal(asked.stdout, '')
  const id = idIn(asked.stderr)
  assert.ok(asked.stderr.endsWith(`npx tributary ask --url ${url}/ --cancel=${id}\n`), asked.stderr)
  goOn()
  const { stdout, stderr, code } = await pipe(t, ['--url', url, `--resume=${id}`])
  assert.deepEqual([code, stdout], [0, 'answer on why?\n'], stderr)
  assert.match(stderr, /^\[ideas\.brainstorm brainstorm\] so brainstorm ends$/m)
  assert.doesNotMatch(stderr, /void/)
  const json = await pipe(t, ['--url', url, '--json', `--resume=${id}`])
  const frames = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => frame.parse(JSON.parse(line)))
  assert.deepEqual(
    [frames.at(0), frames.at(-1)?.type, json.code],
    [{ type: 'reset', keep: [] }, 'prediction', 0],
  )
  await service.assertQuiet('ok')
})

test('a resumable run is recorded by who asks it and by who comes back, for replays of each', async (t) => {
  const { service, goOn } = await heldService(t)
  const { url } = service
  const folder = mkdtempSync(join(tmpdir(), 'kept-runs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [left, whole] = [join(folder, 'left.jsonl'), join(folder, 'whole.jsonl')]
  const terminal = new Terminal(t, [ASK, '--url', url, '--resumable', '--record', left, 'why?'], {}, 120)
  const id = idIn((await terminal.until(haveBegun)).join('\n'))
  terminal.type('\u0003')
  assert.equal(await terminal.exited, 130)
  const cut = await pipe(t, ['--json', '--replay', left, '--speed', 'max'])
  assert.equal(cut.code, 1)
  assert.match(cut.stdout, /"chunk":"so evidence/)
  assert.match(cut.stderr, /The recording is cut/)

  goOn()
  const args = ['--url', url, `--resume=${id}`, '--record', whole]
  const resumed = await pipe(t, args)
  assert.deepEqual([resumed.code, resumed.stdout], [0, 'answer on why?\n'], resumed.stderr)
  assert.deepEqual(await pipe(t, ['--replay', whole, '--speed', 'max']), resumed)
  const [head, first] = readFileSync(whole, 'utf8')
    .split('\n')
    .map((line) => line && JSON.parse(line))
  assert.deepEqual([head.program, head.inputs], ['parallel-composer', undefined], 'who comes back didn’t ask')
  assert.deepEqual(first.frame, { type: 'reset', keep: [] })

  // Recorded with all that can be included: what is shown of it is the reader's choice.
  const plain = await pipe(t, ['--url', url, `--resume=${id}`])
  assert.doesNotMatch(plain.stderr, /reasoning\]/)
  const reasoned = await pipe(t, ['--url', url, `--resume=${id}`, '--reasoning'])
  assert.match(reasoned.stderr, /^\[evidence\.probe reasoning\] r$/m)
  await service.assertQuiet('ok')
})

test('--resume knows which program a run is of', async (t) => {
  const service = await Service.start(t, { others: { other: oneCall } })
  const { url } = service
  const asked = await pipe(t, ['--url', url, '--program', 'other', '--resumable', 'why?'])
  const folder = mkdtempSync(join(tmpdir(), 'kept-runs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'run.jsonl')
  const resumed = await pipe(t, ['--url', url, `--resume=${idIn(asked.stderr)}`, '--record', file])
  assert.deepEqual([resumed.code, resumed.stdout], [0, asked.stdout], resumed.stderr)
  const [head] = readFileSync(file, 'utf8').split('\n', 1)
  assert.equal(JSON.parse(head as string).description.name, 'other')
  await service.assertQuiet('ok')
})

test('a run that is cut is read on, and a line says so', async (t) => {
  const { service, goOn } = await heldService(t)
  const proxy = await TcpProxy.start(t, service.url)
  const terminal = new Terminal(t, [ASK, '--url', proxy.url, '--resumable', 'why?'], {}, 120)
  await terminal.until(haveBegun)
  proxy.cut()
  await terminal.until((lines) => lines.some((line) => line.startsWith('Connected again.')))
  goOn()
  assert.equal(await terminal.exited, 0)
  const ended = await terminal.until((lines) => lines.at(-1)?.startsWith('✔ [compose]') ?? false)
  assert.equal(ended.filter((line) => line === 'The connection broke. Connecting again…').length, 1)
  assert.equal(ended.at(-3), 'answer on why?')
  await service.assertQuiet('ok')
})

test('--cancel ends a run, says what it came to, and whoever shows it sees that', async (t) => {
  const { service } = await heldService(t)
  const { url } = service
  const terminal = new Terminal(t, [ASK, '--url', url, '--resumable', 'why?'], {}, 120)
  const id = idIn((await terminal.until(haveBegun)).join('\n'))
  assert.deepEqual(await pipe(t, ['--url', url, `--cancel=${id}`]), {
    stdout: 'The run is cancelled.\n',
    stderr: '',
    code: 0,
  })
  assert.equal(await terminal.exited, 1)
  await terminal.until((lines) => lines.at(-1) === 'The run was cancelled. (cancelled)')
  const again = await pipe(t, ['--url', url, '--json', `--cancel=${id}`])
  assert.equal(JSON.parse(again.stdout).status, 'cancelled')
  await service.assertQuiet('cancelled')
})

test('a run that isn’t there is said to be none, and a service that isn’t too', async (t) => {
  const service = await Service.start(t)
  const [none, silent] = await Promise.all([
    pipe(t, ['--url', service.url, '--resume', 'none']),
    pipe(t, ['--url', 'http://127.0.0.1:1', '--cancel', 'none']),
  ])
  assert.deepEqual([none.stdout, none.code], ['', 1])
  assert.match(none.stderr, /There is no such run: it may have been forgotten\. Ask again\.\n$/)
  assert.deepEqual(silent, {
    stdout: '',
    stderr: 'Nothing answers at http://127.0.0.1:1. Is the service running there?\n',
    code: 1,
  })
})

test('an id may begin with a dash', () => {
  const url = 'http://127.0.0.1:1'
  assert.equal(readOptions(['--url', url, '--resume=-a']).resume, '-a')
  assert.equal(readOptions(['--url', url, '--cancel=--b']).cancel, '--b')
})

test('what makes no sense together is a usage error', () => {
  const url = ['--url', 'http://127.0.0.1:1']
  for (const [args, message] of [
    [['--resumable', 'why?'], '--resumable needs --url: only a service keeps runs.'],
    [['--resume', 'x'], '--resume needs --url: only a service keeps runs.'],
    [[...url, '--resume', 'x', '--cancel', 'x'], "--resume and --cancel don't go together."],
    [[...url, '--resumable', '--replay', 'x'], "--resumable and --replay don't go together."],
    [[...url, '--resume', 'x', '--speed', '2'], '--speed is for --replay.'],
    [[...url, '--resume', 'x', 'why?'], '--resume x asks nothing, so it takes no question.'],
    [[...url, '--resume', 'x', '--program', 'p'], '--resume x asks nothing, so it takes no --program.'],
    [[...url, '--cancel', 'x', '--input', 'a=b'], '--cancel x asks nothing, so it takes no --input.'],
    [[...url, '--cancel', 'x', '--record', 'a'], '--cancel x asks nothing, so it takes no --record.'],
    [[...url, '--cancel='], '--cancel needs the id of a run.'],
    [['--replay='], '--replay needs a file.'],
  ] as const) {
    assert.throws(() => readOptions(args), { name: 'UsageError', message })
  }
})
