/**
 * OpenAI's dialects, as the Python clients see them: clients.py runs them against the real service. It isn't among the
 * tests that `npm test` runs, since their packages take half a minute to install: `npm run test:python`.
 */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text as textOf } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { Service } from '../support/service.ts'
import { texts, told } from '../support/told-texts.ts'
import type { Script } from '../support/upstream.ts'

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const PYTHON = fileOf('../../.tools/vendors-python/bin/python')

const cases = fc.sample(fc.record({ said: texts, size: fc.integer({ min: 1, max: 9 }) }), 30)

const script: Script = (exchange, upstream) => {
  const question = exchange.input('question')
  if (question === 'fail' && exchange.field === 'answer') {
    exchange.open().deltas('[[ ## answer ## ]]\nHalf of it').finish('content_filter')
  } else if (question !== 'wait' || exchange.field !== 'answer') {
    const { said, size } = cases[Number(question) || 0] as (typeof cases)[number]
    told(said, size)(exchange, upstream)
  }
}

const env = { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True' } // it would fetch a list of prices

test('the clients have every lane, and throw what ended a run', async (t) => {
  const service = await Service.start(t, { script, env: { HEARTBEAT_MS: '5' } })
  const python = spawn(PYTHON, [fileOf('clients.py')], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => python.kill())
  const failure = "A filter cut the model's answer (content_filter). Ask in another way."
  python.stdin.end(JSON.stringify({ url: service.url, cases: cases.map(({ said }) => said), failure }))
  const [output, [code]] = await Promise.all([textOf(python.stdout), once(python, 'exit')])
  t.diagnostic(output)
  assert.equal(code, 0)
  const { ok, failed, left } = JSON.parse(output.trim().split('\n').at(-1) as string)
  await service.assertQuiet(
    ...Array(ok).fill('ok'),
    ...Array(failed).fill('upstream_refused'),
    ...Array(left).fill('client_closed'),
  )
})

for (const [name, shows] of [
  ['openai-python.py', /^answer on Why\?$/],
  ['litellm-python.py', /^\*\*[\s\S]*\*\*ideas\.brainstorm: brainstorm\*\*\n\n[\s\S]*answer on Why\?$/],
] as const) {
  test(`examples/clients/${name} prints what a program answers`, async (t) => {
    const service = await Service.start(t)
    const file = fileOf(`../../examples/clients/${name}`)
    const asking = { env: { ...env, BASE_URL: `${service.url}/v1` } }
    const { stdout } = await promisify(execFile)(PYTHON, [file, 'Why?'], asking)
    assert.match(stdout, shows)
    await service.assertQuiet('ok')
  })
}
