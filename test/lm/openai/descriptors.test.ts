/** A process that has run out of file descriptors doesn't blame the endpoint. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const LIMIT = 64

/** Takes every descriptor that is left, asks, and prints what the call failed of. */
const CHILD = `
  import { openSync } from 'node:fs'
  import { predict } from './src/core/predictor.ts'
  import { createOpenAILM } from './src/lm/openai/openai.ts'
  const options = { baseURL: 'http://127.0.0.1:9/v1', apiKey: undefined, model: 'm', maxCompletionChars: 1_000 }
  const lm = createOpenAILM(options)
  const signal = new AbortController().signal
  const ask = () => lm.stream([], { signature: predict('a -> b'), adapter: 'chat', signal, usage: false }).next()
  await ask().catch(({ code }) => console.log(code))
  try {
    for (;;) openSync('/dev/null')
  } catch {}
  await ask().catch(({ code, cause }) => console.log(code, cause.code))
`

test('U38e a lack of descriptors of our own is internal, and not the endpoint’s fault', async () => {
  const limited = `ulimit -n ${LIMIT} && exec "$0" --input-type=module-typescript --eval "$1"`
  const { stdout } = await promisify(execFile)('sh', ['-c', limited, process.execPath, CHILD], {
    cwd: new URL('../../../', import.meta.url),
  })
  assert.equal(stdout, 'upstream_unreachable\ninternal EMFILE\n')
})
