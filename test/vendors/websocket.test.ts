/** `GET /v1/ws` with the package that most of Node's programs have: what it can see and do that browsers can't. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { WebSocket } from 'ws'
import { oneCall } from '../support/programs.ts'
import { type LogLine, predictionOf, Service, text } from '../support/service.ts'
import { framesOfMessages, socketUrl } from '../support/socket.ts'
import { atReadersPace, type Script } from '../support/upstream.ts'

async function open(service: Service, question: string) {
  const socket = new WebSocket(socketUrl(service))
  const messages: string[] = []
  socket.on('message', (data: Buffer) => messages.push(String(data)))
  await once(socket, 'open')
  socket.send(JSON.stringify({ question }))
  return { socket, messages }
}

/** Without U+FFFD: to whoever checks the frames, it means that something was decoded wrongly. */
const someText = (unit: 'binary' | 'grapheme', maxLength: number) =>
  fc.string({ unit, maxLength }).map((text) => text.replaceAll('\ufffd', '?'))

test('any text, cut anywhere, comes as the frames of its run', async (t) => {
  const service = await Service.start(t)
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        brainstorm: someText('binary', 80),
        evidence: someText('grapheme', 80),
        answer: someText('binary', 300),
        size: fc.integer({ min: 1, max: 40 }),
      }),
      async ({ size, ...said }) => {
        const fields: Record<string, string> = said
        service.upstream.script = (exchange) => {
          const values = exchange.fields.map((field) => [field, fields[field] ?? ''])
          exchange.answer(Object.fromEntries(values), size)
        }
        const { socket, messages } = await open(service, 'Q')
        const [code] = await once(socket, 'close')
        assert.equal(code, 1000)
        const frames = framesOfMessages(messages)
        assert.equal(text(frames, 'compose', 'answer'), predictionOf(frames).data.answer)
      },
    ),
    { numRuns: 20 },
  )
  const { length } = service.ends
  await service.assertQuiet(...Array(length).fill('ok'))
})

const LINE = 'Words that nobody takes. '.repeat(1_000)

/** Writes for as long as it is read. */
function flood(): { script: Script; sent: () => number } {
  let sent = 0
  const script: Script = async (exchange) => {
    const { response } = exchange.open().delta('[[ ## answer ## ]]\n')
    while (exchange.isOpen) {
      sent += LINE.length
      exchange.delta(LINE)
      if (response.writableNeedDrain) {
        await Promise.race([once(response, 'drain').catch(() => {}), exchange.closed])
      }
    }
  }
  return { script, sent: () => sent }
}

test('C5 a reader that takes nothing holds up the run, and is dropped', async (t) => {
  const { script, sent } = flood()
  const service = await Service.start(t, {
    program: oneCall,
    script,
    env: { MAX_COMPLETION_CHARS: '1000000000', STALL_MS: '300' },
  })
  const { socket, messages } = await open(service, 'Q')
  socket.pause()
  const [line] = await service.assertQuiet('client_stalled')
  assert.ok(service.upstream.exchanges[0]?.wasAborted)
  assert.ok(sent() < 100e6, `${sent()} bytes left upstream`)

  // What the service had let go of is in the sockets; the rest of what it had read, it held.
  socket.resume()
  const [code] = await once(socket, 'close')
  assert.equal(code, 1006)
  const passedOn = messages.reduce((sum, one) => sum + (JSON.parse(one).chunk ?? '').length, 0)
  const [{ chars }] = (line as LogLine).calls as [{ chars: number }]
  assert.ok(chars - passedOn < 512 * 1024, `${chars - passedOn} characters were held`)
})

test('C7 a reader that is slow all the time gets the whole answer', async (t) => {
  const answer = LINE.repeat(800).trim() // 20 MB, more than sockets hold
  const service = await Service.start(t, {
    program: oneCall,
    script: atReadersPace({ reasoning: '', answer }),
    env: { MAX_COMPLETION_CHARS: '1000000000', STALL_MS: '1500' },
  })
  const { socket, messages } = await open(service, 'Q')
  socket.on('message', async () => {
    socket.pause()
    await sleep(1)
    socket.resume()
  })
  await once(socket, 'close')
  assert.equal(predictionOf(framesOfMessages(messages)).data.answer, answer)
  await service.assertQuiet('ok')
})

test('a silence longer than HEARTBEAT_MS or STALL_MS has pings in it, and the run goes on', async (t) => {
  const go = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    program: oneCall,
    env: { HEARTBEAT_MS: '20', STALL_MS: '50' },
    script: async (exchange) => {
      await go.promise
      exchange.answer({ answer: 'At last.' })
    },
  })
  const { socket, messages } = await open(service, 'Q')
  for (let pings = 0; pings < 5; pings++) await once(socket, 'ping')
  go.resolve()
  await once(socket, 'close')
  assert.equal(predictionOf(framesOfMessages(messages)).data.answer, 'At last.')
  assert.equal(socket.extensions, '', 'nothing is compressed, though it was offered')
  await service.assertQuiet('ok')
})

test('what is no text in UTF-8 closes the socket, and so does a broken message', async (t) => {
  const service = await Service.start(t)
  for (const [bytes, closedWith] of [
    [[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
    [[0x81, 0x01, 0x7b], 1002], // without a mask
    [[0xf1, 0x80, 0, 0, 0, 0], 1002],
  ] as const) {
    const socket = new WebSocket(socketUrl(service))
    const [response] = await once(socket, 'upgrade')
    response.socket.write(Buffer.from(bytes))
    const [code] = await once(socket, 'close')
    assert.equal(code, closedWith)
  }
  await service.assertQuiet()
  const refused = service.log.lines.filter(({ msg }) => msg === 'request refused')
  assert.deepEqual(
    refused.map(({ code }) => code),
    Array(3).fill('bad_request'),
  )
})
