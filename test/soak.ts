/**
 * `npm run soak -- --minutes 10`: the real service under mixed load, for as long as you like. Clients read whole runs,
 * leave at random moments, read slowly, or send nonsense; the upstream fails in all the ways that it knows. Every run
 * that finishes is compared character for character with what the upstream wrote, and at the end the service has to be
 * back where it was: memory, file descriptors, connections upstream.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createGzip } from 'node:zlib'
import type { Frame } from '../src/core/frame.ts'
import { answersOf, RawClient } from './support/raw-client.ts'
import { framesOf, rawQuestion, text } from './support/service.ts'
import { completion, type Exchange, eventOf, type Script, Upstream } from './support/upstream.ts'

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '32' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
let state = Number(options.seed)
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
const below = (end: number) => Math.floor(random() * end)
const oneOf = <T>(list: readonly T[]): T => list[below(list.length)] as T

const WORDS = [
  'and',
  'ideas',
  '[[wiki]]',
  'a[[0, 1]]',
  '\n\n',
  '\n[[ ## answ',
  '👩‍🚀',
  '四十二',
  '"',
  '\\',
  '\n - [[ ## answer ## ]]',
]
const sentence = () =>
  Array.from({ length: 1 + below(60) }, () => oneOf(WORDS))
    .join(' ')
    .trim()

/** What a fault makes of a run: the codes that it may end with, `undefined` for a prediction. */
const FAULTS: Readonly<Record<string, readonly (string | undefined)[]>> = {
  none: [undefined],
  parts: [undefined],
  gzip: [undefined],
  'writes on': [undefined],
  'no finish reason': [undefined],
  'token limit': [undefined],
  'fails once': [undefined],
  'always fails': ['upstream_error'],
  reset: ['upstream_truncated', 'upstream_unreachable'],
  cut: ['upstream_truncated'],
  closed: ['upstream_truncated'],
  filtered: ['upstream_refused'],
  'error event': ['upstream_error'],
  stall: ['upstream_stalled'],
  page: ['upstream_bad_response'],
  'unknown part': ['upstream_bad_response'],
}
/** Half of the runs have none. */
const pickFault = () => (random() < 0.5 ? 'none' : oneOf(Object.keys(FAULTS)))

type Plan = {
  readonly fault: string
  /** The field whose predictor has the fault. */
  readonly at: string
  /** What each predictor writes, by its last field. */
  readonly written: Readonly<Record<string, { readonly reasoning: string; readonly value: string }>>
  asked: number
}

const PREDICTORS = { brainstorm: 'ideas.brainstorm', evidence: 'evidence.probe', answer: 'compose' } as const
const FIELDS = Object.keys(PREDICTORS) as (keyof typeof PREDICTORS)[]

const plans = new Map<string, Plan>()
let planned = 0

function newPlan(): string {
  const question = `question ${planned++}`
  const written = Object.fromEntries(
    FIELDS.map((field) => [field, { reasoning: sentence(), value: sentence() }]),
  )
  plans.set(question, { fault: pickFault(), at: oneOf(FIELDS), written, asked: 0 })
  return question
}

const script: Script = async (exchange) => {
  const plan = plans.get(exchange.input('question'))
  if (!plan) return exchange.refuse(500) // its client had left before it was asked
  const { reasoning, value } = plan.written[exchange.field] as Plan['written'][string]
  const whole = completion({ reasoning, [exchange.field]: value })
  const fault = exchange.field === plan.at ? plan.fault : 'none'
  if (fault === 'always fails' || (fault === 'fails once' && plan.asked++ === 0)) return exchange.refuse(500)
  if (fault === 'page')
    return void exchange.response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hi</p>')
  if (fault === 'gzip') return zipped(exchange, whole)
  exchange.open()
  const isCut = ['reset', 'cut', 'closed', 'filtered', 'error event', 'stall', 'unknown part'].includes(fault)
  await write(exchange, isCut ? whole.slice(0, 1 + below(whole.length - 30)) : whole, fault === 'parts')
  if (!exchange.isOpen) return
  switch (fault) {
    case 'reset':
      return exchange.reset()
    case 'cut':
    case 'no finish reason':
      return void exchange.raw('data: [DONE]\n\n').response.end()
    case 'closed':
      return void exchange.response.end()
    case 'filtered':
      return exchange.finish('content_filter')
    case 'error event':
      return void exchange.raw(eventOf({ error: { message: 'no slot' } })).response.end()
    case 'unknown part':
      return void exchange.chunk({ delta: { content: [{ type: 'image_url' }] } }).finish()
    case 'stall':
      return exchange.closed
    case 'writes on':
      while (exchange.isOpen) {
        exchange.delta('and on ')
        await sleep(5)
      }
      return
    default:
      return exchange.finish(fault === 'token limit' ? 'length' : 'stop')
  }
}

