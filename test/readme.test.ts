/** The code in the README does what the README says. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Service } from './support/service.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The reader of a stream that needs no client, pointed at this service; what it prints. */
async function read(url: string): Promise<string> {
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? []
  assert.ok(code.includes('http://127.0.0.1:8000/v1/stream'))
  const args = ['--input-type=module', '--eval', code.replace('http://127.0.0.1:8000', url)]
  return (await promisify(execFile)(process.execPath, args)).stdout
}

test('the reader without a client reads a run', async (t) => {
  const service = await Service.start(t)
  const printed = await read(service.url)
  for (const lane of ['ideas.brainstorm brainstorm', 'evidence.probe evidence', 'compose answer']) {
    assert.ok(printed.includes(`${lane} `), printed)
  }
  await service.assertQuiet('ok')
})

test('and a stream whose events have ids', async (t) => {
  const frame = JSON.stringify({ type: 'token', predictor: 'p', field: 'f', chunk: 'Yes.', is_last: true })
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`id: 1\ndata: ${frame}\n\n: keep-alive\n\nid: 2\ndata: [DONE]\n\n`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  assert.equal(await read(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), 'p f Yes.\n')
})
