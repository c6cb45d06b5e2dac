/** REDIS_URL is a node of a Redis Cluster: whoever runs the service is told where that doesn't do. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { runKey } from '../../src/runs/redis/keys.ts'
import { freePort } from '../support/free-port.ts'
import { Redis } from '../support/redis.ts'
import { RunReader } from '../support/run-reader.ts'
import { Service } from '../support/service.ts'

async function nodeOf(t: TestContext): Promise<Redis & { readonly port: string; readonly bus: string }> {
  const [port, bus] = [String(await freePort()), String(await freePort())]
  const options = ['--port', port, '--bind', '127.0.0.1', '--cluster-enabled', 'yes', '--cluster-port', bus]
  const node = await Redis.start(t, ...options)
  return Object.assign(node, { port, bus })
}

/** Waits until a node takes the cluster for whole. */
async function isWhole(node: Redis): Promise<void> {
  while (!(await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok'));
}

async function logged(service: Service, words: string): Promise<string> {
  const found = () => service.log.lines.find(({ msg }) => msg.includes(words))
  while (!found()) await service.log.next()
  return found()?.msg as string
}

const runsAt = async ({ url }: Service): Promise<string> =>
  ((await (await fetch(`${url}/readyz`)).json()) as { runs: string }).runs

async function statusOfNewRun({ url }: Service): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${url}/v1/runs`, { method: 'POST', headers, body: '{"question":"Why?"}' })
  await response.body?.cancel()
  return response.status
}

test('a node that hasn’t the slot of our keys: the log says which has it, and readyz that runs aren’t available', async (t) => {
  const [node, other] = [await nodeOf(t), await nodeOf(t)]
  await other.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await other.command('CLUSTER', 'MEET', '127.0.0.1', node.port, node.bus)
  await isWhole(node)
  const service = await Service.start(t, { env: { REDIS_URL: node.url } })
  const slot = await node.command('CLUSTER', 'KEYSLOT', runKey('x'))
  const said = await logged(service, 'REDIS_URL')
  assert.ok(said.includes(`MOVED ${slot} 127.0.0.1:${other.port}`), said)
  assert.equal(await runsAt(service), 'unavailable')
  assert.equal(await statusOfNewRun(service), 503)
  // The slot comes to this node.
  const id = await node.command('CLUSTER', 'MYID')
  for (const one of [node, other]) await one.command('CLUSTER', 'SETSLOT', slot, 'NODE', id)
  await logged(service, 'Redis is back')
  assert.equal(await runsAt(service), 'available')
  const reader = await RunReader.post(service.url, { question: 'Why?' })
  assert.ok(await reader.until())
  assert.deepEqual(
    service.log.lines.filter(({ msg }) => /redis/i.test(msg)).length,
    2,
    'each change is one line',
  )
})

test('a cluster that isn’t whole', async (t) => {
  const node = await nodeOf(t)
  const service = await Service.start(t, { env: { REDIS_URL: node.url } })
  assert.match(await logged(service, 'REDIS_URL'), /CLUSTERDOWN/)
  assert.equal(await runsAt(service), 'unavailable')
  await node.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await logged(service, 'Redis is back')
  assert.equal(await statusOfNewRun(service), 201)
})
