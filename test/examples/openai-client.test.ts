/** The example that asks a program through OpenAI's SDK. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Service } from '../support/service.ts'

test('it prints what the program answers', async (t) => {
  const service = await Service.start(t)
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['examples/clients/openai-typescript.ts', 'Why?'],
    { env: { ...process.env, BASE_URL: `${service.url}/v1` } },
  )
  assert.equal(stdout, 'answer on Why?')
  await service.assertQuiet('ok')
})
