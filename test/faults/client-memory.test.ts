/** What clients that read nothing can make the service hold: the whole process, as the system counts it. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ServerProcess } from '../support/server-process.ts'

/** MB of memory that a process has now (`VmRSS`), or has had at most (`VmHWM`). */
function megabytes({ child }: ServerProcess, what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(new RegExp(`^${what}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024
}

const openFiles = ({ child }: ServerProcess) => readdirSync(`/proc/${child.pid}/fd`).length

/** Sends bytes on so many connections that read nothing, and waits until they are sent or the connection is dropped. */
async function flood(t: TestContext, { url }: ServerProcess, count: number, bytes: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const sent = async () => {
    const socket: Socket = connect(Number(port), hostname)
    t.after(() => socket.destroy())
    socket.on('error', () => {}) // it is dropped
    await new Promise((resolve) => socket.pause().write(bytes, resolve))
  }
  await Promise.all(Array.from({ length: count }, sent))
}

/** It serves, and holds no more sockets and files than so many: what was sent is answered, or dropped. */
async function settles(server: ServerProcess, files: number): Promise<void> {
  do assert.equal((await fetch(`${server.url}/livez`)).status, 200)
  while (openFiles(server) > files)
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

const post = (body: string, headers = '') =>
  `POST /v1/stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}` +
  `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** Bodies of nearly 128 KiB, with as many faults as fit. */
const keys = JSON.stringify(Object.fromEntries(Array.from({ length: 12_000 }, (_, nth) => [`k${nth}`, 1])))
const items = JSON.stringify({ question: 'Q', include: Array(32_000).fill('x') })

const floods = {
  'wrong bodies': post(items).repeat(8) + post(keys).repeat(7) + post(keys, 'connection: close\r\n'),
  'large pages': get('/docs/static/swagger-ui-bundle.js').repeat(16),
}

for (const [what, bytes] of Object.entries(floods)) {
  test(`C9b 100 connections that ask for ${what} and read nothing cost little memory`, async (t) => {
    const server = await ServerProcess.start(t, {
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
      STALL_MS: '1000',
      NODE_OPTIONS: '--max-old-space-size=128', // what waits for sockets isn't in this heap
    })
    await settles(server, Number.POSITIVE_INFINITY)
    const files = openFiles(server)
    const before = megabytes(server, 'VmRSS')
    await flood(t, server, 100, bytes)
    await settles(server, files)
    const grown = megabytes(server, 'VmHWM') - before
    console.log(`${what}: ${Math.round(grown)} MB over ${Math.round(before)} MB`)
    assert.ok(grown < 220, `${grown} MB`)
    server.child.kill('SIGTERM')
    await server.assertEndsWell()
  })
}
