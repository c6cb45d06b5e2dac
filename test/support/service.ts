/** The real service on a real socket, with a scripted upstream behind it. */
import '../../scripts/build.ts' // the service serves what this makes
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { compose } from '../../src/compose.ts'
import { readConfig, secretsOf } from '../../src/config.ts'
import type { ErrorFrame, Frame, PredictionFrame } from '../../src/core/frame.ts'
import type { Program } from '../../src/core/program.ts'
import { frame } from '../../src/core/schemas.ts'
import { buildApp } from '../../src/http/app.ts'
import { createLogger } from '../../src/log.ts'
import { parallelComposer } from '../../src/programs/parallel-composer.ts'
import type { Runs } from '../../src/runs/runs.ts'
import { type Script, Upstream } from './upstream.ts'

export const KEY = 'sk-test-0123456789abcdef'

/** The errors after which the same question may succeed later, as the protocol lists them. */
const RETRYABLE = [
  'upstream_unreachable',
  'upstream_rate_limited',
  'upstream_error',
  'upstream_timeout',
  'upstream_stalled',
  'upstream_truncated',
  'lm_busy',
  'branch_timeout',
  'run_timeout',
  'shutting_down',
]

type Asking = { include?: string[]; signal?: AbortSignal }

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

/** Stands in the output of a process where a promise or a listener was forgotten. */
const warnings: Error[] = []
process.on('warning', (warning) => warnings.push(warning))

export class Service {
  readonly url: string
  readonly server: Server
  readonly upstream: Upstream
  readonly runs: Runs
  readonly log: LogLines

  constructor(url: string, server: Server, upstream: Upstream, runs: Runs, log: LogLines) {
    this.url = url
    this.server = server
    this.upstream = upstream
    this.runs = runs
    this.log = log
  }

  /**
   * Starts one; it is closed when the test ends.
   *
   * @param env variables over the defaults of the tests
   * @param others programs beside the default one, by name
   */
  static async start(
    t: TestContext,
    {
      script,
      env = {},
      program = parallelComposer,
      others = {},
      requestTimeoutMs,
    }: {
      script?: Script
      env?: Record<string, string>
      program?: Program
      others?: Record<string, Program>
      requestTimeoutMs?: number
    } = {},
  ): Promise<Service> {
    const upstream = await Upstream.start(script)
    const config = readConfig({ OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: KEY, ...env })
    const log = new LogLines()
    const logger = createLogger({ level: config.LOG_LEVEL, secrets: secretsOf(config) }, log.sink)
    const named = { name: program === parallelComposer ? 'parallel-composer' : 'program', program }
    const beside = Object.entries(others).map(([name, program]) => ({ name, program }))
    const parts = await compose(config, {
      log: (message) => logger.info(message),
      programs: env.PROGRAMS === undefined ? { default: named, all: [named, ...beside] } : undefined,
    })
    const { lm, runs, resumable } = parts
    const app = await buildApp({ ...parts, config, logger, isLoaded: () => true, requestTimeoutMs })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    t.after(async () => {
      app.server.closeAllConnections()
      await app.close()
      await upstream.close()
      await resumable.close()
      await lm.close?.()
    })
    return new Service(url, app.server, upstream, runs, log)
  }

