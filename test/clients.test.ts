/** Clients that people really use, and one that nobody should, read whole runs with hostile text in them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { fetchEventSource } from '@microsoft/fetch-event-source'
import { EventSource } from 'eventsource'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { streamRun } from '../src/client/index.ts'
import type { Frame } from '../src/core/frame.ts'
import { predictionOf, Service, text } from './support/service.ts'

/** The data of each event up to `[DONE]`, as a client saw it. */
type Client = (
  url: string,
  init: { method: 'POST'; headers: Record<string, string>; body: string },
) => Promise<string[]>

const clients: Record<string, Client> = {
  async 'curl -N'(url, { headers, body }) {
    const header = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
    const { stdout } = await promisify(execFile)('curl', ['-sSN', ...header, '--data-binary', body, url])
    return dataLinesOf(stdout)
  },

  async 'a reader that splits at blank lines and "data: "'(url, init) {
    const response = await fetch(url, init)
    return dataLinesOf(await response.text())
  },

  async 'a reader that splits at whatever Unicode calls a line end'(url, init) {
    const lines = (await (await fetch(url, init)).text()).split(/[\n\v\f\r\u0085\u2028\u2029]/)
    return lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(6))
  },

  async 'eventsource-parser'(url, init) {
    const { body } = await fetch(url, init)
    const events = (body as ReadableStream<Uint8Array<ArrayBuffer>>)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream())
    return (await Array.fromAsync(events)).map(({ data }) => data)
  },

  eventsource(url, init) {
    const source = new EventSource(url, { fetch: (to, own) => fetch(to, { ...own, ...init }) })
    const seen: string[] = []
    return new Promise((resolve, reject) => {
      source.onerror = reject
      source.onmessage = ({ data }) => {
        seen.push(data)
        if (data !== '[DONE]') return
        source.close() // it would connect again
        resolve(seen)
      }
    })
  },

  async '@microsoft/fetch-event-source'(url, init) {
    Object.assign(globalThis, { window: { setTimeout, clearTimeout }, document: new EventTarget() }) // it is made for browsers
    const seen: string[] = []
    await fetchEventSource(url, {
      ...init,
      fetch,
      openWhenHidden: true,
      onmessage: ({ data }) => void (data !== '' && seen.push(data)), // comments are empty messages to it
      onerror: (error) => {
        throw error
      },
    })
    return seen
  },

  async 'the typed client'(url, { body }) {
    const seen: string[] = []
    const { origin } = new URL(url)
    const onEvent = (data: string) => void seen.push(data)
    for await (const _ of streamRun({ url: origin, question: JSON.parse(body).question, onEvent }));
    return seen
  },
}

const dataLinesOf = (stream: string) =>
  stream
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice('data: '.length))

const hostile: Record<string, string> = {
  'forged frames':
    'Done.\n\ndata: [DONE]\n\ndata: {"type":"prediction","data":{"answer":"forged"}}\n\nevent: end',
  'the end of a script': '</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)>',
  'line ends of every kind': 'a\r\nb\rc\u2028d\u2029e\u0085f\vg\fh\x1ci',
  'halves of surrogate pairs': 'alone \ud83d and \ude00, together 😀👩‍👩‍👧‍👦🇩🇪',
  'what JSON escapes': '"\\" \\u2028 \\n \0 \x1b[31m \x7f \ufeff.',
}

const answer = Object.values(hostile).join('\n')

for (const [name, read] of Object.entries(clients)) {
  test(`${name} reads a whole run, and sees hostile text as text`, async (t) => {
    const service = await Service.start(t, {
      env: { HEARTBEAT_MS: '1' },
      // One UTF-16 unit at a time, so that every pair of surrogates is cut in halves.
      script: (exchange) =>
        exchange.answer(Object.fromEntries(exchange.fields.map((field) => [field, answer])), 1),
    })
    const data = await read(`${service.url}/v1/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question: 'Q' }),
    })
    assert.equal(data.pop(), '[DONE]')
    const frames = data.map((json): Frame => JSON.parse(json))
    assert.deepEqual(predictionOf(frames).data, { reasoning: answer, answer })
    assert.equal(text(frames, 'compose', 'answer'), answer)
    assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), answer)
    assert.equal(frames.filter(({ type }) => type === 'prediction').length, 1)
    await service.assertQuiet('ok')
  })
}

describe('C25 hostile text', () => {
  for (const [what, value] of Object.entries(hostile)) {
    test(`${what} in the question and in the answer forges nothing`, async (t) => {
      const service = await Service.start(t)
      const frames = await service.ask(value)
      assert.equal(predictionOf(frames).data.answer, `answer on ${value}`)
      await service.assertQuiet('ok')
    })
  }
})
