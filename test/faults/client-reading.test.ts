/** Clients that read slowly, stop reading or vanish, and many at a time. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { oneCall } from '../support/programs.ts'
import { TcpProxy } from '../support/proxy.ts'
import { answersOf, RawClient } from '../support/raw-client.ts'
import { refusalOf } from '../support/refusals.ts'
import { framesOf, type LogLine, predictionOf, rawQuestion, Service, text } from '../support/service.ts'
import { atReadersPace, type Script } from '../support/upstream.ts'

/** Far more than the sockets between client and upstream hold on their own. */
const endless = { MAX_COMPLETION_CHARS: '1000000000' }

const LINE = 'Words that nobody takes. '.repeat(1_000)

/** Writes for as long as it is read, and counts what it could send. */
function flood(): { script: Script; sent: () => number; stuck: Promise<void> } {
  let sent = 0
  const { promise: stuck, resolve } = Promise.withResolvers<void>()
  const script: Script = async (exchange) => {
    const { response } = exchange.open().delta('[[ ## answer ## ]]\n')
    while (exchange.isOpen) {
      sent += LINE.length
      exchange.delta(LINE)
      if (!response.writableNeedDrain) continue
      const drained = once(response, 'drain').catch(() => {})
      // A hint, not a limit: nobody fails when a socket takes longer than this.
      if ((await Promise.race([drained, exchange.closed, sleep(300, 'stuck')])) === 'stuck') resolve()
      await Promise.race([drained, exchange.closed])
    }
  }
  return { script, sent: () => sent, stuck }
}

/** What kernels hold in four sockets on the way from upstream to the client, with plenty to spare. */
const IN_SOCKETS = 100e6

test('C4 a client that vanishes without a word is dropped once a write stays unflushed', async (t) => {
  const { script, sent } = flood()
  const service = await Service.start(t, { program: oneCall, script, env: { ...endless, STALL_MS: '300' } })
  const proxy = await TcpProxy.start(t, service.url)
  const response = await fetch(`${proxy.url}/v1/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: 'Q' }),
  })
  await response.body?.getReader().read()
  proxy.goDead()
  await service.assertQuiet('client_stalled')
  assert.ok(service.upstream.exchanges[0]?.wasAborted)
  assert.ok(sent() < IN_SOCKETS)
})

test('C5 a reader that stops reading stops the upstream being read, and is dropped', async (t) => {
  const { script, sent } = flood()
  const service = await Service.start(t, { program: oneCall, script, env: { ...endless, STALL_MS: '300' } })
  const client = await RawClient.connect(service)
  client.socket.pause().write(rawQuestion('Q'))
  const [line] = await service.assertQuiet('client_stalled')
  assert.ok(service.upstream.exchanges[0]?.wasAborted)
  assert.ok(sent() < IN_SOCKETS, `${sent()} bytes left upstream`)

  // What the service had let go of is in the sockets; the rest of what it had read, it held.
  client.socket.resume()
  const frames = (await client.closed).matchAll(/"chunk":"([^"]*)/g)
  const passedOn = frames.reduce((sum, [, chunk]) => sum + (chunk as string).length, 0)
  const [{ chars }] = (line as LogLine).calls as [{ chars: number }]
  assert.ok(chars - passedOn < 256 * 1024, `${chars - passedOn} characters were held`)
  console.log({ chars, passedOn, held: chars - passedOn, sent: sent() })
})

test('C6 a reader that stops reading and then leaves is over and done with', async (t) => {
  const { script, stuck } = flood()
  const service = await Service.start(t, { program: oneCall, script, env: endless })
  const socket = await service.socket()
  socket.pause().write(rawQuestion('Q'))
  await stuck
  socket.destroy()
  await service.assertQuiet('client_closed')
  assert.ok(service.upstream.exchanges[0]?.wasAborted)
})

test('C7 a reader that is slow all the time gets the whole answer', async (t) => {
  const answer = LINE.repeat(1_600).trim() // 40 MB, more than sockets hold
  const service = await Service.start(t, {
    program: oneCall,
    script: atReadersPace({ reasoning: '', answer }),
    env: { ...endless, STALL_MS: '1500' },
  })
  const response = await service.post('Q')
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const pieces: Uint8Array[] = []
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    pieces.push(read.value)
    await sleep(1)
  }
  const { data } = predictionOf(framesOf(Buffer.concat(pieces).toString()))
  assert.equal(data.answer, answer)
  await service.assertQuiet('ok')
})

test('C8 1,000 clients at once get the answers to their own questions', async (t) => {
  const service = await Service.start(t)
  const questions = Array.from({ length: 1_000 }, (_, nth) => `question ${nth}`)
  const runs = await Promise.all(questions.map((question) => service.ask(question)))
  for (const [nth, frames] of runs.entries()) {
    const on = (field: string) => `${field} on question ${nth}`
    assert.deepEqual(predictionOf(frames).data, { reasoning: on('reasoning'), answer: on('answer') })
    assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), on('brainstorm'))
    assert.equal(text(frames, 'evidence.probe', 'evidence'), on('evidence'))
  }
  await service.assertQuiet(...questions.map(() => 'ok'))
})

test('C8 of more than MAX_STREAMS at once, each gets an answer or a refusal, and none hangs', async (t) => {
  const go = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    program: oneCall,
    env: { MAX_STREAMS: '100' },
    script: async (exchange) => {
      await go.promise
      exchange.answer({ answer: 'Yes.' })
    },
  })
  const responses = await Promise.all(Array.from({ length: 300 }, (_, nth) => service.post(`Q${nth}`)))
  const refused = responses.filter(({ status }) => status === 503)
  assert.equal(refused.length, 200)
  for (const response of refused) {
    assert.equal(response.headers.get('retry-after'), '5')
    await refusalOf(response, 503, 'too_many_streams')
  }
  go.resolve()
  for (const response of responses) {
    if (response.status === 200)
      assert.equal(predictionOf(framesOf(await response.text())).data.answer, 'Yes.')
  }
  await service.assertQuiet(...Array(100).fill('ok'))
})

test('C24 a connection is used again, and requests sent ahead are answered in order', async (t) => {
  const service = await Service.start(t)
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('first'))
  await client.until('[DONE]')
  client.socket.write(
    `${rawQuestion('second')}${rawQuestion('third')}` +
      'GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  )
  const answers = answersOf(await client.closed)
  assert.deepEqual(
    answers.slice(0, 3).map(({ body }) => predictionOf(framesOf(body)).data.answer),
    ['answer on first', 'answer on second', 'answer on third'],
  )
  assert.deepEqual(JSON.parse(answers[3]?.body ?? ''), { status: 'ok' })
  await service.assertQuiet('ok', 'ok', 'ok')
})

test('C26 a refusal for want of room leaves the open streams unharmed', async (t) => {
  const go = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    program: oneCall,
    env: { MAX_STREAMS: '1' },
    script: async (exchange) => {
      exchange.open().delta('[[ ## answer ## ]]\nTo')
      await go.promise
      exchange.delta(' the end.').finish()
    },
  })
  const reading = await service.open('Q')
  await reading.until('To')
  const refused = await service.post('Q')
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/)
  await refusalOf(refused, 503, 'too_many_streams')
  go.resolve()
  assert.equal(predictionOf(await reading.frames()).data.answer, 'To the end.')
  await service.assertQuiet('ok')
  await service.ask('Q')
  await service.assertQuiet('ok', 'ok')
})
