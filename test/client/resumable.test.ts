/** The typed client reads runs that outlive its connections, over real sockets that break. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test, { type TestContext } from 'node:test'
import fc from 'fast-check'
import {
  attachRun,
  type Cut,
  cancelRun,
  describeProgram,
  eraseRun,
  type Frame,
  IncompleteStreamError,
  RefusedError,
  type RunState,
  readRun,
  reduceRun,
  startRun,
  streamRun,
} from '../../src/client/index.ts'
import { TcpProxy } from '../support/proxy.ts'
import { Service } from '../support/service.ts'
import { type Exchange, echo } from '../support/upstream.ts'

/** Reads a run to its end, and folds it. */
async function folded(url: string, frames: AsyncIterable<Frame>): Promise<RunState> {
  let state = startRun(await describeProgram({ url }), 0)
  for await (const frame of frames) state = reduceRun(state, frame, 1)
  return state
}

/** Its lanes and its prediction are those of a run on this question that was never cut. */
function assertWhole(state: RunState, question: string): void {
  assert.equal(state.phase, 'done')
  assert.deepEqual(state.prediction, {
    reasoning: `reasoning on ${question}`,
    answer: `answer on ${question}`,
  })
  assert.deepEqual(
    state.lanes.map(({ phase, fields }) => [phase, ...Object.values(fields).map(({ text }) => text)]),
    [
      ['done', `brainstorm on ${question}`],
      ['done', `evidence on ${question}`],
      ['done', `answer on ${question}`],
    ],
  )
}

/** Begins each answer, and holds it until the test goes on. */
async function heldService(t: TestContext, env: Record<string, string> = {}) {
  const held: Exchange[] = []
  const script = (exchange: Exchange) => {
    exchange.open().delta(`[[ ## reasoning ## ]]\nr\n\n[[ ## ${exchange.field} ## ]]\n${exchange.field} on `)
    held.push(exchange)
  }
  const service = await Service.start(t, { script, env })
  const goOn = (question = 'why') => {
    service.upstream.script = echo
    for (const exchange of held) exchange.delta(question).finish()
  }
  return { service, goOn }
}

/** Takes note of a run's id. */
function idTaker() {
  const taker = {
    id: '',
    onRun: (run: { readonly id: string }) => {
      taker.id = run.id
    },
  }
  return taker
}

/** Frames up to the nth token, then the rest when the test asks for it. */
async function untilTokens(frames: AsyncIterator<Frame>, count: number): Promise<Frame[]> {
  const seen: Frame[] = []
  while (seen.filter(({ type }) => type === 'token').length < count) {
    const { value, done } = await frames.next()
    assert.ok(!done, 'it ended before')
    seen.push(value)
  }
  return seen
}

/** The frames that were seen already, and those to come. */
async function* joined(seen: readonly Frame[], rest: AsyncIterable<Frame>): AsyncGenerator<Frame> {
  yield* seen
  yield* rest
}

