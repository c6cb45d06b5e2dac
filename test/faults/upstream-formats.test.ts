/** Endpoints that refuse to force a format, in their own words. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { oneCall } from '../support/programs.ts'
import { errorOf, predictionOf, Service } from '../support/service.ts'
import { echo, type Script } from '../support/upstream.ts'

const env = { LM_ADAPTER: 'json' }

/** Refuses every request for a forced format so, and answers the others. */
const refusing =
  (status: number, body: unknown): Script =>
  (exchange, upstream) =>
    exchange.body.response_format ? exchange.refuse(status, body) : echo(exchange, upstream)

/** Which requests asked for JSON, in order. */
const askedForJson = ({ upstream }: Service) => upstream.exchanges.map(({ isJson }) => isJson)

const error = (message: string, rest: object = {}) => ({ error: { message, ...rest } })

const REFUSALS: Record<string, [status: number, body: unknown]> = {
  OpenAI: [
    400,
    error("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.", {
      type: 'invalid_request_error',
      param: 'response_format',
      code: null,
    }),
  ],
  DeepSeek: [400, error('This response_format type is unavailable now', { code: 'invalid_request_error' })],
  Groq: [400, error('This model does not support response format `json_schema`.')],
  'LM Studio': [400, { error: "'response_format.type' must be 'json_schema' or 'text'" }],
  LiteLLM: [
    400,
    error("litellm.UnsupportedParamsError: x does not support parameters: ['response_format'], for model=y", {
      code: '400',
    }),
  ],
  Gemini: [
    400,
    [
      error('Invalid JSON payload received. Unknown name "response_format": Cannot find field.', {
        code: 400,
      }),
    ],
  ],
  FastAPI: [
    422,
    {
      detail: [
        {
          type: 'literal_error',
          loc: ['body', 'response_format', 'type'],
          msg: "Input should be 'text' or 'json_object'",
          input: 'json_schema',
        },
      ],
    },
  ],
  'llama-cpp-python': [
    500,
    error(
      "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text'\"}]",
      {
        type: 'internal_server_error',
      },
    ),
  ],
}

describe('an endpoint that takes no response_format', { concurrency: true }, () => {
  for (const [name, [status, body]] of Object.entries(REFUSALS)) {
    test(`U41 ${name} is asked in the chat format instead, from then on`, async (t) => {
      const service = await Service.start(t, { program: oneCall, env, script: refusing(status, body) })
      for (let nth = 0; nth < 3; nth++) {
        assert.deepEqual(predictionOf(await service.ask('Q')).data, {
          reasoning: 'reasoning on Q',
          answer: 'answer on Q',
        })
      }
      assert.deepEqual(askedForJson(service), [true, false, false, false])
      await service.assertQuiet('ok', 'ok', 'ok')
    })
  }

  test('U41 calls side by side each find out for themselves, and compose knows', async (t) => {
    const [status, body] = REFUSALS.OpenAI as [number, unknown]
    const service = await Service.start(t, { env, script: refusing(status, body) })
    predictionOf(await service.ask('Q'))
    assert.deepEqual(askedForJson(service), [true, true, false, false, false])
    await service.assertQuiet('ok')
  })

  const two = program(
    { one: predict('question -> a: dict[str, int]'), other: predict('question -> b') },
    async ({ one, other }, { question }) => {
      await one({ question })
      return other({ question })
    },
  )
  for (const [name, message] of Object.entries({
    OpenAI:
      "Invalid schema for response_format 'completion': In context=(), 'additionalProperties' is required.",
    'llama-server': 'JSON schema conversion failed:\nUnrecognized schema: {"not":{}}',
    'llama-server (grammar)': 'Failed to initialize samplers: failed to parse grammar',
    vLLM: 'The provided JSON schema contains features not supported by xgrammar.',
  })) {
    test(`U41b ${name} refuses one schema: the other predictors go on with theirs`, async (t) => {
      const service = await Service.start(t, {
        program: two,
        env,
        script: (exchange) => {
          if (exchange.isJson && exchange.field === 'a') return exchange.refuse(400, error(message))
          exchange.answer(exchange.field === 'a' ? { a: '{"x": 1}' } : { b: 'B' })
        },
      })
      for (let nth = 0; nth < 2; nth++)
        assert.deepEqual(predictionOf(await service.ask('Q')).data, { b: 'B' })
      assert.deepEqual(askedForJson(service), [true, false, true, false, true])
      const strict = service.upstream.exchanges.map(({ body }) => body.response_format?.json_schema.strict)
      assert.deepEqual(strict, [false, undefined, true, undefined, true], 'strict mode knows no dict')
      await service.assertQuiet('ok', 'ok')
    })
  }

  const others: Record<string, [status: number, body: unknown, code: string]> = {
    'a parameter that is none of it': [
      400,
      error("Invalid value for 'temperature'."),
      'upstream_bad_response',
    ],
    'a question about it that is repeated': [
      422,
      { detail: [{ msg: 'too short', loc: ['body', 'model'], input: 'grammar of response_format' }] },
      'upstream_bad_response',
    ],
    'a wrong key': [401, error('No response_format for you'), 'upstream_auth'],
    'a prompt over the context': [
      400,
      error('maximum context length is 10 tokens, with response_format'),
      'prompt_too_long',
    ],
    'a rate limit': [
      429,
      error('json_schema: insufficient_quota', { code: 'insufficient_quota' }),
      'upstream_rate_limited',
    ],
  }
  for (const [name, [status, body, code]] of Object.entries(others)) {
    test(`U41c ${name} is what it is, and the format stays`, async (t) => {
      const service = await Service.start(t, { program: oneCall, env, script: refusing(status, body) })
      for (let nth = 0; nth < 2; nth++) errorOf(await service.ask('Q'), code, 'answerer')
      assert.deepEqual(askedForJson(service), [true, true])
      await service.assertQuiet(code, code)
    })
  }

  test('U41d the chat format is asked for once: what fails then has failed', async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      env,
      script: (exchange) => exchange.refuse(400, error('No response_format, and no anything.')),
    })
    errorOf(await service.ask('Q'), 'upstream_bad_response', 'answerer')
    assert.deepEqual(askedForJson(service), [true, false])
    await service.assertQuiet('upstream_bad_response')
  })
})