/** In pieces of any size, at any pace. */
async function write(exchange: Exchange, whole: string, inParts: boolean): Promise<void> {
  const pace = oneOf([0, 0, 1, 5])
  for (let at = 0; at < whole.length && exchange.isOpen; ) {
    const piece = whole.slice(at, at + 1 + below(12))
    at += piece.length
    exchange.chunk({ delta: { content: inParts ? [{ type: 'text', text: piece }] : piece } })
    if (pace > 0) await sleep(pace)
  }
}

function zipped({ response }: Exchange, whole: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
  const gzip = createGzip()
  gzip.pipe(response)
  gzip.end(eventOf({ choices: [{ delta: { content: whole }, finish_reason: 'stop' }] }))
}

const counts = new Map<string, number>()
const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)

/** Compares a whole stream with what the upstream wrote. */
function check(question: string, stream: string): void {
  const { fault, at, written } = plans.get(question) as Plan
  const frames = framesOf(stream)
  const end = frames.at(-1) as Frame
  const code = end.type === 'error' ? end.code : undefined
  assert.ok(FAULTS[fault]?.includes(code), `${fault} ended with ${code}: ${JSON.stringify(end)}`)
  for (const field of FIELDS) {
    const { reasoning, value } = written[field] as Plan['written'][string]
    for (const [name, expected] of [
      ['reasoning', reasoning],
      [field, value],
    ] as const) {
      const sent = text(frames, PREDICTORS[field], name)
      if (code === undefined) assert.equal(sent, expected, `${fault} at ${at}: ${field} ${name}`)
      else assert.ok(expected.startsWith(sent), `${fault} at ${at}: ${sent} doesn't begin ${expected}`)
    }
  }
  if (end.type === 'prediction') {
    const { reasoning, value } = written.answer as Plan['written'][string]
    assert.deepEqual(end.data, { reasoning, answer: value })
    assert.deepEqual(end.truncated, undefined)
  }
  count(code === undefined ? `whole (${fault})` : `${code} (${fault})`)
}

/** One client after the other, each of a kind of its own. */
async function client(url: string, until: number): Promise<void> {
  while (performance.now() < until) {
    const question = newPlan()
    const kind = random()
    if (kind < 0.6) check(question, await (await post(url, question)).text())
    else if (kind < 0.8) await leave(url, question)
    else if (kind < 0.95) check(question, await readSlowly(url, question))
    else await sendNonsense(url)
    plans.delete(question)
  }
}

