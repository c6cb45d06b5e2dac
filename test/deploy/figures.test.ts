/** The figures in what is shipped for deployments that depend on one another, and on defaults of the service. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import { CONVERSATION_LIMIT } from '../../src/http/routes/conversations.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const defaults = readConfig({})
const deployment = read('deploy/kubernetes/deployment.yaml')

/** The number that a pattern's group matches. */
function figure(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1]
  assert.ok(found, `${pattern} is not there`)
  return Number(found)
}

test('a pod has time for its wait and its drain before it is killed', () => {
  const drain = figure(deployment, /name: DRAIN_MS\s+value: '(\d+)'/) / 1_000
  const wait = figure(deployment, /preStop:\s+sleep:\s+seconds: (\d+)/)
  assert.ok(figure(deployment, /terminationGracePeriodSeconds: (\d+)/) >= wait + drain + 5)
})

test('a pod asks for the memory that its streams were measured to take, and V8 knows of its limit', () => {
  const performance = read('docs/performance.md')
  const perStream = figure(performance, /takes \d+ to (\d+) kB for an open stream/) * 1e3
  const base = figure(performance, /on top of (\d+) MB/) * 1e6
  const request = figure(deployment, /requests:\s+cpu: \w+\s+memory: (\d+)Mi/) * 2 ** 20
  assert.ok(request >= base + defaults.MAX_STREAMS * perStream)
  const heap = figure(deployment, /--max-old-space-size=(\d+)/) * 2 ** 20
  assert.ok(heap < 0.75 * figure(deployment, /limits:\s+memory: (\d+)Gi/) * 2 ** 30)
})

test('a container of the compose file has time for its drain before it is killed', () => {
  const compose = read('docker-compose.yml')
  for (const [, seconds] of compose.matchAll(/stop_grace_period: (\d+)s/g)) {
    assert.ok(Number(seconds) * 1_000 > defaults.DRAIN_MS)
  }
})

test('nginx waits for more than one heartbeat, and takes every body that the service takes', () => {
  const nginx = read('deploy/nginx.conf')
  assert.ok(figure(nginx, /proxy_read_timeout (\d+)s;/) * 1_000 >= 2 * defaults.HEARTBEAT_MS)
  assert.ok(figure(nginx, /client_max_body_size (\d+)m;/) * 2 ** 20 > CONVERSATION_LIMIT)
  const question = figure(read('src/http/app.ts'), /BODY_LIMIT = (\d+) \* 1024/)
  assert.ok(figure(nginx, /client_body_buffer_size (\d+)k;/) > question, 'one would be written to a file')
})
