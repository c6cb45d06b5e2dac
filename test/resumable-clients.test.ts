/** Clients that people really use read runs that outlive their connection, through a network that breaks. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { promisify } from 'node:util'
import { fetchEventSource } from '@microsoft/fetch-event-source'
import { EventSource } from 'eventsource'
import type { Frame } from '../src/core/frame.ts'
import { TcpProxy } from './support/proxy.ts'
import { framesOf, predictionOf, Service, text } from './support/service.ts'
import { type Exchange, echo } from './support/upstream.ts'

const run = promisify(execFile)

const BODY = JSON.stringify({ question: 'why' })
const JSON_TYPE = { 'content-type': 'application/json' }

/** Posts to `/v1/runs`, as whoever reads with an `EventSource` does. */
async function begin(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/runs`, { method: 'POST', headers: JSON_TYPE, body: BODY })
  assert.equal(response.status, 201)
  return `${url}${response.headers.get('location')}`
}

/** A text that comes in many pieces. */
const piecemeal = (exchange: Exchange) =>
  exchange.answer(Object.fromEntries(exchange.fields.map((field) => [field, `${field} on why`])), 2)

function assertWhole(frames: readonly Frame[]): void {
  assert.deepEqual(predictionOf(frames).data, { reasoning: 'reasoning on why', answer: 'answer on why' })
  assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), 'brainstorm on why')
  assert.equal(text(frames, 'evidence.probe', 'evidence'), 'evidence on why')
  assert.equal(text(frames, 'compose', 'answer'), 'answer on why')
}

test('eventsource reads a run that was begun before, connects again by itself, and stops for good at its end', async (t) => {
  const service = await Service.start(t, { script: piecemeal })
  const proxy = await TcpProxy.start(t, service.url)
  proxy.cuts.push(900, 1_500)
  const { pathname } = new URL(await begin(service.url))
  const statuses: number[] = []
  const source = new EventSource(`${proxy.url}${pathname}/stream`, {
    fetch: async (address, init) => {
      const response = await fetch(address, init)
      statuses.push(response.status)
      return response
    },
  })
  const seen: string[] = []
  const { promise: over, resolve } = Promise.withResolvers<void>()
  source.onmessage = ({ data }) => void seen.push(data)
  source.onerror = () => source.readyState === source.CLOSED && resolve()
  await over // nobody has closed it
  assert.equal(seen.pop(), '[DONE]')
  assertWhole(seen.map((data) => JSON.parse(data)))
  assert.deepEqual(statuses, [200, 200, 200, 204])
  await service.assertQuiet('ok')
})

test('fetch-event-source posts again with the same key after a cut in the midst of an event: one run, nothing missing', async (t) => {
  Object.assign(globalThis, { window: { setTimeout, clearTimeout }, document: new EventTarget() }) // it is made for browsers
  const service = await Service.start(t, { script: piecemeal })
  const proxy = await TcpProxy.start(t, service.url)
  proxy.cuts.push(0, '"field":"brainstorm"', '"field":"answer"')
  const seen: string[] = []
  const ids = new Set<string | null>()
  await fetchEventSource(`${proxy.url}/v1/stream`, {
    method: 'POST',
    headers: { ...JSON_TYPE, 'idempotency-key': 'one-question' },
    body: JSON.stringify({ question: 'why', resumable: true }),
    fetch,
    openWhenHidden: true,
    onopen: async (response) => {
      assert.equal(response.status, 200)
      ids.add(response.headers.get('x-run-id'))
    },
    onmessage: ({ data }) => void (data !== '' && seen.push(data)),
    onclose: () => {
      if (seen.at(-1) !== '[DONE]') throw new Error('cut')
    },
    onerror: () => 1, // milliseconds until it asks again
  })
  assert.equal(seen.pop(), '[DONE]')
  assertWhole(seen.map((data) => JSON.parse(data)))
  assert.equal(ids.size, 1)
  assert.equal(proxy.count, 4)
  assert.equal(service.upstream.exchanges.length, 3)
  await service.assertQuiet('ok')
})

test('curl reads on from the last event it has, with a header and with a parameter', async (t) => {
  const service = await Service.start(t, { script: piecemeal })
  const body = [
    '-H',
    'content-type: application/json',
    '-d',
    JSON.stringify({ question: 'why', resumable: true }),
  ]
  const { stdout: whole } = await run('curl', ['-sSNi', ...body, `${service.url}/v1/stream`])
  const id = /^x-run-id: (\S+)/m.exec(whole)?.[1] as string
  const events = whole.slice(whole.indexOf('\r\n\r\n') + 4)
  const stream = `${service.url}/v1/runs/${id}/stream`
  const all = events.matchAll(/data: .*\nid: (\d+-\d+)\n\n/g).toArray()
  assert.ok(all.length > 30)
  for (const event of [all[0], all[20], all.at(-2)]) {
    const [shown, at] = event as RegExpExecArray
    const rest = events.slice(events.indexOf(shown) + shown.length)
    const { stdout: byHeader } = await run('curl', ['-sSN', '-H', `last-event-id: ${at}`, stream])
    assert.equal(byHeader.replace(/^retry: \d+\n\n/, ''), rest)
    const { stdout: byParameter } = await run('curl', ['-sSN', `${stream}?after=${at}`])
    assert.equal(byParameter.replace(/^retry: \d+\n\n/, ''), rest)
  }
  const { stdout: short } = await run('curl', ['-sSN', stream])
  assertWhole(framesOf(short.replace(/^retry: \d+\n\n/, '').replace(/^id: .*\n/gm, '')))
  await service.assertQuiet('ok')
})

test('curl cancels a run, which tells everybody who reads it', async (t) => {
  const service = await Service.start(t, {
    script: (exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nbegun`),
  })
  const address = await begin(service.url)
  const reading = run('curl', ['-sSN', `${address}/stream`])
  await service.upstream.request(1)
  const { stdout } = await run('curl', ['-sS', '-X', 'POST', `${address}/cancel`])
  assert.equal(JSON.parse(stdout).status, 'cancelled')
  const { stdout: seen } = await reading
  assert.match(seen, /"code":"cancelled"/)
  assert.match(seen, /data: \[DONE\]\nid: \S+\n\n$/)
  service.upstream.script = echo
  await service.assertQuiet('cancelled')
})
