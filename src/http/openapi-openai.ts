/** The paths of OpenAI's interface, in the OpenAPI document: what of it this service reads and answers. */
import { z } from 'zod'
import type { Config } from '../config.ts'
import type { ErrorFrame, PredictionFrame } from '../core/frame.ts'
import { jsonSchemaOf } from '../core/json-schema.ts'
import type { NamedProgram, Programs } from '../core/program.ts'
import type { Dialect, RunInfo, Whole } from '../wire/dialect.ts'
import { chatCompletions, wholeCompletion } from '../wire/openai-chat.ts'
import { errorOf } from '../wire/openai-error.ts'
import { responses, wholeResponse } from '../wire/openai-responses.ts'
import { FRAMES, QUESTION, REQUEST_ID } from './examples.ts'
import { anyRoute, askingRoute, json, LATE, type Refusals, ref } from './openapi-parts.ts'
import { Problem, type ProblemBody, problemBody } from './problem.ts'
import { withError } from './routes/openai.ts'

const model = z.string().describe("A program's name. Left out: the default program.")

const message = z.looseObject({
  role: z.string().describe('`user` and `assistant` are read, all others passed over.'),
  content: z.unknown().describe('A text, or parts of which those with text are read.'),
})

const error = z
  .object({
    message: z.string(),
    type: z.enum(['invalid_request_error', 'authentication_error', 'rate_limit_error', 'server_error']),
    param: z.string().nullable().describe('The key of the body that is at fault.'),
    code: z.string().describe('As in the native protocol.'),
    request_id: z.string().optional(),
  })
  .describe("What OpenAI's clients throw.")

const usage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
})

const completion = { id: z.string(), created: z.int(), model: z.string() }

const response = z
  .looseObject({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.int(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
    model: z.string(),
    output: z
      .array(z.looseObject({ id: z.string(), type: z.enum(['message', 'reasoning']), status: z.string() }))
      .describe('The answer is a message, any other lane a reasoning item with one summary.'),
    metadata: z.record(z.string(), z.string()).describe('Of a run that failed: its code and request id.'),
  })
  .describe('A response, which is not kept.')

const SCHEMAS = {
  ChatRequest: z
    .looseObject({
      model: model.optional(),
      messages: z.array(message),
      stream: z.boolean().nullish(),
      stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
      n: z.literal(1).nullish(),
    })
    .describe('Other keys are ignored, such as settings and tools: those are the program’s.'),
  ChatCompletion: z.object({
    ...completion,
    object: z.literal('chat.completion'),
    choices: z.tuple([
      z.object({
        index: z.literal(0),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string(),
          refusal: z.null(),
          reasoning_content: z
            .string()
            .optional()
            .describe('What the other lanes wrote, each below a title.'),
        }),
        logprobs: z.null(),
        finish_reason: z.enum(['stop', 'length']),
      }),
    ]),
    usage: usage.optional(),
  }),
  ChatCompletionChunk: z
    .union([
      z.object({
        ...completion,
        object: z.literal('chat.completion.chunk'),
        choices: z
          .array(
            z.object({
              index: z.literal(0),
              delta: z.object({
                role: z.literal('assistant').optional(),
                content: z.string().optional(),
                reasoning_content: z.string().optional(),
              }),
              logprobs: z.null(),
              finish_reason: z.enum(['stop', 'length']).nullable(),
            }),
          )
          .max(1),
        event: z.unknown().optional().describe('A status, as Open WebUI shows it.'),
        usage: usage.nullish(),
      }),
      z.object({ error }).describe('The run failed; nothing but `[DONE]` follows.'),
    ])
    .describe('One event of a streamed completion.'),
  ResponseRequest: z
    .looseObject({
      model: model.optional(),
      input: z.union([z.string(), z.array(z.unknown())]),
      stream: z.boolean().nullish(),
    })
    .describe('Other keys are ignored, but those that need a kept response are refused.'),
  OpenAIResponse: response,
  OpenAIResponseEvent: z
    .looseObject({ type: z.string(), sequence_number: z.int(), response: response.optional() })
    .describe('One event of a streamed response.'),
  Model: z.object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.literal('tributary'),
  }),
  OpenAIProblem: problemBody.extend({ error }).describe('A problem document that OpenAI’s clients can read.'),
  OpenAIFailure: z.object({ error }).describe('A run failed whose answer was to be whole.'),
}

export const openaiSchemas = {
  ...Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, jsonSchemaOf(schema)])),
  Models: {
    type: 'object',
    properties: { object: { const: 'list' }, data: { type: 'array', items: ref('Model') } },
    required: ['object', 'data'],
  },
}

const FAILED: ErrorFrame = {
  type: 'error',
  code: 'upstream_stalled',
  message: 'The model fell silent in the middle of its answer. Ask again.',
  retryable: true,
  request_id: REQUEST_ID,
}

