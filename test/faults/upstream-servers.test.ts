/** Whole, cut, refused and over-long streams of real servers, as they were recorded. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chainOfThought } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { oneCall } from '../support/programs.ts'
import { completionIn, recorded } from '../support/recorded.ts'
import { errorOf, predictionOf, Service, text } from '../support/service.ts'

const noRetries = { LM_MAX_RETRIES: '0' }

describe('a recorded completion', { concurrency: true }, () => {
  for (const name of [
    'llama-cpp-python-ok',
    'llama-cpp-python-badmodel', // served all the same
    'llama-server-badmodel',
    'litellm-fwd-killed', // it was killed after its last word
  ]) {
    test(`${name} is an answer to the letter`, async (t) => {
      const service = await Service.start(t, { program: oneCall, script: recorded(name) })
      const written = completionIn(name)
      assert.equal(written.finishReason, 'stop')
      assert.deepEqual(predictionOf(await service.ask('Q')), {
        type: 'prediction',
        data: { reasoning: '', answer: written.text.trim() },
      })
      await service.assertQuiet('ok')
    })
  }

  for (const name of ['llama-cpp-python-limit', 'llama-server-ok', 'llama-server-overrun', 'litellm-fwd']) {
    test(`${name} says that it ran into its token limit`, async (t) => {
      const service = await Service.start(t, { program: oneCall, script: recorded(name) })
      const written = completionIn(name)
      assert.equal(written.finishReason, 'length')
      const frames = await service.ask('Q', { include: ['usage'] })
      const prediction = predictionOf(frames)
      assert.equal(prediction.data.answer, written.text.trim())
      assert.deepEqual(prediction.truncated, ['answerer'])
      // Of these only llama-server was asked for usage, and LiteLLM counts by itself.
      const counts = frames.filter(({ type }) => type === 'usage').length
      assert.equal(counts, name === 'llama-server-ok' || name === 'litellm-fwd' ? 1 : 0)
      await service.assertQuiet('ok')
    })
  }

  test('litellm-ok, cut every three characters, gives every field', async (t) => {
    const four = program(
      { one: chainOfThought('question -> brainstorm, evidence, answer') },
      ({ one }, { question }) => one({ question }),
    )
    const service = await Service.start(t, { program: four, script: recorded('litellm-ok') })
    const frames = await service.ask('Q', { include: ['reasoning', 'usage'] })
    assert.deepEqual(predictionOf(frames).data, {
      reasoning: 'Über 🙂 thinking it through.',
      brainstorm: 'Idea one\nIdea two "quoted"',
      evidence: 'Study (2024).',
      answer: 'Because.',
    })
    assert.equal(text(frames, 'one', 'reasoning'), 'Über 🙂 thinking it through.')
    assert.partialDeepStrictEqual(
      frames.filter(({ type }) => type === 'usage'),
      [{ input_tokens: 8, output_tokens: 49 }],
    )
    await service.assertQuiet('ok')
  })

  for (const name of ['llama-cpp-python-interrupted', 'llama-cpp-python-interrupted-at-once']) {
    test(`U15b ${name} is cut, never an answer`, async (t) => {
      const service = await Service.start(t, { program: oneCall, env: noRetries, script: recorded(name) })
      assert.equal(completionIn(name).finishReason, undefined)
      errorOf(await service.ask('Q'), 'upstream_truncated', 'answerer')
      await service.assertQuiet('upstream_truncated')
    })
  }
})

describe('a recorded refusal', { concurrency: true }, () => {
  const refusals: Record<string, [code: string, message: RegExp]> = {
    'litellm-badkey': ['upstream_auth', /refused the service's key/], // it says that it has no database to look the key up in
    'litellm-badmodel': ['upstream_model_not_found', /'gpt-5-mini'/],
    'litellm-ctx': ['prompt_too_long', /too long/],
    'litellm-dead': [
      'upstream_error',
      /says: litellm\.InternalServerError: InternalServerError: OpenAIException - Connection error\.$/,
    ],
    'litellm-e500': [
      'upstream_error',
      /says: litellm\.InternalServerError: this is a mock internal server error$/,
    ],
    'litellm-rl': ['upstream_rate_limited', /no more requests/],
    'llama-cpp-python-badkey': ['upstream_auth', /refused the service's key/],
    'llama-server-badkey': ['upstream_auth', /refused the service's key/],
    'llama-server-ctx': ['prompt_too_long', /too long/],
    // A stream without a word is all that this server says of a prompt over its context.
    'llama-cpp-python-ctx': ['upstream_truncated', /before it began.*prompt may be too long/],
  }
  for (const [name, [code, message]] of Object.entries(refusals)) {
    test(`U38d ${name} has its right name: ${code}`, async (t) => {
      const service = await Service.start(t, { program: oneCall, env: noRetries, script: recorded(name) })
      assert.match(errorOf(await service.ask('Q'), code, 'answerer').message, message)
      await service.assertQuiet(code)
      assert.equal(service.upstream.exchanges.length, 1)
    })
  }
})