const post = (url: string, question: string, signal?: AbortSignal) =>
  fetch(`${url}/v1/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question, include: ['reasoning'] }),
    ...(signal && { signal }),
  })

async function leave(url: string, question: string): Promise<void> {
  const controller = new AbortController()
  const { signal } = controller
  const left = sleep(below(300)).then(() => controller.abort())
  await post(url, question, signal)
    .then((response) => response.text())
    .catch((error) => assert.ok(signal.aborted, error))
  await left
  count('left')
}

/** On a bare socket that takes a little at a time. */
async function readSlowly(url: string, question: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const raw = new RawClient(socket)
  const body = rawQuestion(question, 'connection: close\r\n').replace(
    JSON.stringify({ question }),
    JSON.stringify({ question, include: ['reasoning'] }),
  )
  socket.write(
    body.replace(
      /content-length: \d+/,
      `content-length: ${JSON.stringify({ question, include: ['reasoning'] }).length}`,
    ),
  )
  while (!socket.destroyed) {
    socket.pause()
    await sleep(below(40))
    socket.resume()
    await Promise.race([once(socket, 'data'), raw.closed])
  }
  count('read slowly')
  return Buffer.from(answersOf(await raw.closed)[0]?.body ?? '', 'latin1').toString()
}

async function sendNonsense(url: string): Promise<void> {
  const body = oneOf([
    '',
    '{',
    '[]',
    '{"question":""}',
    '{"question":"Q","x":1}',
    JSON.stringify(Array(9_000).fill(1)),
  ])
  const response = await fetch(`${url}/v1/stream`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(response.status, 400)
  await response.text()
  count('refused')
}

/** What the process holds now: memory in MB, descriptors. */
function held({ pid }: ChildProcess): { mb: number; descriptors: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    mb: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  }
}

async function start(upstream: Upstream): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [new URL('../src/server.ts', import.meta.url).pathname], {
    env: {
      PORT: '0',
      OPENAI_BASE_URL: upstream.url,
      OPENAI_API_KEY: 'sk-test-0123456789abcdef',
      LM_IDLE_TIMEOUT_MS: '2000',
      LM_MAX_RETRIES: '1',
      STALL_MS: '5000',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => child.kill('SIGKILL')) // however this script ends
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>()
  let log = ''
  const onData = (piece: string) => {
    log += piece
    const url = /Server listening at (http:[^"]+)"/.exec(log)?.[1]
    if (!url) return
    child.stdout.off('data', onData).resume() // the rest of the log is nobody's
    resolve(url)
  }
  child.stdout.setEncoding('utf8').on('data', onData)
  child.once('exit', () => reject(new Error(`The service ended: ${log}`)))
  return { child, url: await listening }
}

const upstream = await Upstream.start(script)
const { child, url } = await start(upstream)
const minutes = Number(options.minutes)
console.log(`${minutes} minutes, ${options.clients} clients, seed ${options.seed}`)
const before = held(child)
const began = performance.now()
const until = began + minutes * 60_000
const memory: number[] = []
const watching = setInterval(
  () => {
    const { mb, descriptors } = held(child)
    memory.push(mb)
    upstream.exchanges.splice(
      0,
      upstream.exchanges.findIndex(({ isOpen }) => isOpen),
    ) // those that are over
    const runs = [...counts.values()].reduce((sum, one) => sum + one, 0)
    const seconds = Math.round((performance.now() - began) / 1000)
    console.log(
      `${seconds} s: ${runs} runs, ${mb} MB, ${descriptors} descriptors, ${upstream.open} open upstream`,
    )
  },
  Math.min(10_000, minutes * 6_000),
)
await Promise.all(Array.from({ length: Number(options.clients) }, () => client(url, until)))
clearInterval(watching)

for (const [what, times] of [...counts].sort()) console.log(`${String(times).padStart(8)}  ${what}`)
// Connections that nobody uses close after some seconds, on either side.
for (let second = 0; second < 90 && held(child).descriptors > before.descriptors; second++) await sleep(1_000)
const after = held(child)
const third = Math.ceil(memory.length / 3)
const middle = Math.max(...memory.slice(third, 2 * third))
const last = Math.max(...memory.slice(2 * third))
console.log(`before: ${before.mb} MB, ${before.descriptors} descriptors`)
console.log(`after: ${after.mb} MB, ${after.descriptors} descriptors, ${upstream.open} open upstream`)
console.log(`most memory: ${middle} MB in the middle third, ${last} MB in the last`)
assert.equal(upstream.open, 0, 'requests are open upstream')
assert.ok(after.descriptors <= before.descriptors, 'descriptors were not given back')
assert.ok(last < middle * 1.25 + 20, 'memory grows')
assert.equal((await fetch(`${url}/livez`)).status, 200)
child.kill('SIGTERM')
const [code] = await once(child, 'exit')
assert.equal(code, 0)
await upstream.close()
console.log('Every run was what it had to be, and nothing of them is left.')
