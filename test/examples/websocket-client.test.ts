/** The example that asks a program over a WebSocket, without any package. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Service } from '../support/service.ts'

const run = ({ url }: Service, question: string) =>
  promisify(execFile)(process.execPath, ['examples/clients/websocket.ts', question], {
    env: { ...process.env, TRIBUTARY_URL: url },
  })

test('it prints what is written, as it comes, and then the answer', async (t) => {
  const service = await Service.start(t)
  const { stdout, stderr } = await run(service, 'Why?')
  assert.equal(stderr, '')
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.pop(), 'answer on Why?')
  for (const lane of ['ideas.brainstorm brainstorm', 'evidence.probe evidence', 'compose answer']) {
    const chunks = lines
      .filter((line) => line.startsWith(`${lane}: `))
      .map((line) => line.slice(lane.length + 2))
    assert.equal(chunks.join(''), `${lane.split(' ')[1]} on Why?`)
  }
  await service.assertQuiet('ok')
})

test('it says why it has no answer: of a refusal, and of a run that fails', async (t) => {
  const service = await Service.start(t, { script: (exchange) => exchange.refuse(401) })
  await assert.rejects(run(service, ''), ({ code, stderr }) => code === 1 && /question/.test(stderr))
  await assert.rejects(
    run(service, 'Q'),
    ({ code, stderr }) => code === 1 && /refused the service's key/.test(stderr),
  )
  await service.assertQuiet('upstream_auth')
})
