/** The process: how it starts, what it writes, how it ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { constants } from 'node:os'
import { describe, type TestContext, test } from 'node:test'
import { refusalOf } from './support/refusals.ts'
import { ServerProcess } from './support/server-process.ts'
import { errorOf, framesOf, KEY, predictionOf, Reading } from './support/service.ts'
import { handshake, masked, SocketReading } from './support/socket.ts'
import { only, type Script, Upstream } from './support/upstream.ts'

async function upstreamOf(t: TestContext, script?: Script): Promise<Upstream> {
  const upstream = await Upstream.start(script)
  t.after(() => upstream.close())
  return upstream
}

/** Answers the branches, and compose once it is let go. */
function heldBack(): { script: Script; go: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const script = only('answer', async (exchange) => {
    exchange.open().delta('[[ ## answer ## ]]\nTo')
    await promise
    if (exchange.isOpen) exchange.delta(' the end.').finish()
  })
  return { script, go: resolve }
}

/** Writes for as long as it is read. */
const endless: Script = async (exchange) => {
  const { response } = exchange.open().delta(`[[ ## ${exchange.field} ## ]]\n`)
  while (exchange.isOpen) {
    exchange.delta('On and on. '.repeat(10_000))
    if (response.writableNeedDrain) await Promise.race([once(response, 'drain'), exchange.closed])
  }
}

/** A close frame of a client that answers 1013. */
const CLOSE_BACK = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 1013 >> 8, 1013 & 0xff])

/** A socket byte for byte, whose client closes no connection by itself. */
async function rawSocket({ url }: ServerProcess): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  socket.write(handshake())
  await once(socket, 'data')
  return socket
}

/** A socket whose client sends this, if anything, and reads nothing more once it has begun. */
async function deafSocket(server: ServerProcess, message?: string): Promise<Socket> {
  const socket = await rawSocket(server)
  if (message !== undefined) {
    socket.write(masked(message))
    await once(socket, 'data')
  }
  socket.pause()
  return socket
}

/** A socket is told that the service ends, and closed. */
async function isSentAway(reading: SocketReading): Promise<void> {
  assert.equal((await reading.closed).code, 1013)
  assert.equal(reading.messages.length, 1)
  const { status, code } = JSON.parse(reading.messages[0] as string)
  assert.deepEqual([status, code], [503, 'shutting_down'])
}

/**
 * The only process in the namespace that `unshare` has made, once Node has put up its own handlers, a few milliseconds
 * after its start. Before that the kernel drops signals for it, and no code can hear them. Nothing tells of the moment.
 */
async function firstOfNamespace(unshare: number): Promise<number> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '')
  for (;;) {
    const pid = (await read(`/proc/${unshare}/task/${unshare}/children`)).trim()
    const [, caught = '0'] = /^SigCgt:\s*(\w+)$/m.exec(await read(`/proc/${pid}/status`)) ?? []
    if (BigInt(`0x${caught}`) & (1n << BigInt(constants.signals.SIGTERM - 1))) return Number(pid)
  }
}

