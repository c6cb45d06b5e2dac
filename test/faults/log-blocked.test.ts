/** A log whose reader takes nothing: a stopped terminal, a collector that hangs. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
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

/** Asks fifty questions, each of which leaves a line in the log, and checks the answers. */
async function ask(url: string): Promise<void> {
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

/** Fills the log with refusals' lines of 300 characters, so many thousands of them. They cost less than answers. */
async function fill(url: string, thousands: number): Promise<void> {
  await Promise.all(Array.from({ length: thousands }, () => refusals(url)))
}

/** As many requests as a connection takes, few of them at a time. */
async function refusals(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname).setEncoding('latin1')
  const request = `GET /nowhere HTTP/1.1\r\nhost: localhost\r\nx-request-id: ${'x'.repeat(128)}\r\n\r\n`
  const send = () => void socket.write(request.repeat(10))
  let answers = 0
  let open = ''
  send()
  for await (const piece of socket) {
    const parts = (open + piece).split('HTTP/1.1 404 ')
    open = (parts.at(-1) as string).slice(-20)
    const before = answers
    answers += parts.length - 1
    if (Math.floor(answers / 10) > Math.floor(before / 10) && answers < 1_000) send()
  }
  assert.equal(answers, 1_000)
}

test('P10 streams go on while nobody reads the log, and then it says how many lines it lacks', async (t) => {
  const server = await ServerProcess.start(t, await environment(t))
  server.child.stdout?.pause()
  await fill(server.url, 5)
  await ask(server.url)
  server.child.stdout?.resume()
  await server.logs('lines were dropped')
  await ask(server.url)
  server.child.kill('SIGTERM')
  await server.assertEndsWell()
  const written = server.lines.filter(({ msg }) =>
    ['request refused', 'stream finished'].includes(msg),
  ).length
  const dropped = server.lines.flatMap(({ msg, lines }) =>
    msg.endsWith('lines were dropped') ? [lines as number] : [],
  )
  assert.equal(written + dropped.reduce((sum, count) => sum + count, 0), 5_100)
  assert.equal(server.lines.at(-1)?.msg, 'stopped')
})

test('P10b SIGTERM ends it although nobody reads the log', async (t) => {
  const server = await ServerProcess.start(t, await environment(t))
  server.child.stdout?.pause()
  await fill(server.url, 5)
  await ask(server.url)
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
  await fill(url, 1)
  await ask(url)
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
  await ask(server.url)
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exit, { code: 0, signal: null })
  assert.equal(server.stderr, '')
})
