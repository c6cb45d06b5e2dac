/**
 * Three nodes of Redis Cluster on this machine: what of the service works there as it is, what doesn't, and what
 * partitions would do.
 *
 *     node bench/runs/cluster.ts
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createCluster } from '@redis/client'
import type { Frame } from '../../src/core/frame.ts'
import { Connection } from '../../src/runs/redis/connection.ts'
import { runKey } from '../../src/runs/redis/keys.ts'
import { RedisStore } from '../../src/runs/redis/store.ts'
import { quantile } from '../cells.ts'
import { now } from '../clock.ts'
import { cpuOf } from '../processes.ts'

const RUNS = 1_000
/** Tokens a second of each run. */
const RATE = 20
const WINDOW_MS = 4_000

type Node = { readonly port: number; readonly url: string; readonly child: ChildProcess }

const folder = mkdtempSync(join(tmpdir(), 'tributary-cluster-'))
const cli = async (...words: string[]) => (await promisify(execFile)('redis-cli', words)).stdout.trim()

async function startNode(): Promise<Node> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  const own = mkdtempSync(join(folder, 'node-'))
  const child = spawn(
    'redis-server',
    // The bus has a port of its own, which would be 10,000 above the port, and may be too high.
    [
      ...['--port', String(port), '--cluster-port', String(port - 1_000), '--bind', '127.0.0.1'],
      ...[
        '--cluster-enabled',
        'yes',
        '--cluster-config-file',
        'nodes.conf',
        '--save',
        '',
        '--appendonly',
        'no',
      ],
    ],
    { cwd: own, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let log = ''
  while (!log.includes('eady to accept connections')) {
    const [piece] = await once(child.stdout as NodeJS.ReadableStream, 'data')
    log += piece
  }
  child.stdout?.resume()
  return { port, url: `redis://127.0.0.1:${port}`, child }
}

const nodes = await Promise.all([startNode(), startNode(), startNode()])
const at = (node: Node, ...words: string[]) => cli('-p', String(node.port), ...words)
function say(what: string, ...how: unknown[]): void {
  console.log(`${what}:`, ...how)
}

async function ownerOf(key: string): Promise<Node> {
  const first = nodes[0] as Node
  const slot = Number(await at(first, 'CLUSTER', 'KEYSLOT', key))
  const lines = (await at(first, 'CLUSTER', 'NODES')).split('\n')
  const line = lines.find((one) =>
    one
      .split(' ')
      .slice(8)
      .some((range) => {
        const [from, to] = range.split('-').map(Number)
        return slot >= (from as number) && slot <= (to ?? (from as number))
      }),
  )
  return nodes.find(({ port }) => line?.includes(`:${port}@`)) as Node
}

const storeAt = ({ url }: Node) =>
  new RedisStore({
    url,
    retentionMs: 60_000,
    leaseMs: 2_000,
    timeoutMs: 60_000,
    fingerprints: new Map([['bench', 'bench']]),
    log: (message) => say('log', message),
  })

const header = () => ({
  program: 'bench',
  inputs: {},
  include: { reasoning: false, usage: false, values: false },
  createdAt: Date.now(),
  requestId: 'cluster',
  principal: undefined,
  digest: '',
})

const token = (chunk: string): Frame => ({
  type: 'token',
  field: 'answer',
  predictor: 'answer',
  chunk,
  is_last: false,
})

/** Why something failed, as far down as it says. */
const reasonOf = (error: unknown) =>
  `${(error as Error).name}: ${((error as Error).cause as Error)?.message ?? error}`

/** The service's store, given the address of each node. */
async function asItIs(): Promise<void> {
  const owning = await ownerOf(runKey('x'))
  for (const node of nodes) {
    const store = storeAt(node)
    const name = node === owning ? 'the node with the slot' : 'another node'
    try {
      const log = await store.create(`as-it-is-${node.port}`, header(), undefined)
      if ('existing' in log) throw new Error('it is there already')
      log.append([token('one')], [])
      await log.end([token('two')])
      const reader = storeAt(node)
      const opened = await reader.open(log.tail.id)
      say(
        `store at ${name}`,
        `a run is begun, written, ended and read: ${opened?.tail.frames().length} frames`,
      )
      await reader.close()
    } catch (error) {
      say(`store at ${name}`, reasonOf(error), `isAvailable ${store.isAvailable}`)
    }
    await store.close()
  }
}

/** A run is under way while its slot moves to another node. */
async function slotMoves(): Promise<void> {
  const from = await ownerOf(runKey('x'))
  const to = nodes.find((node) => node !== from) as Node
  const store = storeAt(from)
  const log = await store.create('moving', header(), undefined)
  if ('existing' in log) throw new Error('it is there already')
  log.append([token('before')], [])
  await sleep(100)
  const slot = await at(from, 'CLUSTER', 'KEYSLOT', runKey('x'))
  const [fromId, toId] = [await at(from, 'CLUSTER', 'MYID'), await at(to, 'CLUSTER', 'MYID')]
  await at(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await at(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  const keys = (await at(from, 'CLUSTER', 'GETKEYSINSLOT', slot, '1000')).split('\n')
  await at(from, 'MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys)
  for (const node of [to, from]) await at(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  log.append([token('after')], [])
  const began = performance.now()
  await log.end([token('end')])
  const last = (await at(to, 'XREVRANGE', runKey('moving'), '+', '-', 'COUNT', '1')).split('\n')[0]
  say('the slot moves under a run', `its end is shown after ${Math.round(performance.now() - began)} ms`)
  say('the slot moves under a run', `Redis has it up to ${last}, of 1-4; isAvailable ${store.isAvailable}`)
  await store.close()
  const late = storeAt(to)
  say(
    'the slot moves under a run',
    `read at its new node: ${(await late.open('moving'))?.tail.frames().length} of 3 frames`,
  )
  await late.close()
}

/** Commands over keys of several slots. */
async function refused(): Promise<void> {
  const { url } = await ownerOf(runKey('x'))
  const connection = new Connection({ url })
  const tries = {
    'XREAD of two tags': ['XREAD', 'STREAMS', 't:{0}:a', 't:{1}:a', '0', '0'],
    'XREAD of two runs of a tag': ['XREAD', 'STREAMS', runKey('as-it-is'), runKey('moving'), '0', '0'],
  }
  for (const [what, command] of Object.entries(tries)) {
    await connection.send(...command).then(
      () => say(what, 'taken'),
      (error) => say(what, reasonOf(error)),
    )
  }
  connection.close()
}

/** The package's own client for clusters. */
async function following(): Promise<void> {
  const cluster = createCluster({ rootNodes: nodes.map(({ url }) => ({ url })), RESP: 2 })
  await cluster.connect()
  const key = runKey('by-cluster')
  const id = await cluster.sendCommand<string>(key, false, ['XADD', key, '1-1', 'f', 'x'])
  const replies = await cluster
    .multi()
    .addCommand(key, false, ['XADD', key, '1-2', 'f', 'y'])
    .addCommand(key, false, ['PEXPIRE', key, '60000'])
    .exec()
  say(
    'createCluster',
    `XADD ${id}, MULTI ${JSON.stringify(replies)}: it asks for the slots, and follows MOVED`,
  )
  cluster.destroy()
}

/**
 * 1,000 runs of one owner, which one other instance watches: each run in one of so many partitions, and one blocking
 * read for each partition.
 */
async function partitioned(partitions: number): Promise<void> {
  const tags = Array.from({ length: partitions }, (_, nth) => `bench:{${nth}}:`)
  const owners = await Promise.all(tags.map(ownerOf))
  const writers = new Map(nodes.map((node) => [node, new Connection({ url: node.url })]))
  const runs = Array.from({ length: RUNS }, (_, nth) => {
    const partition = nth % partitions
    return {
      key: `${tags[partition]}${partitions}:${nth}`,
      writer: writers.get(owners[partition] as Node) as Connection,
      partition,
      count: 0,
      seen: '0-0',
      due: performance.now() + Math.random() * (1_000 / RATE),
    }
  })
  let tokens = 0
  let delays: number[] = []
  let isOver = false
  const writing = setInterval(() => {
    const time = performance.now()
    for (const run of runs) {
      if (run.due > time) continue
      run.due += 1_000 / RATE
      tokens++
      run.writer.send('XADD', run.key, `1-${++run.count}`, 'f', `[["answer","answer"],"${now()}"]`)
    }
  }, 5)
  const readers = tags.map(async (_, partition) => {
    const reader = new Connection({ url: (owners[partition] as Node).url })
    const own = runs.filter((run) => run.partition === partition)
    const byKey = new Map(own.map((run) => [run.key, run]))
    while (!isOver) {
      const began = performance.now()
      const reply = await reader.send<[string, [string, string[]][]][] | null>(
        ...['XREAD', 'COUNT', '200', 'BLOCK', '1000', 'STREAMS'],
        ...own.map(({ key }) => key),
        ...own.map(({ seen }) => seen),
      )
      const came = now()
      for (const [key, entries] of reply ?? []) {
        for (const [id, [, text]] of entries) {
          delays.push(came - Number((JSON.parse(text as string) as string[])[1]))
          ;(byKey.get(key) as (typeof own)[number]).seen = id
        }
      }
      await sleep(Math.max(0, Math.max(10, 0.02 * own.length) - (performance.now() - began)))
    }
    reader.close()
  })
  await sleep(2_000)
  delays = []
  tokens = 0
  const cpus = nodes.map(({ child }) => cpuOf(child.pid as number))
  const own = process.cpuUsage()
  await sleep(WINDOW_MS)
  const used = process.cpuUsage(own)
  const busy = nodes.map(
    ({ child }, nth) => (cpuOf(child.pid as number) - (cpus[nth] as number)) / (WINDOW_MS * 1_000),
  )
  say(`${partitions} partitions`, {
    'tokens a second': Math.round((tokens * 1_000) / WINDOW_MS),
    'busy, by node': busy.map((share) => `${(100 * share).toFixed(1)} %`).join(', '),
    'partitions, by node': nodes.map((node) => owners.filter((one) => one === node).length).join(', '),
    'µs of Redis a token': ((busy.reduce((sum, one) => sum + one, 0) * WINDOW_MS * 1_000) / tokens).toFixed(
      1,
    ),
    'µs of the client a token': ((used.user + used.system) / tokens).toFixed(1),
    'p50, ms': (quantile(delays, 0.5) / 1_000).toFixed(0),
    'p99, ms': (quantile(delays, 0.99) / 1_000).toFixed(0),
  })
  isOver = true
  clearInterval(writing)
  await Promise.all(readers)
  for (const writer of writers.values()) writer.close()
}

try {
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  await cli('--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes')
  while (!(await at(nodes[0] as Node, 'CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(200)
  await asItIs()
  await slotMoves()
  await refused()
  await following()
  for (const partitions of [1, 16]) await partitioned(partitions)
} finally {
  for (const { child } of nodes) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
}
process.exit()
