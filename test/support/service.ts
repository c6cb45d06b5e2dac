/** The real service on a real socket, with a scripted upstream behind it. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { type Frame, frame } from '../../src/core/frame.ts'
import type { Program } from '../../src/core/program.ts'
import { createLM } from '../../src/lm/create.ts'
import { parallelComposer } from '../../src/programs/parallel-composer.ts'
import { OpenStreams } from '../../src/streams.ts'
import { type Script, Upstream } from './upstream.ts'

export const KEY = 'sk-test-0123456789abcdef'

export type LogLine = { readonly msg: string; readonly level: number; readonly [key: string]: unknown }

/** What was logged, and a way to wait for more. */
class LogLines {
  readonly lines: LogLine[] = []
  readonly #events = new EventEmitter()
  readonly sink = new Writable({
    write: (line, _encoding, done) => {
      this.lines.push(JSON.parse(line))
      this.#events.emit('line')
      done()
    },
  })

  async next(): Promise<void> {
    await once(this.#events, 'line')
  }
}

export class Service {
  readonly url: string
  readonly upstream: Upstream
  readonly streams: OpenStreams
  readonly log: LogLines

  constructor(url: string, upstream: Upstream, streams: OpenStreams, log: LogLines) {
    this.url = url
    this.upstream = upstream
    this.streams = streams
    this.log = log
  }

  /**
   * Starts one; it is closed when the test ends.
   *
   * @param env variables over the defaults of the tests
   */
  static async start(
    t: TestContext,
    {
      script,
      env = {},
      program = parallelComposer,
    }: { script?: Script; env?: Record<string, string>; program?: Program } = {},
  ): Promise<Service> {
    const upstream = await Upstream.start(script)
    const config = readConfig({ OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: KEY, ...env })
    const log = new LogLines()
    const logger = pino({ level: config.LOG_LEVEL }, log.sink)
    const lm = createLM(config, [], () => {})
    const streams = new OpenStreams(config.MAX_STREAMS)
    const app = await buildApp({ lm, program, config, logger, streams, isLoaded: () => true })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    t.after(async () => {
      app.server.closeAllConnections()
      await app.close()
      await upstream.close()
      await lm.close?.()
    })
    return new Service(url, upstream, streams, log)
  }

  /** Posts a question with `fetch`. */
  post(
    question: string,
    { include, signal }: { include?: string[]; signal?: AbortSignal } = {},
  ): Promise<Response> {
    return fetch(`${this.url}/v1/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question, ...(include && { include }) }),
      ...(signal && { signal }),
    })
  }

  /** Asks, and reads the stream to its end. */
  async ask(question: string, options: { include?: string[] } = {}): Promise<Frame[]> {
    const response = await this.post(question, options)
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return framesOf(text)
  }

  /** A bare connection to the service. */
  async socket(): Promise<Socket> {
    const { hostname, port } = new URL(this.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {}) // resets are part of the tests
    await once(socket, 'connect')
    return socket
  }

  /** The log lines of runs, as soon as there are so many. */
  async finished(count = 1): Promise<LogLine[]> {
    const ends = () => this.log.lines.filter(({ msg }) => msg === 'stream finished')
    while (ends().length < count) await this.log.next()
    return ends()
  }

  /**
   * What holds after every run: the process serves, nothing of the runs is left in it or upstream, each run has
   * one line in the log with this outcome, and the key is in none.
   */
  async assertQuiet(...outcomes: string[]): Promise<void> {
    const lines = await this.finished(outcomes.length)
    assert.deepEqual(lines.map(({ outcome }) => outcome).sort(), [...outcomes].sort())
    await Promise.all(this.upstream.exchanges.map(({ closed }) => closed))
    assert.equal(this.streams.size, 0, 'streams are still open')
    assert.equal((await fetch(`${this.url}/livez`)).status, 200)
    assert.ok(!JSON.stringify(this.log.lines).includes(KEY), 'the key is in the log')
  }
}

/** A raw request with a question, for bare sockets. */
export function rawQuestion(question: string, headers = ''): string {
  const body = JSON.stringify({ question })
  return (
    `POST /v1/stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/**
 * The frames of a whole stream, checked against the protocol: every event is one `data:` line of valid JSON, it
 * ends in a prediction or one error and then `[DONE]`, nothing follows, every field is closed as it should be, a
 * module's statuses stand around its tokens, and chunks joined are the prediction.
 */
export function framesOf(text: string): Frame[] {
  assert.ok(text.endsWith('data: [DONE]\n\n'), `no [DONE] at the end: …${JSON.stringify(text.slice(-200))}`)
  assert.ok(!text.includes('\r') && !text.includes('\ufffd'))
  assert.ok(!text.includes(KEY), 'the key is in the stream')
  const events = text
    .split('\n\n')
    .slice(0, -1)
    .filter((event) => event !== ': keep-alive')
  assert.equal(events.pop(), 'data: [DONE]')
  const frames = events.map((event) => {
    assert.match(event, /^data: \{.*\}$/)
    return frame.parse(JSON.parse(event.slice('data: '.length)))
  })
  assertProtocol(frames)
  return frames
}

function assertProtocol(frames: readonly Frame[]): void {
  const ends = frames.filter(({ type }) => type === 'prediction' || type === 'error')
  assert.equal(ends.length, 1)
  const end = frames.at(-1) as Frame
  assert.equal(end, ends[0])

  const closed = new Set<string>()
  const written = new Set<string>()
  const started = new Set<string>()
  const ended = new Set<string>()
  for (const one of frames) {
    if (one.type === 'status' && one.phase === 'start') started.add(one.module)
    if (one.type === 'status' && one.phase === 'end') {
      assert.ok(started.has(one.module), `${one.module} ended before it started`)
      ended.add(one.module)
    }
    if (one.type !== 'token') continue
    const module = one.predictor.split('.')[0] as string
    if (module !== one.predictor)
      assert.ok(started.has(module) && !ended.has(module), `${module}: token out of place`)
    const lane = JSON.stringify([one.predictor, one.call, one.field])
    assert.ok(!closed.has(lane), `${lane} goes on after is_last`)
    written.add(lane)
    if (one.is_last) closed.add(lane)
  }
  if (end.type !== 'prediction') return
  assert.deepEqual(closed, written, 'every field is closed')
  const last = frames.findLast((one) => one.type === 'token')?.predictor
  for (const [field, value] of Object.entries(end.data)) {
    const chunks = frames.filter(
      (one) => one.type === 'token' && one.predictor === last && one.field === field,
    )
    if (chunks.length > 0) assert.equal(text(frames, last as string, field), value)
  }
}

/** A field's chunks, joined. */
export function text(frames: readonly Frame[], predictor: string, field: string, call?: number): string {
  return frames
    .map((one) =>
      one.type === 'token' && one.predictor === predictor && one.field === field && one.call === call
        ? one.chunk
        : '',
    )
    .join('')
}