/** Refusals of these routes: the same problem documents, with an error beside. */
const readable = (refusals: Refusals) =>
  Object.fromEntries(
    Object.entries(refusals).map(([status, { content, ...rest }]) => {
      const { example } = content['application/problem+json']
      return [status, { ...rest, content: problem(example) }]
    }),
  )

const problem = (body: ProblemBody) => ({
  'application/problem+json': { schema: ref('OpenAIProblem'), example: withError(body) },
})

const NO_MODEL = {
  404: {
    description: 'No program of that name can be asked by a conversation.',
    content: problem(
      new Problem('model_not_found', "There is no model 'gpt-5'. /v1/models lists them.").toBody(REQUEST_ID),
    ),
  },
}

export function openaiPaths(config: Config, programs: Programs) {
  const hasKeys = config.API_KEYS !== undefined
  const secured = hasKeys && { security: [{ bearerAuth: [] }] }
  const { name } = programs.default
  const ofModels = { ...readable(anyRoute(hasKeys)) }
  const { 422: _, ...refusals } = readable(askingRoute(hasKeys))
  const asking = (names: {
    readonly operationId: string
    readonly summary: string
    readonly description: string
    readonly request: string
    readonly asked: object
    readonly whole: string
    readonly event: string
    readonly dialect: Dialect
    readonly wholeOf: (run: RunInfo) => Whole
  }) => ({
    post: {
      operationId: names.operationId,
      summary: names.summary,
      description: names.description,
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: ref(names.request), example: { model: name, ...names.asked } },
        },
      },
      ...secured,
      responses: {
        200: {
          description: 'The answer: whole, or with `stream` as server-sent events.',
          content: {
            'application/json': {
              schema: ref(names.whole),
              example: wholeExample(names.wholeOf, programs.default),
            },
            'text/event-stream': {
              schema: ref(names.event),
              example: streamExample(names.dialect, programs.default),
            },
          },
        },
        ...refusals,
        ...LATE,
        ...NO_MODEL,
        502: json('OpenAIFailure', "The run failed of the model's endpoint.", { error: errorOf(FAILED) }),
        504: json('OpenAIFailure', 'The run took too long.', { error: errorOf(FAILED) }),
      },
    },
  })
  const example = { id: name, object: 'model', created: CREATED, owned_by: 'tributary' }
  return {
    '/v1/chat/completions': asking({
      operationId: 'chat completion',
      summary: 'Ask a program as OpenAI’s chat completions are asked',
      description:
        'The answer is the `content`; what the other lanes write is the `reasoning_content`, one lane after the other.',
      request: 'ChatRequest',
      asked: { messages: [{ role: 'user', content: QUESTION }] },
      whole: 'ChatCompletion',
      event: 'ChatCompletionChunk',
      dialect: chatCompletions({ includeUsage: false }),
      wholeOf: wholeCompletion,
    }),
    '/v1/responses': asking({
      operationId: 'response',
      summary: 'Ask a program as OpenAI’s responses are asked',
      description: 'Every lane is an output item of its own. Nothing is kept between two requests.',
      request: 'ResponseRequest',
      asked: { input: QUESTION },
      whole: 'OpenAIResponse',
      event: 'OpenAIResponseEvent',
      dialect: responses,
      wholeOf: wholeResponse,
    }),
    '/v1/models': {
      get: {
        operationId: 'models',
        summary: 'The programs that a conversation is enough for, as OpenAI’s clients list models',
        ...secured,
        responses: { 200: json('Models', 'All of them.', { object: 'list', data: [example] }), ...ofModels },
      },
    },
    '/v1/models/{id}': {
      get: {
        operationId: 'model',
        summary: 'One of them',
        parameters: [
          {
            name: 'id',
            in: 'path',
            required: true,
            description: "The program's name.",
            schema: { type: 'string' },
          },
        ],
        ...secured,
        responses: { 200: json('Model', 'It can be asked.', example), ...NO_MODEL, ...ofModels },
      },
    },
  }
}

const CREATED = 1_796_000_000

const infoOf = ({ name, program }: NamedProgram): RunInfo => ({
  id: REQUEST_ID,
  program: name,
  answer: program.answer,
  createdAt: CREATED,
})

function streamExample({ open }: Dialect, named: NamedProgram): string {
  const encoder = open(infoOf(named))
  return encoder.encode(FRAMES) + encoder.end
}

function wholeExample(wholeOf: (run: RunInfo) => Whole, named: NamedProgram): object {
  const whole = wholeOf(infoOf(named))
  whole.take(FRAMES)
  return whole.answer(FRAMES.at(-1) as PredictionFrame)
}
