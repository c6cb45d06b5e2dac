/**
 * The embedded model for real, through the whole service: weights, engine, grammar, parser, route, socket. Where it
 * doesn't matter what the model knows, most of its weights are cut away.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Frame } from '../src/core/frame.ts'
import { chainOfThought } from '../src/core/predictor.ts'
import { program } from '../src/core/program.ts'
import { cutModel } from './support/cut-model.ts'
import { brief, briefNote } from './support/programs.ts'
import { predictionOf, Reading, Service, text } from './support/service.ts'

const env = { LM: 'local' }
const cut = { ...env, LOCAL_MODEL: await cutModel() }

/** Two branches and nothing after them, for what is not about the default program. */
const branches = program({ one: brief, other: briefNote }, async ({ one, other }, { question }) => {
  const [answer] = await Promise.all([one({ question }), other({ question })])
  return answer
})

const indexOf = (frames: readonly Frame[], fits: (frame: Frame) => boolean) => frames.findIndex(fits)

test('a whole run: both branches stream at the same time, compose follows, and it says what a call took', async (t) => {
  const service = await Service.start(t, { env })
  const frames = await service.ask('Why is the sky blue?', { include: ['reasoning', 'usage'] })
  const { data } = predictionOf(frames)
  assert.deepEqual(Object.keys(data), ['reasoning', 'answer'])
  assert.ok(
    Object.values(data).every((value) => String(value).length > 10),
    JSON.stringify(data),
  )
  assert.equal(text(frames, 'compose', 'answer'), data.answer)

  const begins = (predictor: string) =>
    indexOf(frames, (one) => one.type === 'token' && one.predictor === predictor)
  const ends = (module: string) =>
    indexOf(frames, (one) => one.type === 'status' && one.module === module && one.phase === 'end')
  const firstEnd = Math.min(ends('ideas'), ends('evidence'))
  assert.ok(
    begins('ideas.brainstorm') < firstEnd && begins('evidence.probe') < firstEnd,
    'the branches overlap',
  )
  assert.ok(begins('compose') > Math.max(ends('ideas'), ends('evidence')))
  const usage = frames.filter((one) => one.type === 'usage')
  assert.equal(usage.length, 3)
  assert.ok(
    usage.every((one) => one.model === 'SmolLM2-135M' && one.input_tokens > 100 && one.output_tokens > 10),
  )
  assert.equal(service.upstream.exchanges.length, 0, 'an endpoint was asked')
  await service.assertQuiet('ok')
})

test('runs at once: each gets an answer of its own, and one that has to wait is told so', async (t) => {
  const service = await Service.start(t, { env, program: branches })
  const questions = ['How do volcanoes form?', 'How can I sleep better?', 'What is bread made of?']
  const runs = await Promise.all(questions.map((question) => service.ask(question)))
  const answers = runs.map((frames) => predictionOf(frames).data.answer)
  assert.equal(new Set(answers).size, 3)
  const waits = runs.flat().filter((one) => one.type === 'status' && /turn/.test(one.message))
  assert.ok(waits.length > 0, 'six branches for four places')
  await service.assertQuiet('ok', 'ok', 'ok')
})

test('a client that leaves in mid-generation frees the model', async (t) => {
  const service = await Service.start(t, { env: cut, program: branches })
  for (const _ of [1, 2, 3]) {
    const leaving = new AbortController()
    const reading = new Reading(await service.post('Why do leaves fall?', { signal: leaving.signal }))
    await reading.until('"type":"token"')
    leaving.abort()
    await service.finished()
  }
  // Were the places still taken, four of the six calls above would hold them, and this run could only wait.
  const frames = await service.ask('Why is the sky blue?')
  assert.ok(!frames.some((one) => one.type === 'status' && /turn/.test(one.message)))
  assert.ok(predictionOf(frames).data.answer)
  await service.assertQuiet('client_closed', 'client_closed', 'client_closed', 'ok')
})

test('a program of a user’s own works too', async (t) => {
  const own = program(
    { weigh: chainOfThought('question -> pros, cons') },
    async ({ weigh }, { question }) => await weigh({ question }),
  )
  const service = await Service.start(t, { env: cut, program: own })
  const { data } = predictionOf(await service.ask('Should I buy a bicycle?'))
  assert.deepEqual(Object.keys(data), ['reasoning', 'pros', 'cons'])
  await service.assertQuiet('ok')
})

test('a question that the model’s context can’t hold is refused before the stream', async (t) => {
  const service = await Service.start(t, { env: cut, program: branches })
  predictionOf(await service.ask('Why?')) // loaded now, so that it is known
  const response = await service.post('why '.repeat(1_900))
  assert.equal(response.status, 400)
  assert.equal(((await response.json()) as { code: string }).code, 'prompt_too_long')
  const completion = await fetch(`${service.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'why '.repeat(1_900) }], stream: true }),
  })
  assert.equal(completion.status, 400)
  assert.partialDeepStrictEqual(await completion.json(), { error: { code: 'prompt_too_long' } })
  await service.assertQuiet('ok')
})