  /** Posts a question with `fetch`. */
  post(question: string, { include, signal }: Asking = {}): Promise<Response> {
    return fetch(`${this.url}/v1/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question, ...(include && { include }) }),
      ...(signal && { signal }),
    })
  }

  /** Asks, and reads the stream as it comes. */
  async open(question: string, options: Asking = {}): Promise<Reading> {
    const response = await this.post(question, options)
    if (response.status !== 200) assert.fail(await response.text())
    return new Reading(response)
  }

  /** Asks, and reads the stream to its end. */
  async ask(question: string, options: Asking = {}): Promise<Frame[]> {
    return (await this.open(question, options)).frames()
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
    while (this.ends.length < count) await this.log.next()
    return this.ends
  }

  /** The log lines of the runs that are over. */
  get ends(): LogLine[] {
    return this.log.lines.filter(({ msg }) => msg === 'stream finished')
  }

  /**
   * What holds after every run: the process serves and has warned of nothing, nothing of the runs is left in it,
   * upstream has no open request after a second, each run has exactly one line in the log with this outcome, and
   * the key is in none.
   *
   * @returns those lines
   */
  async assertQuiet(...outcomes: string[]): Promise<LogLine[]> {
    await this.finished(outcomes.length)
    const aSecond = sleep(1_000, 'over', { ref: false })
    // One by one: a request that was on its way when its run ended arrives after the others have closed.
    for (const exchange of this.upstream.exchanges) {
      if ((await Promise.race([exchange.closed, aSecond])) === 'over') break
    }
    assert.equal(this.upstream.open, 0, 'requests are still open upstream')
    assert.equal(this.runs.size, 0, 'runs are still open')
    assert.equal((await fetch(`${this.url}/livez`)).status, 200)
    const lines = this.ends
    assert.deepEqual(lines.map(({ outcome }) => outcome).sort(), outcomes.sort())
    assert.ok(!JSON.stringify(this.log.lines).includes(KEY), 'the key is in the log')
    assert.deepEqual(warnings, [])
    return lines
  }
}

/** A stream that is being read. */
export class Reading {
  readonly response: Response
  /** What has come. */
  text = ''
  readonly #pieces: AsyncIterator<string>

  constructor(response: Response) {
    this.response = response
    const body = response.body as ReadableStream<Uint8Array<ArrayBuffer>>
    this.#pieces = body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
  }

  /** Reads until these words have come. */
  async until(words: string): Promise<void> {
    while (!this.text.includes(words)) {
      assert.ok(await this.#more(), `${words} never came, but ${this.text}`)
    }
  }

  /**
   * Reads to the end.
   *
   * @param cut predictors whose calls didn't end although the run succeeded, so that their fields may be open
   */
  async frames(cut: readonly string[] = []): Promise<Frame[]> {
    while (await this.#more());
    const frames = framesOf(this.text, cut)
    const end = frames.at(-1)
    if (end?.type === 'error') assert.equal(end.request_id, this.response.headers.get('x-request-id'))
    return frames
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#pieces.next()
    this.text += value ?? ''
    return !done
  }
}

/** The error that a run ended with, which has this code. */
export function errorOf(frames: readonly Frame[], code: string, predictor?: string): ErrorFrame {
  const error = frames.at(-1) as ErrorFrame
  assert.deepEqual([error.type, error.code], ['error', code], JSON.stringify(error))
  if (predictor !== undefined) assert.equal(error.predictor, predictor)
  return error
}

/** The prediction that a run ended with. */
export function predictionOf(frames: readonly Frame[]): PredictionFrame {
  const prediction = frames.at(-1) as PredictionFrame
  assert.equal(prediction.type, 'prediction', JSON.stringify(prediction))
  return prediction
}

/** A raw request with a question, for bare sockets. */
export function rawQuestion(question: string, headers = '', include?: readonly string[]): string {
  const body = JSON.stringify({ question, include })
  return (
    `POST /v1/stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/**
 * The frames of a whole stream, checked against the protocol: every event is one `data:` line of valid JSON, it
 * ends in a prediction or one error and then `[DONE]`, nothing follows, every field is closed as it should be, a
 * module's statuses stand around its tokens, and chunks joined are the prediction.
 *
 * @param cut predictors whose fields may be open although the run succeeded
 */
export function framesOf(text: string, cut: readonly string[] = []): Frame[] {
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
  assertProtocol(frames, cut)
  return frames
}

function assertProtocol(frames: readonly Frame[], cut: readonly string[]): void {
  const ends = frames.filter(({ type }) => type === 'prediction' || type === 'error')
  assert.equal(ends.length, 1)
  const end = frames.at(-1) as Frame
  assert.equal(end, ends[0])

  const closed = new Set<string>()
  const written = new Set<string>()
  /** Modules that say when they start: the others may be called again after their end. */
  const starting = new Set(
    frames.flatMap((one) => (one.type === 'status' && one.phase === 'start' ? [one.module] : [])),
  )
  const open = new Set<string>()
  const failed = new Set<string>()
  for (const one of frames) {
    if (one.type === 'status') {
      const { module, predictor, phase, code } = one
      assert.equal(code !== undefined, phase === 'failed', `${phase}: with or without a code`)
      if (phase === 'progress') assert.ok(predictor !== undefined, 'progress of nobody')
      if (phase === 'failed') failed.add(predictor ?? module)
      if (phase === 'start') open.add(module)
      if (phase === 'end' || (phase === 'failed' && predictor === undefined)) {
        assert.ok(!starting.has(module) || open.has(module), `${module} ended before it started`)
        open.delete(module)
      }
    }
    if (one.type === 'reset') {
      const kept = new Set(one.keep.map(({ predictor, call }) => keyOf(predictor, call)))
      const said = [...written].map(callOf)
      for (const key of kept) assert.ok(said.includes(key), `${key} is kept and has said nothing`)
      for (const lane of written) {
        if (kept.has(callOf(lane))) continue
        written.delete(lane)
        closed.delete(lane)
      }
    }
    if (one.type !== 'token') continue
    const module = one.predictor.split('.')[0] as string
    assert.ok(!starting.has(module) || open.has(module), `${module}: token out of place`)
    const lane = JSON.stringify([one.predictor, one.call, one.field])
    assert.ok(!closed.has(lane), `${lane} goes on after is_last`)
    written.add(lane)
    if (one.is_last) closed.add(lane)
  }
  if (end.type === 'error') {
    const mayBeRetried = RETRYABLE.includes(end.code) && !end.message.includes('quota')
    assert.equal(end.retryable, mayBeRetried, `${end.code}: retryable`)
    assert.doesNotMatch(end.message, /\d+\.\d+\.\d+\.\d+|:\/\/|\n|localhost/)
    assert.doesNotMatch(end.message, /\b[A-Z]+_[A-Z_]+\b/, 'a client can change no variable of the service')
  }
  if (end.type !== 'prediction') return
  const degraded = end.degraded ?? []
  for (const part of failed) {
    assert.ok(degraded.includes(part), `${part} failed, and the prediction doesn't say so`)
  }
  // An error cuts fields short, and so does one that is a part's alone.
  const isCut = (predictor: string) =>
    [...cut, ...degraded].some((name) => predictor === name || predictor.startsWith(`${name}.`))
  const left = [...written].filter((lane) => !closed.has(lane) && !isCut(JSON.parse(lane)[0]))
  assert.deepEqual(left, [], 'every field is closed')
  const last = frames.findLast((one) => one.type === 'token')
  for (const [field, value] of Object.entries(end.data)) {
    if (!last || !written.has(JSON.stringify([last.predictor, last.call, field]))) continue
    if (typeof value !== 'string') continue // a typed value has the text that the model wrote
    const joined = text(frames, last.predictor, field, last.call)
    if (joined !== JSON.stringify(value)) assert.equal(joined, value)
  }
}

const keyOf = (predictor: string, call = 1) => JSON.stringify([predictor, call])

/** The call of a lane, which is predictor, call and field. */
function callOf(lane: string): string {
  const [predictor, call] = JSON.parse(lane)
  return keyOf(predictor, call ?? 1)
}

/** A field's chunks since what was said of its call was last void, joined. */
export function text(frames: readonly Frame[], predictor: string, field: string, call?: number): string {
  const isVoid = (one: Frame) =>
    one.type === 'reset' &&
    !one.keep.some((kept) => kept.predictor === predictor && kept.call === (call ?? 1))
  return frames
    .slice(frames.findLastIndex(isVoid) + 1)
    .map((one) =>
      one.type === 'token' && one.predictor === predictor && one.field === field && one.call === call
        ? one.chunk
        : '',
    )
    .join('')
}