describe('the process', { concurrency: 4 }, () => {
  test('a whole run leaves one line in the log, and neither question, answer nor key in it', async (t) => {
    const upstream = await upstreamOf(t)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: KEY })
    const question = 'a-question-for-nobody-else'
    predictionOf(framesOf(await (await server.post(question)).text()))
    upstream.script = (exchange) => exchange.refuse(401, { error: { message: `Wrong key ${KEY}` } })
    errorOf(framesOf(await (await server.post(question)).text()), 'upstream_auth')
    server.child.kill('SIGTERM')
    await server.assertEndsWell()

    assert.equal(upstream.exchanges[0]?.headers.authorization, `Bearer ${KEY}`)
    const ends = server.lines.filter(({ msg }) => msg === 'stream finished')
    assert.deepEqual(
      ends.map(({ outcome }) => outcome),
      ['ok', 'upstream_auth'],
    )
    for (const secret of [KEY, question, 'answer on'])
      assert.ok(!server.stdout.includes(secret), server.stdout)
  })

  test('an endpoint without a key gets no authorization header', async (t) => {
    const upstream = await upstreamOf(t)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url })
    predictionOf(framesOf(await (await server.post('Q')).text()))
    for (const { headers } of upstream.exchanges) assert.equal(headers.authorization, undefined)
    server.child.kill('SIGTERM')
    await server.assertEndsWell()
  })

  test('several processes share a port where each is told to', async (t) => {
    const upstream = await upstreamOf(t)
    const env = { OPENAI_BASE_URL: upstream.url, REUSE_PORT: 'true' }
    const first = await ServerProcess.start(t, env)
    const second = await ServerProcess.start(t, { ...env, PORT: new URL(first.url).port })
    assert.equal(second.url, first.url)
    const servers = [first, second]
    const runs = (server: ServerProcess) => server.lines.filter(({ msg }) => msg === 'stream finished').length
    // The system deals out connections by chance: that all of so many go to one process is out of the question.
    const answers = Array.from({ length: 64 }, async () => {
      const response = await fetch(`${first.url}/v1/stream`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ question: 'Q' }),
      })
      predictionOf(framesOf(await response.text()))
    })
    await Promise.all(answers)
    for (const server of servers) {
      server.child.kill('SIGTERM')
      await server.assertEndsWell()
    }
    assert.equal(runs(first) + runs(second), 64)
    assert.ok(runs(first) > 0 && runs(second) > 0, `${runs(first)} and ${runs(second)}`)
  })

  test('listening for others without keys is said once, loudly; neither keys nor loopback are worth a word', async (t) => {
    const upstream = await upstreamOf(t)
    const warningsOf = async (env: Record<string, string>) => {
      const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url, ...env })
      await server.logs('ready')
      server.child.kill('SIGTERM')
      await server.assertEndsWell()
      return server.lines.filter(({ level }) => level === 40).map(({ msg }) => msg)
    }
    const [warning, ...others] = await warningsOf({ HOST: '0.0.0.0' })
    assert.match(warning ?? '', /NO KEYS.*API_KEYS/)
    assert.deepEqual(others, [])
    assert.deepEqual(await warningsOf({ HOST: '0.0.0.0', API_KEYS: 'a=0123456789' }), [])
    assert.deepEqual(await warningsOf({ HOST: 'localhost' }), [])
  })

  test('a key of a client is never in the log, even where a client’s request id repeats it', async (t) => {
    const upstream = await upstreamOf(t)
    const server = await ServerProcess.start(t, {
      OPENAI_BASE_URL: upstream.url,
      API_KEYS: `web=${KEY},other=${KEY}-and-more`,
    })
    for (const key of [KEY, `${KEY}-and-more`]) {
      await fetch(`${server.url}/nowhere`, {
        headers: { authorization: `Bearer ${key}`, 'x-request-id': key },
      })
    }
    server.child.kill('SIGTERM')
    await server.assertEndsWell()
    const refused = server.lines.filter(({ msg }) => msg === 'request refused')
    assert.deepEqual(
      refused.map(({ client, request_id }) => [client, request_id]),
      [
        ['web', '[key]'],
        ['other', '[key]'],
      ],
    )
  })

  test('empty variables are unset ones', async (t) => {
    const upstream = await upstreamOf(t)
    const server = await ServerProcess.start(t, {
      OPENAI_BASE_URL: upstream.url,
      OPENAI_API_KEY: '',
      LM: ' ',
    })
    const readiness = await fetch(`${server.url}/readyz`)
    assert.deepEqual(await readiness.json(), {
      status: 'ready',
      model: { provider: 'openai', name: 'gpt-5-mini' },
    })
  })

  test('P1 SIGTERM with open streams: they finish, and nothing new begins', async (t) => {
    const { script, go } = heldBack()
    const upstream = await upstreamOf(t, script)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url })
    const open = await Promise.all([1, 2].map(async () => new Reading(await server.post('Q'))))
    await Promise.all(open.map((reading) => reading.until('To')))
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200)

    server.child.kill('SIGTERM')
    await server.logs('draining')
    const readiness = await fetch(`${server.url}/readyz`)
    assert.equal(readiness.status, 503)
    assert.equal(((await readiness.json()) as { status: string }).status, 'draining')
    assert.equal((await fetch(`${server.url}/livez`)).status, 200)
    const refused = await server.post('Q')
    assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/)
    await refusalOf(refused, 503, 'shutting_down')

    go()
    for (const reading of open) assert.equal(predictionOf(await reading.frames()).data.answer, 'To the end.')
    await server.assertEndsWell()
    assert.equal(server.lines.at(-1)?.msg, 'stopped')
  })

  test('P1 SIGTERM with open sockets: runs finish, and those that ask nothing are sent away at once', async (t) => {
    const { script, go } = heldBack()
    const upstream = await upstreamOf(t, script)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url })
    const open = (...messages: object[]) => SocketReading.open(server, messages)
    const running = [await open({ question: 'Q' }), await open({ question: 'Q' })]
    await Promise.all(running.map((reading) => reading.until('To')))
    const idle = [await open(), await open()]

    server.child.kill('SIGTERM')
    for (const reading of idle) await isSentAway(reading)
    await isSentAway(await open())
    assert.ok(running.every(({ socket }) => socket.readyState === socket.OPEN))

    go()
    for (const reading of running)
      assert.equal(predictionOf(await reading.frames()).data.answer, 'To the end.')
    await server.assertEndsWell()
    const ends = server.lines.filter(({ msg }) => msg === 'stream finished')
    assert.deepEqual(
      ends.map(({ outcome }) => outcome),
      ['ok', 'ok'],
    )
  })

  test('P1 SIGTERM with nothing but silent sockets: they are sent away, and it ends', async (t) => {
    const upstream = await upstreamOf(t)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url })
    const reading = await SocketReading.open(server, [])
    const deaf = await deafSocket(server)
    server.child.kill('SIGTERM')
    await isSentAway(reading)
    await server.assertEndsWell()
    deaf.destroy()
  })

  test('P1 a question that is on its way to a socket meanwhile costs its client nothing', async (t) => {
    const upstream = await upstreamOf(t)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url })
    const socket = await rawSocket(server)
    const closed = once(socket, 'close')
    server.child.kill('SIGTERM')
    for (let last = Buffer.alloc(0); last.at(-1) !== '.'.charCodeAt(0); ) [last] = await once(socket, 'data')
    socket.write(masked('{"question":"Q"}'))
    socket.write(CLOSE_BACK)
    assert.deepEqual(await closed, [false], 'a connection that is reset may lose what it has not read')
    await server.assertEndsWell()
  })

  test('P1 SIGTERM with nothing to wait for ends it, whatever connections are kept', async (t) => {
    const upstream = await upstreamOf(t)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url })
    predictionOf(framesOf(await (await server.post('Q')).text()))
    server.child.kill('SIGTERM')
    await server.assertEndsWell()
  })

  test('P2 a stream that is longer than the drain time ends with an error that says so', async (t) => {
    const { script } = heldBack()
    const upstream = await upstreamOf(t, script)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url, DRAIN_MS: '100' })
    const reading = new Reading(await server.post('Q'))
    await reading.until('To')
    server.child.kill('SIGTERM')
    assert.ok(errorOf(await reading.frames(), 'shutting_down').retryable)
    await server.assertEndsWell()
    const ends = server.lines.filter(({ msg }) => msg === 'stream finished')
    assert.deepEqual(
      ends.map(({ outcome }) => outcome),
      ['shutting_down'],
    )
    await Promise.all(upstream.exchanges.map(({ closed }) => closed))
    assert.ok(upstream.asking('answer')[0]?.wasAborted)
  })

  test('P2 so does a socket', async (t) => {
    const { script } = heldBack()
    const upstream = await upstreamOf(t, script)
    const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url, DRAIN_MS: '100' })
    const reading = await SocketReading.open(server, [{ question: 'Q' }])
    await reading.until('To')
    server.child.kill('SIGTERM')
    assert.ok(errorOf(await reading.frames(), 'shutting_down').retryable)
    await server.assertEndsWell()
  })

  test("P2 a reader that takes nothing can't hold it up", async (t) => {
    const upstream = await upstreamOf(t, endless)
    const server = await ServerProcess.start(t, {
      OPENAI_BASE_URL: upstream.url,
      DRAIN_MS: '100',
      MAX_COMPLETION_CHARS: '1000000000',
    })
    const response = await server.post('Q')
    const reader = response.body?.getReader()
    await reader?.read()
    const deaf = await deafSocket(server, '{"question":"Q"}')
    server.child.kill('SIGTERM')
    await server.assertEndsWell()
    deaf.destroy()
  })

  for (const signals of [
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
  ] as const) {
    test(`P3 ${signals.join(' and ')}: asked twice, it ends at once`, async (t) => {
      const upstream = await upstreamOf(t, () => {})
      const server = await ServerProcess.start(t, { OPENAI_BASE_URL: upstream.url, DRAIN_MS: '600000' })
      await server.post('Q')
      server.child.kill(signals[0])
      await server.logs('draining')
      server.child.kill(signals[1])
      assert.deepEqual(await server.exit, { code: 1, signal: null })
      assert.equal(server.stderr, '')
    })
  }

  test('P4 SIGTERM while it starts ends it without a word', async (t) => {
    const upstream = await upstreamOf(t)
    for (const delay of [0, 100, 200, 300, 400, 500, 700]) {
      const server = ServerProcess.spawn(t, { OPENAI_BASE_URL: upstream.url })
      await once(server.child, 'spawn')
      setTimeout(() => server.child.kill('SIGTERM'), delay)
      const { code, signal } = await server.exit
      assert.ok(code === 0 || signal === 'SIGTERM', `${code} ${signal}`)
      assert.equal(server.stderr, '')
    }
  })

  for (const delay of [50, 100, 200, 300, 400, 500, 700, 900]) {
    test(`P4b SIGTERM ${delay} ms after the start ends it well as the first process of a container`, async (t) => {
      const upstream = await upstreamOf(t)
      const began = performance.now()
      const env = { OPENAI_BASE_URL: upstream.url }
      const server = ServerProcess.spawn(t, env, ['unshare', '--pid', '--fork', '--kill-child'])
      const pid = await firstOfNamespace(server.child.pid as number)
      await new Promise((resolve) => setTimeout(resolve, began + delay - performance.now()))
      process.kill(pid, 'SIGTERM')
      await server.assertEndsWell()
    })
  }

  test('P9 a port that is taken is named in one line', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.after(() => taken.close())
    const { port } = taken.address() as AddressInfo
    const server = ServerProcess.spawn(t, { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', PORT: `${port}` })
    assert.deepEqual(await server.exit, { code: 1, signal: null })
    assert.match(server.stderr, new RegExp(`^[^\\n]*EADDRINUSE[^\\n]*:${port}[^\\n]*PORT[^\\n]*\\n$`))
  })

  test('P9 bad variables are named, all of them, and their values kept', async (t) => {
    const server = ServerProcess.spawn(t, {
      PORT: 'eighty',
      OPENAI_API_KEY: 'sk secret',
      OPENAI_BASE_URL: 'localhost:11434',
      LOG_LEVEL: 'loud',
      STALL_MS: '0',
    })
    assert.deepEqual(await server.exit, { code: 2, signal: null })
    assert.equal(server.stdout, '')
    assert.doesNotMatch(server.stderr, /secret|\n {4}at /)
    const [title, ...lines] = server.stderr.trimEnd().split('\n')
    assert.equal(title, 'The configuration is wrong:')
    assert.deepEqual(lines.map((line) => /^ {2}(\w+): .+/.exec(line)?.[1]).sort(), [
      'LOG_LEVEL',
      'OPENAI_API_KEY',
      'OPENAI_BASE_URL',
      'PORT',
      'STALL_MS',
    ])
  })
})
