/**
 * The OpenAPI document (3.1) of the service, made from the schemas that the code itself uses: what it says of a
 * body or a frame is what is checked and sent.
 */
import { type Config, inputLimitsOf } from '../config.ts'
import { describe } from '../core/describe.ts'
import { jsonSchemaOf } from '../core/json-schema.ts'
import type { NamedProgram, Programs } from '../core/program.ts'
import {
  errorFrame,
  frame,
  predictionFrame,
  programDescription,
  resetFrame,
  statusFrame,
  tokenFrame,
  usageFrame,
  valueFrame,
} from '../core/schemas.ts'
import { version } from '../version.ts'
import { QUESTION, READY, STREAM } from './examples.ts'
import { mcpPaths, mcpSchemas } from './openapi-mcp.ts'
import { openaiPaths, openaiSchemas } from './openapi-openai.ts'
import { anyRoute, askingRoute, json, ref, takesQuestion, WRONG_HOST } from './openapi-parts.ts'
import { runPaths } from './openapi-runs.ts'
import { uiPaths, uiSchemas } from './openapi-uis.ts'
import { websocketPaths, websocketSchemas } from './openapi-websocket.ts'
import { problemBody } from './problem.ts'
import { liveness, readiness } from './routes/health.ts'
import { questionKeys, questionSchema } from './routes/question.ts'
import { runStarted, runState } from './routes/runs.ts'

const FRAMES = {
  StatusFrame: statusFrame,
  TokenFrame: tokenFrame,
  ValueFrame: valueFrame,
  UsageFrame: usageFrame,
  ResetFrame: resetFrame,
  PredictionFrame: predictionFrame,
  ErrorFrame: errorFrame,
}

/** @returns the document, for `GET /openapi.json` and the pages made from it */
export function openapi(config: Config, programs: Programs) {
  const frames = Object.keys(FRAMES)
  const hasKeys = config.API_KEYS !== undefined
  const secured = config.API_KEYS && { security: [{ bearerAuth: [] }] }
  const described = ({ name, program }: NamedProgram) => describe(name, program, inputLimitsOf(config))
  const byType = (name: string) => name.replace('Frame', '').toLowerCase()
  const stream = (operationId: string, { program }: NamedProgram, question: object, summary: string) => ({
    operationId,
    summary,
    description:
      'The frames come while the models write. “Try it out” on these pages shows them only once the stream has ' +
      'ended: to watch a run, use the page at the address of the service, or `curl -N`.',
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: question,
          ...(takesQuestion(program) && { example: { question: QUESTION } }),
        },
      },
    },
    ...secured,
    responses: {
      200: {
        description:
          'Server-sent events. Each is one `data:` line with the JSON of a frame, and a blank line; the ' +
          'last is `data: [DONE]`. A stream ends in a prediction or in one error, then `[DONE]`; one ' +
          'without `[DONE]` was cut. Comments (lines that begin with a colon) are signs of life.',
        headers: {
          'x-request-id': { description: 'Names the run in the log.', schema: { type: 'string' } },
          'x-run-id': { description: 'Of a resumable run: its id.', schema: { type: 'string' } },
        },
        content: { 'text/event-stream': { schema: ref('Frame'), example: STREAM } },
      },
      ...askingRoute(hasKeys),
    },
  })
  const pathsOf = (named: NamedProgram) => {
    const { name, program } = named
    const question =
      program === programs.default.program
        ? ref('Question')
        : questionSchema(program, inputLimitsOf(config), questionKeys.ofStreams)
    return [
      [
        `/v1/programs/${name}/stream`,
        { post: stream(`stream ${name}`, named, question, `Ask the program ${name}`) },
      ],
      [
        `/v1/programs/${name}`,
        {
          get: {
            operationId: `program ${name}`,
            summary: program.description ?? `What the program ${name} consists of`,
            ...secured,
            responses: {
              200: json('Program', 'Its inputs, outputs and predictors.', described(named)),
              ...anyRoute(hasKeys),
            },
          },
        },
      ],
    ] as const
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tributary',
      version,
      description:
        'Runs a program of language-model modules side by side and streams what each of them writes, as it ' +
        'writes it, under the name of the module and the field it belongs to.',
    },
    paths: {
      '/v1/stream': {
        post: stream(
          'stream',
          programs.default,
          ref('Question'),
          'Ask a question, read the run as it happens',
        ),
      },
      '/v1/program': {
        get: {
          operationId: 'program',
          summary: 'What the program consists of: for boards and pages that show its runs',
          ...secured,
          responses: {
            200: json('Program', 'Its predictors, in order.', described(programs.default)),
            ...anyRoute(hasKeys),
          },
        },
      },
      '/v1/programs': {
        get: {
          operationId: 'programs',
          summary: 'What all programs consist of',
          ...secured,
          responses: {
            200: json('Programs', 'Each of them, and the name of the one that runs where none is named.', {
              default: programs.default.name,
              programs: programs.all.map(described),
            }),
            ...anyRoute(hasKeys),
          },
        },
      },
      ...Object.fromEntries(programs.all.flatMap(pathsOf)),
      ...websocketPaths(config),
      ...runPaths(config, programs),
      ...uiPaths(config, programs),
      ...openaiPaths(config, programs),
      ...mcpPaths(config, programs),
      '/livez': {
        get: {
          operationId: 'livez',
          summary: 'Does the process serve?',
          responses: { 200: json('Liveness', 'Yes.', { status: 'ok' }), ...WRONG_HOST },
        },
      },
      '/readyz': {
        get: {
          operationId: 'readyz',
          summary: 'Whether it can take a question, and which model answers',
          responses: {
            200: json('Readiness', 'Yes.', READY),
            ...WRONG_HOST,
            503: json('Readiness', 'Not now.', { ...READY, status: 'loading' }),
          },
        },
      },
    },
    components: {
      securitySchemes: {
        bearerAuth: {
          type: 'http',
          scheme: 'bearer',
          description: 'The key of a client, if the service wants one.',
        },
      },
      schemas: {
        Question: questionSchema(programs.default.program, inputLimitsOf(config), questionKeys.ofStreams),
        Frame: {
          description: frame.description ?? 'One event of the stream.',
          oneOf: frames.map(ref),
          discriminator: {
            propertyName: 'type',
            mapping: Object.fromEntries(frames.map((name) => [byType(name), `#/components/schemas/${name}`])),
          },
        },
        ...Object.fromEntries(Object.entries(FRAMES).map(([name, schema]) => [name, jsonSchemaOf(schema)])),
        Program: jsonSchemaOf(programDescription),
        Programs: {
          type: 'object',
          properties: { default: { type: 'string' }, programs: { type: 'array', items: ref('Program') } },
          required: ['default', 'programs'],
        },
        Run: jsonSchemaOf(runState),
        RunStarted: jsonSchemaOf(runStarted),
        Problem: jsonSchemaOf(problemBody),
        ...websocketSchemas(config, programs),
        ...uiSchemas,
        ...openaiSchemas,
        ...mcpSchemas,
        Liveness: jsonSchemaOf(liveness),
        Readiness: jsonSchemaOf(readiness),
      },
    },
  }
}
