/**
 * The embedded model when it starts and ends: loading, reading ahead, closing, and what there is to load. Most of its
 * weights are cut away, unless a test is about them.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LlamaContextSequence } from 'node-llama-cpp'
import { z } from 'zod'
import { adapters } from '../../../src/core/adapters/adapters.ts'
import { prompt } from '../../../src/core/adapters/chat/prompt.ts'
import { ADAPTER_NAMES, TOOL_CALLS } from '../../../src/core/adapters/names.ts'
import { predict } from '../../../src/core/predictor.ts'
import { createLocalLM } from '../../../src/lm/local/local.ts'
import { cutModel } from '../../support/cut-model.ts'
import { codeOf } from '../../support/lm.ts'
import {
  all,
  begun,
  call,
  compose,
  inChat,
  log,
  peek,
  question,
  reason,
  unlike,
  watch,
} from '../../support/local-model.ts'
import { brief } from '../../support/programs.ts'

const cut = await cutModel()

test('loads with its first call, and says so once to each that waits', async (t) => {
  const lm = createLocalLM({ modelPath: cut, log })
  t.after(() => lm.close())
  assert.equal(
    lm.fits(prompt(brief, { question: 'Why? '.repeat(2000) }), inChat(brief)),
    true,
    'nobody knows yet',
  )
  const first = async () => {
    const iterator = call(lm, brief, { question })[Symbol.asyncIterator]()
    const [deltas, more] = [(await iterator.next()).value, (await iterator.next()).value]
    await iterator.return?.()
    return [deltas[0], more[0].type]
  }
  const waits = { type: 'wait', reason: 'load', message: 'Loading the model…' }
  for (const seen of await Promise.all([first(), first()])) assert.deepEqual(seen, [waits, 'text'])
  await lm.load()
  await peek(call(lm, brief, { question }))
  const iterator = call(lm, brief, { question })[Symbol.asyncIterator]()
  assert.equal((await iterator.next()).value[0].type, 'text')
  await iterator.return?.()
})

test('is loaded before it has read the prompts, and reads them when nothing is asked', async (t) => {
  const seen = watch(t)
  const lm = createLocalLM({ modelPath: cut, warm: [brief, compose], log })
  t.after(() => lm.close())
  await lm.load()
  assert.ok(seen.steps.length <= 1, `${seen.steps.length} steps were waited for`)
  const fits = (question: string) => lm.fits(prompt(brief, { question }), inChat(brief))
  assert.equal(fits('Why is that so? '.repeat(120)), true)
  assert.equal(fits('Why is that so? '.repeat(240)), false, 'compose could not read it')

  await seen.quiet()
  assert.ok(seen.tokensRead > 500 && seen.steps.every((tokens) => tokens <= 128))
  for (const predictor of [brief, compose]) {
    seen.steps = []
    await seen.peek(call(lm, predictor, { question, brainstorm: 'a', evidence: 'b' }))
    assert.ok(seen.tokensRead < 100, `it read ${seen.tokensRead} tokens`)
  }
})

test('reads prompts ahead whose inputs have any type, as far as it knows a value of it', async (t) => {
  const seen = watch(t)
  const Code = z.string().regex(/^[a-z]{3}-\d{7}$/)
  const signature = predict('k: int, tags: list[str], text -> answer', { adapter: 'json' })
  const lm = createLocalLM({
    modelPath: cut,
    warm: [signature, predict('code: Code -> answer', { types: { Code } })],
    log: assert.fail,
  })
  t.after(() => lm.close())
  await lm.load()
  await seen.quiet()
  assert.ok(seen.tokensRead > 200)
  seen.steps = []
  const messages = adapters.json.prompt(signature, { k: 5, tags: ['a'], text: 'A short one.' })
  const { signal } = new AbortController()
  await seen.peek(lm.stream(messages, { signature, adapter: 'json', signal, usage: false }))
  assert.ok(seen.tokensRead < 100, `it read ${seen.tokensRead} tokens`)
})

test('lets a question go first, which goes on from what is read, and then reads the rest', async (t) => {
  const seen = watch(t)
  const lm = createLocalLM({ modelPath: cut, warm: [brief, unlike], log })
  t.after(() => lm.close())
  const { promise: began, resolve: begin } = Promise.withResolvers<void>()
  seen.onStep = begin
  await lm.load()
  await began
  const iterator = await begun(call(lm, brief, { question }))
  assert.equal(seen.tokensRead, (seen.completions[0]?.prompt.length as number) - 1, 'each token once')
  await iterator.return?.()

  await seen.quiet()
  seen.steps = []
  await seen.peek(call(lm, unlike, { a: question }))
  assert.ok(seen.tokensRead < 100, `it read ${seen.tokensRead} tokens`)
})

test('reads no further when it is closed', async (t) => {
  const seen = watch(t)
  const lines: string[] = []
  const lm = createLocalLM({ modelPath: cut, warm: [brief, compose], log: (message) => lines.push(message) })
  const { promise: began, resolve: begin } = Promise.withResolvers<void>()
  seen.onStep = begin
  await lm.load()
  await began
  await lm.close()
  await sleep(100)
  assert.equal(seen.steps.length, 1)
  assert.deepEqual(lines, [])
})

test('says so when the prompts can’t be read, and answers all the same', async (t) => {
  const method = t.mock.method(LlamaContextSequence.prototype, 'evaluateWithoutGeneratingNewTokens', () =>
    Promise.reject(new Error('no memory')),
  )
  const { promise: logged, resolve } = Promise.withResolvers<string>()
  const lm = createLocalLM({ modelPath: cut, warm: [brief], log: resolve })
  t.after(() => lm.close())
  await lm.load()
  assert.equal(await logged, "Prompts can't be read ahead of the questions: no memory")
  method.mock.restore()
  await peek(call(lm, brief, { question }))
})

test('can be aborted while it loads', async (t) => {
  const lm = createLocalLM({ modelPath: cut, log })
  t.after(() => lm.close())
  const aborting = new AbortController()
  const iterator = call(lm, brief, { question }, aborting.signal)[Symbol.asyncIterator]()
  await iterator.next()
  const next = iterator.next()
  aborting.abort(reason)
  await assert.rejects(next, (error) => error === reason)
})

test('ends calls when it is closed', async () => {
  const lm = createLocalLM({ modelPath: cut, log })
  const ends = (error: unknown) => codeOf(error) === 'shutting_down'
  const iterator = await begun(call(lm, brief, { question }))
  await lm.close()
  await assert.rejects(iterator.next(), ends)
  await assert.rejects(all(call(lm, brief, { question })), ends)
})

test('can be closed before it was loaded, or while', async () => {
  const [idle, loading] = [createLocalLM({ log }), createLocalLM({ log })]
  await idle.close()
  await assert.rejects(idle.load(), (error) => codeOf(error) === 'shutting_down')
  const loaded = assert.rejects(loading.load(), (error) => codeOf(error) === 'shutting_down')
  await loading.close()
  await loaded
})

test('reads another model from a file', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'model-'))
  t.after(() => rm(directory, { recursive: true }))
  const modelPath = join(directory, 'another.Q4.gguf')
  await symlink(cut, modelPath)
  const lm = createLocalLM({ modelPath, threads: 1, log })
  t.after(() => lm.close())
  assert.deepEqual(lm.model, { provider: 'local', name: 'another.Q4', note: 'local model: short answers' })
  const finish = (await all(call(lm, brief, { question }))).at(-1)
  assert.equal(finish?.type === 'finish' && finish.usage?.model, 'another.Q4')
})

test('names the variable when there is no such file, or no model in it', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'model-'))
  t.after(() => rm(directory, { recursive: true }))
  const missing = join(directory, 'missing.gguf')
  await assert.rejects(createLocalLM({ modelPath: missing, log }).load(), {
    message: new RegExp(`^LOCAL_MODEL names ${missing}, which can't be loaded: ENOENT`),
  })
  const text = join(directory, 'text.gguf')
  await writeFile(text, 'no model')
  const lm = createLocalLM({ modelPath: text, log })
  const broken = { message: new RegExp(`^LOCAL_MODEL names ${text}, which can't be loaded: Invalid GGUF`) }
  await assert.rejects(lm.load(), broken)
  await assert.rejects(all(call(lm, brief, { question })), (error) => codeOf(error) === 'internal')
  await lm.close()
})

test('says what to do when the engine was not installed', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'node-llama-cpp') throw new Error('not found')
      return next(specifier, context)
    },
  })
  try {
    await assert.rejects(createLocalLM({ log }).load(), {
      message:
        "The embedded model's engine, node-llama-cpp, isn't installed. Run `npm install --include=optional`. Or set OPENAI_BASE_URL or OPENAI_API_KEY to use an endpoint.",
    })
  } finally {
    hooks.deregister()
  }
})

test('it has no tool calling of its own: a tool loop asks it for calls as text, which its grammar forces', () => {
  const lm = createLocalLM({ log })
  for (const adapter of [...ADAPTER_NAMES, TOOL_CALLS] as const) {
    assert.equal(lm.takes?.({ signature: brief, adapter }), adapter !== TOOL_CALLS)
  }
})