test('whatever bytes a connection is cut at, the frames fold to the whole run, and each call is made once', async (t) => {
  const service = await Service.start(t, {
    script: (exchange) => {
      const said = exchange.fields.map((field) => [field, `${field} on ${exchange.input('question')}`])
      exchange.answer(Object.fromEntries(said), 2)
    },
  })
  let asked = 0
  const cuts = fc.array(fc.nat(6_000), { maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(fc.array(cuts, { minLength: 8, maxLength: 8 }), async (readers) => {
      await Promise.all(
        readers.map(async (bytes) => {
          const question = `question ${asked++}`
          const proxy = await TcpProxy.start(t, service.url)
          proxy.cuts.push(...bytes)
          const ids: string[] = []
          const { url } = proxy
          const frames = streamRun({ url, question, resumable: true, onRun: ({ id }) => ids.push(id) })
          assertWhole(await folded(service.url, frames), question)
          assert.equal(ids.length, 1)
          const state = await readRun({ url: service.url, id: ids[0] as string })
          assert.deepEqual([state.status, state.attempt], ['done', 1])
        }),
      )
    }),
    { numRuns: 4 },
  )
  assert.equal(service.upstream.exchanges.length, 3 * asked)
  await service.assertQuiet(...Array.from({ length: asked }, () => 'ok'))
})

test('refused connections are asked for again, and it is said when there is one', async (t) => {
  const { service, goOn } = await heldService(t)
  const proxy = await TcpProxy.start(t, service.url)
  const cuts: Cut[] = []
  let reconnected = 0
  const { promise: hasWaited, resolve } = Promise.withResolvers<void>()
  const frames = streamRun({
    url: proxy.url,
    question: 'why',
    resumable: true,
    onCut: (cut) => cuts.push(cut) === 2 && resolve(),
    onReconnect: () => reconnected++,
  })
  const seen = await untilTokens(frames, 2)
  await proxy.refuse()
  const all = folded(service.url, joined(seen, frames))
  await hasWaited
  goOn()
  await proxy.accept()
  const state = await all
  assert.equal(state.prediction?.answer, 'answer on why')
  assert.equal(state.lanes[0]?.fields.brainstorm?.text, 'brainstorm on why')
  assert.ok(
    cuts.every(({ waitMs }, nth) => waitMs >= 125 * 2 ** nth && waitMs <= 250 * 2 ** nth),
    String(cuts),
  )
  assert.ok(cuts[0]?.error instanceof IncompleteStreamError)
  assert.equal(reconnected, 1)
  await service.assertQuiet('ok')
  assert.equal(service.upstream.exchanges.length, 3)
})

test('a service that nothing has reached yet is asked again under the same key', async (t) => {
  const service = await Service.start(t)
  const proxy = await TcpProxy.start(t, service.url)
  await proxy.refuse()
  const keys: (string | null)[] = []
  const frames = streamRun({
    url: proxy.url,
    question: 'why',
    resumable: true,
    fetch: (address, init) => {
      keys.push(new Headers(init?.headers).get('idempotency-key'))
      return fetch(address, init)
    },
    onCut: () => proxy.accept(),
  })
  assertWhole(await folded(service.url, frames), 'why')
  assert.equal(keys.length, 2)
  assert.equal(new Set(keys).size, 1)
  await service.assertQuiet('ok')
})

test('a 503 is waited out for as long as it says, also as a date', async (t) => {
  const service = await Service.start(t)
  const proxy = await TcpProxy.start(t, service.url)
  const date = new Date(Date.now() + 2_000).toUTCString()
  for (const when of ['1', date]) {
    proxy.answers.push(
      `HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\nretry-after: ${when}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    )
  }
  const waits: number[] = []
  const { url } = proxy
  const frames = streamRun({
    url,
    question: 'why',
    resumable: true,
    onCut: ({ waitMs }) => waits.push(waitMs),
  })
  assertWhole(await folded(service.url, frames), 'why')
  assert.ok((waits[0] as number) > 1_000 && (waits[0] as number) <= 1_250, String(waits))
  assert.ok((waits[1] as number) > 250, String(waits))
  await service.assertQuiet('ok')
})

test('a listener that restarts loses nobody', async (t) => {
  const { service, goOn } = await heldService(t)
  const { url, server } = service
  const { promise: isCut, resolve } = Promise.withResolvers<void>()
  const frames = streamRun({ url, question: 'why', resumable: true, onCut: () => resolve() })
  const seen = await untilTokens(frames, 2)
  const description = await describeProgram({ url })
  server.close()
  server.closeAllConnections()
  const next = frames.next()
  await isCut
  goOn()
  server.listen(Number(new URL(url).port), '127.0.0.1')
  await once(server, 'listening')
  const { value } = await next
  let state = startRun(description, 0)
  for await (const frame of joined([...seen, value as Frame], frames)) state = reduceRun(state, frame, 1)
  assert.equal(state.prediction?.answer, 'answer on why')
  assert.equal(state.lanes[1]?.fields.evidence?.text, 'evidence on why')
  await service.assertQuiet('ok')
  assert.equal(service.upstream.exchanges.length, 3)
})

test('a network that goes dead without telling is noticed by its silence', async (t) => {
  const { service, goOn } = await heldService(t, { HEARTBEAT_MS: '100' })
  const proxy = await TcpProxy.start(t, service.url)
  const cuts: Cut[] = []
  const frames = streamRun({
    url: proxy.url,
    question: 'why',
    resumable: true,
    silenceMs: 2_000,
    onCut: (cut) => cuts.push(cut),
    onReconnect: () => goOn(),
  })
  const seen = await untilTokens(frames, 2)
  proxy.goDead()
  const state = await folded(service.url, joined(seen, frames))
  assert.equal(state.prediction?.answer, 'answer on why')
  assert.equal(cuts.length, 1)
  assert.match(String(cuts[0]?.error.cause), /Nothing came for 2 s/)
  await service.assertQuiet('ok')
})

test('it gives up when there is no service for too long, and at once when waiting would take longer', async (t) => {
  const { service, goOn } = await heldService(t)
  const proxy = await TcpProxy.start(t, service.url)
  const ask = (reconnectMs: number) =>
    streamRun({ url: proxy.url, question: 'why', resumable: true, reconnectMs })
  const frames = ask(600)
  await untilTokens(frames, 2)
  await proxy.refuse()
  await assert.rejects(Array.fromAsync(frames), (error: Error) => {
    return error instanceof IncompleteStreamError && error.cause instanceof TypeError
  })
  // Nothing ever answered: then it is what fetch throws.
  await assert.rejects(Array.fromAsync(ask(200)), TypeError)
  await proxy.accept()
  proxy.answers.push(
    'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 3600\r\nconnection: close\r\n\r\n{"code":"shutting_down"}',
  )
  await assert.rejects(Array.fromAsync(ask(60_000)), (error: Error) => {
    return error instanceof RefusedError && error.code === 'shutting_down' && error.retryAfter === 3600
  })
  goOn()
  await service.assertQuiet('ok')
})

test('what never answered is given up soon, with a sentence, and a run that has its id is not', async (t) => {
  const { service, goOn } = await heldService(t)
  const proxy = await TcpProxy.start(t, service.url)
  const { url } = proxy
  let waitedMs = 0
  let cuts = 0
  const onCut = ({ waitMs }: Cut) => {
    waitedMs += waitMs
    cuts++
  }
  const frames = streamRun({
    url,
    question: 'why',
    resumable: true,
    connectMs: 1,
    onCut: () => proxy.accept(),
  })
  const seen = await untilTokens(frames, 2)
  await proxy.refuse()
  await assert.rejects(Array.fromAsync(streamRun({ url, question: 'why', resumable: true, onCut })), {
    name: 'TypeError',
    message: new RegExp(`^Nothing answers at ${url}, asked [4-9] times.$`),
  })
  assert.ok(cuts >= 3 && waitedMs <= 5_000, `${cuts} attempts, ${waitedMs} ms between them`)
  const nowhere = streamRun({ url: 'http://nowhere.invalid', question: 'why', resumable: true, connectMs: 1 })
  await assert.rejects(Array.fromAsync(nowhere), {
    name: 'TypeError',
    message: 'Nothing answers at http://nowhere.invalid, asked once.',
  })
  goOn()
  assertWhole(await folded(service.url, joined(seen, frames)), 'why')
  await service.assertQuiet('ok')
})

test('a computer that slept for an hour has not tried for an hour', async (t) => {
  const { service, goOn } = await heldService(t)
  const proxy = await TcpProxy.start(t, service.url)
  const now = performance.now.bind(performance)
  let sleptMs = 0
  t.mock.method(performance, 'now', () => now() + sleptMs)
  let cuts = 0
  const frames = streamRun({
    url: proxy.url,
    question: 'why',
    resumable: true,
    onCut: () => {
      cuts++
      sleptMs += 3_600_000
      if (cuts === 2) proxy.accept()
    },
  })
  const seen = await untilTokens(frames, 2)
  await proxy.refuse()
  goOn()
  const state = await folded(service.url, joined(seen, frames))
  assert.equal(state.prediction?.answer, 'answer on why')
  assert.ok(cuts >= 2)
  await service.assertQuiet('ok')
})

test('what the service refuses is not asked again, before a run and in its midst', async (t) => {
  const { service, goOn } = await heldService(t)
  const another = await Service.start(t)
  const proxy = await TcpProxy.start(t, service.url)
  const { url } = proxy
  const isRefusal = (code: string) => (error: unknown) => error instanceof RefusedError && error.code === code
  await assert.rejects(
    Array.fromAsync(streamRun({ url, question: ' ', resumable: true })),
    isRefusal('bad_body'),
  )
  await assert.rejects(Array.fromAsync(attachRun({ url, id: 'none' })), isRefusal('run_not_found'))
  assert.ok(proxy.count <= 2)
  const frames = streamRun({ url, question: 'why', resumable: true })
  await untilTokens(frames, 2)
  proxy.target = another.url // which knows no such run
  proxy.cut()
  await assert.rejects(Array.fromAsync(frames), isRefusal('run_not_found'))
  goOn()
  await service.assertQuiet('ok')
})

test('an abort and a reader that stops end the reading, and cancelRun the run', async (t) => {
  const { service } = await heldService(t)
  const { url } = service
  const taker = idTaker()
  const leaving = new AbortController()
  const reason = new Error('enough')
  const asking = { url, question: 'why', resumable: true, onRun: taker.onRun }
  await assert.rejects(async () => {
    for await (const frame of streamRun({ ...asking, signal: leaving.signal })) {
      if (frame.type === 'token') leaving.abort(reason)
    }
  }, reason)
  const { id } = taker
  for await (const frame of attachRun({ url, id })) if (frame.type === 'token') break
  assert.equal((await readRun({ url, id })).status, 'running')
  const watching = Array.fromAsync(attachRun({ url, id }))
  const ended = await cancelRun({ url, id })
  assert.deepEqual([ended.status, ended.error?.code], ['cancelled', 'cancelled'])
  assert.deepEqual(await cancelRun({ url, id }), ended)
  assert.equal((await watching).at(-1)?.type, 'error')
  await service.assertQuiet('cancelled')
  await eraseRun({ url, id })
  await assert.rejects(readRun({ url, id }), RefusedError)
})

test('an abort while it waits to connect again is heard at once', async (t) => {
  const { service, goOn } = await heldService(t)
  const proxy = await TcpProxy.start(t, service.url)
  const leaving = new AbortController()
  const frames = streamRun({
    url: proxy.url,
    question: 'why',
    resumable: true,
    signal: leaving.signal,
    onCut: () => queueMicrotask(() => leaving.abort()),
  })
  await untilTokens(frames, 2)
  await proxy.refuse()
  await assert.rejects(Array.fromAsync(frames), { name: 'AbortError' })
  goOn()
  await service.assertQuiet('ok')
})

test('a run is read by its id: from an event on, all of it in short, and not at all from its end on', async (t) => {
  const service = await Service.start(t)
  const { url } = service
  const taker = idTaker()
  const events: { data: string; id: string | undefined }[] = []
  const asking = { url, question: 'why', resumable: true, onRun: taker.onRun }
  const whole = await Array.fromAsync(
    streamRun({ ...asking, onEvent: (data, id) => void events.push({ data, id }) }),
  )
  const { id } = taker
  assert.ok(events.every(({ id }) => id !== undefined))
  for (const [nth, { id: after }] of events.entries()) {
    if (nth % 5 === 0)
      assert.deepEqual(await Array.fromAsync(attachRun({ url, id, after })), whole.slice(nth + 1))
  }
  const [first, ...short] = await Array.fromAsync(attachRun({ url, id }))
  assert.deepEqual(first, { type: 'reset', keep: [] })
  assert.ok(short.length < whole.length)
  assertWhole(await folded(url, attachRun({ url, id })), 'why')
  assert.deepEqual(await Array.fromAsync(attachRun({ url, id, after: events.at(-1)?.id })), [])
  // Before every event: all of it comes as it came, and not in short.
  assert.deepEqual(await Array.fromAsync(attachRun({ url, id, after: '0-0' })), whole)
  const { program, inputs, status, prediction, expires_at, duration_ms } = await readRun({ url, id })
  assert.deepEqual([program, status, prediction], ['parallel-composer', 'done', whole.at(-1)])
  assert.deepEqual(inputs, { question: 'why' })
  assert.ok(expires_at !== undefined)
  assert.equal((await readRun({ url, id })).duration_ms, duration_ms, 'it is over')
  await service.assertQuiet('ok')
})

test('with keys a run is its key’s, and everybody else’s answer is that there is none', async (t) => {
  const keys = { one: 'key-of-the-first-client', two: 'key-of-the-second-client' }
  const service = await Service.start(t, { env: { API_KEYS: `one=${keys.one},two=${keys.two}` } })
  const { url } = service
  const taker = idTaker()
  const { onRun } = taker
  await Array.fromAsync(streamRun({ url, question: 'why', resumable: true, apiKey: keys.one, onRun }))
  const { id } = taker
  const isNotFound = (error: unknown) => error instanceof RefusedError && error.code === 'run_not_found'
  const other = { url, id, apiKey: keys.two }
  await assert.rejects(readRun(other), isNotFound)
  await assert.rejects(cancelRun(other), isNotFound)
  await assert.rejects(eraseRun(other), isNotFound)
  await assert.rejects(Array.fromAsync(attachRun(other)), isNotFound)
  const frames = await Array.fromAsync(attachRun({ url, id, apiKey: keys.one }))
  assert.equal(frames.at(-1)?.type, 'prediction')
})

test('where a proxy takes the run’s id away, posting again reads on', async (t) => {
  const service = await Service.start(t)
  const proxy = await TcpProxy.start(t, service.url)
  proxy.cuts.push(700, 1_200, 900)
  const frames = streamRun({
    url: proxy.url,
    question: 'why',
    resumable: true,
    onRun: () => assert.fail('it has no id'),
    fetch: async (address, init) => {
      const { body, status } = await fetch(address, init)
      return new Response(body, { status, headers: { 'content-type': 'text/event-stream' } })
    },
  })
  assertWhole(await folded(service.url, frames), 'why')
  assert.equal(proxy.count, 4)
  assert.equal(service.upstream.exchanges.length, 3)
  await service.assertQuiet('ok')
})

test('with the types of its program, what is known of a run has its names and values', () => {
  type Invoice = {
    readonly name: 'invoice'
    readonly inputs: { readonly text: string }
    readonly outputs: { readonly total: number }
    readonly predictors: { readonly read: 'total' }
  }
  const at = { url: 'http://127.0.0.1:8000', id: 'a' }
  void (async () => {
    const run = await readRun<Invoice>(at)
    const total: number | undefined = run.prediction?.data.total
    // @ts-expect-error the program has no such output
    const other: number | undefined = (await cancelRun<Invoice>(at)).prediction?.data.other
    for await (const frame of attachRun<Invoice>(at)) {
      if (frame.type === 'prediction') return frame.data.total
      // @ts-expect-error the program has no such predictor
      if (frame.type === 'token' && frame.predictor === 'other') return other
    }
    return total
  })
})

test('what a callback throws is the caller’s, and not taken for a broken connection', async (t) => {
  const service = await Service.start(t)
  const { url } = service
  const wrong = new Error('wrong')
  const fail = () => {
    throw wrong
  }
  const asking = { url, question: 'why', resumable: true, onCut: () => assert.fail('it connects again') }
  await assert.rejects(Array.fromAsync(streamRun({ ...asking, onRun: fail })), wrong)
  await assert.rejects(Array.fromAsync(streamRun({ ...asking, onEvent: fail })), wrong)
  await service.assertQuiet('ok', 'ok')
})
