/** A log whose reader takes nothing: a stopped terminal, a collector that hangs. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { type IPty, spawn } from '@lydell/node-pty'
import { createLogger } from '../../src/log.ts'
import { SERVER, ServerProcess } from '../support/server-process.ts'
import { framesOf, type LogLine, predictionOf } from '../support/service.ts'
import { Upstream } from '../support/upstream.ts'

async function environment(t: TestContext): Promise<Record<string, string>> {
  const upstream = await Upstream.start()
  t.after(() => upstream.close())
  return { OPENAI_BASE_URL: upstream.url }
}

/** Asks so many questions, each of which leaves a line in the log, and checks the answers. */
async function ask(url: string, count: number): Promise<void> {
  for (let asked = 0; asked < count; asked += 50) {
    const answers = Array.from({ length: 50 }, async () => {
      const response = await fetch(`${url}/v1/stream`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ question: 'Q' }),
      })
      predictionOf(framesOf(await response.text()))
    })
    await Promise.all(answers)
  }
}

test('P10 streams go on while nobody reads the log, and then it says how many lines it lacks', async (t) => {
  const server = await ServerProcess.start(t, await environment(t))
  server.child.stdout?.pause()
  await ask(server.url, 3_000)
  server.child.stdout?.resume()
  await server.logs('lines were dropped')
  await ask(server.url, 50)
  server.child.kill('SIGTERM')
  await server.assertEndsWell()
  const written = server.lines.filter(({ msg }) => msg === 'stream finished').length
  const dropped = server.lines.flatMap(({ msg, lines }) =>
    msg.endsWith('lines were dropped') ? [lines as number] : [],
  )
  assert.equal(written + dropped.reduce((sum, count) => sum + count, 0), 3_050)
  assert.equal(server.lines.at(-1)?.msg, 'stopped')
})

test('P10b SIGTERM ends it although nobody reads the log', async (t) => {
  const server = await ServerProcess.start(t, await environment(t))
  server.child.stdout?.pause()
  await ask(server.url, 3_000)
  server.child.kill('SIGTERM')
  assert.deepEqual(await once(server.child, 'exit'), [0, null])
  server.child.stdout?.resume()
})

test('P10b SIGTERM ends it although its terminal is stopped', async (t) => {
  const terminal: IPty = spawn(process.execPath, [SERVER], {
    env: { PORT: '0', ...(await environment(t)) },
    cols: 100,
    rows: 30,
  })
  t.after(() => terminal.kill('SIGKILL'))
  const ended = new Promise<{ exitCode: number }>((resolve) => terminal.onExit(resolve))
  let text = ''
  const url = await new Promise<string>((resolve) => {
    terminal.onData((piece) => {
      text += piece
      const [, found] = /listening at (http:\/\/[\d.]+:\d+)/.exec(text) ?? []
      if (found) resolve(found)
    })
  })
  terminal.pause()
  await ask(url, 500)
  terminal.kill('SIGTERM')
  assert.equal((await ended).exitCode, 0)
})

/** An output whose reader takes nothing until it is told to. */
class Stopped extends Writable {
  text = ''
  readonly #go = Promise.withResolvers<void>()
  override async _write(piece: Buffer, _encoding: unknown, done: () => void): Promise<void> {
    await this.#go.promise
    this.text += piece
    done()
  }
  go(): void {
    this.#go.resolve()
  }
}

test('P10 of lines that nobody takes, a million characters are held and the others counted', async () => {
  const output = new Stopped()
  const logger = createLogger({ level: 'info', secrets: [] }, output)
  for (let line = 0; line < 3_000; line++) logger.info('x'.repeat(1_000))
  assert.ok(output.writableLength < 1.1e6, `${output.writableLength} characters are held`)
  output.go()
  await once(output, 'drain')
  logger.info('last')
  await new Promise<void>((resolve) => logger.flush(() => resolve()))
  const lines: LogLine[] = output.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const [said, last] = lines.slice(-2)
  assert.equal(said?.msg, `${3_000 - (lines.length - 2)} lines were dropped`)
  assert.equal(last?.msg, 'last')
})

test('P10 a reader of the log that leaves is no reason to end', async (t) => {
  const server = await ServerProcess.start(t, await environment(t))
  server.child.stdout?.destroy()
  await ask(server.url, 50)
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exit, { code: 0, signal: null })
  assert.equal(server.stderr, '')
})
