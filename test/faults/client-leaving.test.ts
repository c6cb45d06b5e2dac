/** Clients that go away, at every stage of a run. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RawClient } from '../support/raw-client.ts'
import { rawQuestion, Service } from '../support/service.ts'
import { echo, only, type Script } from '../support/upstream.ts'

const silent: Script = () => {}

/** Opens the answer, writes this much of it and then nothing more. */
const halfway: Script = (exchange) => {
  exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nHalf of ${exchange.field}`)
}

/** Which requests upstream were cut by the service, in the order of their fields. */
const aborted = ({ upstream }: Service) =>
  upstream.exchanges
    .filter(({ wasAborted }) => wasAborted)
    .map(({ field }) => field)
    .sort()

test('C1 a client that leaves before the first byte has its requests upstream aborted', async (t) => {
  const service = await Service.start(t, { script: silent })
  const socket = await service.socket()
  socket.pause().write(rawQuestion('Q'))
  await service.upstream.request(1)
  socket.resetAndDestroy()
  const [line] = await service.assertQuiet('client_closed')
  assert.deepEqual(aborted(service), ['brainstorm', 'evidence'])
  assert.equal(line?.level, 30, 'a client that leaves is no fault of ours')
  assert.ok(!service.log.lines.some(({ level }) => level > 30))
})

test('C1 clients that leave as soon as they have asked leave nothing behind', async (t) => {
  const service = await Service.start(t, { script: silent })
  for (let nth = 0; nth < 20; nth++) {
    const socket = await service.socket()
    socket
      .pause()
      .write(rawQuestion('Q'), () => (nth % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()))
    await once(socket, 'close')
  }
  await fetch(`${service.url}/livez`) // by now the service has seen all of them
  const runs = service.runs.size + service.ends.length
  await service.assertQuiet(...Array(runs).fill('client_closed'))
})

test('C2 a client that leaves in a branch has both branches aborted', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const client = new AbortController()
  const reading = await service.open('Q', { signal: client.signal })
  await reading.until('Half of brainstorm')
  await reading.until('Half of evidence')
  client.abort()
  await service.assertQuiet('client_closed')
  assert.deepEqual(aborted(service), ['brainstorm', 'evidence'])
})

test('C2 a client that leaves in compose has that aborted', async (t) => {
  const service = await Service.start(t, { script: only('answer', halfway) })
  const client = new AbortController()
  const reading = await service.open('Q', { signal: client.signal })
  await reading.until('Half of answer')
  client.abort()
  await service.assertQuiet('client_closed')
  assert.deepEqual(aborted(service), ['answer'])
})

test("C2 a client that leaves in a retry's wait ends the wait and the other branch", async (t) => {
  const service = await Service.start(t, {
    script: (exchange) => {
      if (exchange.field === 'brainstorm') exchange.refuse(429, undefined, { 'retry-after': '30' })
    },
  })
  const client = new AbortController()
  const reading = await service.open('Q', { signal: client.signal })
  await reading.until('"phase":"waiting"')
  await service.upstream.request(1)
  client.abort()
  const [line] = await service.assertQuiet('client_closed')
  assert.deepEqual(aborted(service), ['evidence'])
  assert.equal(line?.retries, 1)
})

test('C3 a client that closes its half counts as gone', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('Q'))
  await client.until('Half of evidence')
  client.socket.end()
  const text = await client.closed
  assert.ok(!text.includes('[DONE]'), 'a stream that was cut says so by having no [DONE]')
  await service.assertQuiet('client_closed')
  assert.deepEqual(aborted(service), ['brainstorm', 'evidence'])
})

test('C3 so does one that closes its half right behind the question', async (t) => {
  const service = await Service.start(t, { script: silent })
  const client = await RawClient.connect(service)
  client.socket.end(rawQuestion('Q'))
  await client.closed
  await service.assertQuiet('client_closed')
})

test('C24 a client that leaves with a second stream in line ends that too', async (t) => {
  const service = await Service.start(t, { script: halfway })
  const client = await RawClient.connect(service)
  client.socket.write(rawQuestion('first') + rawQuestion('second'))
  await service.upstream.request(3)
  await client.until('Half of evidence')
  client.socket.destroy()
  await service.assertQuiet('client_closed', 'client_closed')
  assert.equal(aborted(service).length, 4)
})

test('C9 10,000 clients that connect and leave cost nothing that stays', async (t) => {
  const service = await Service.start(t, { script: halfway })
  // Of ten, eight leave before they have asked, one at once after it, one in mid-stream.
  const leave = async (nth: number) => {
    const socket = await service.socket()
    if (nth % 2 === 1) socket.write(rawQuestion('Q').slice(0, nth % 10 === 1 ? undefined : 60))
    if (nth % 10 === 9) socket.write(rawQuestion('Q').slice(60))
    if (nth % 10 === 9) await once(socket, 'data')
    socket.destroy()
  }
  const wave = async (clients: number) => {
    for (let nth = 0; nth < clients; nth += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => leave(nth + index)))
    }
    // Each run has ended once no stream is open and no request; what is known of them is let go.
    while (service.runs.size > 0) await service.log.next()
    await Promise.all(service.upstream.exchanges.map(({ closed }) => closed))
    for (const { outcome } of service.ends) assert.equal(outcome, 'client_closed')
    service.upstream.exchanges.length = 0
    service.log.lines.length = 0
    await fetch(`${service.url}/livez`)
    return { memory: heapInUse(), sockets: openSockets() }
  }
  const before = await wave(1_000)
  const after = await wave(10_000)
  assert.ok(after.memory < before.memory + 10e6, `${before.memory} bytes became ${after.memory}`)
  assert.ok(after.sockets <= before.sockets + 5, `${before.sockets} sockets became ${after.sockets}`)
  service.upstream.script = echo
  await service.ask('Q')
  await service.assertQuiet('ok')
})

function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const openSockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
