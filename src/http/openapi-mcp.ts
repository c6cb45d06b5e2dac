/** `POST /mcp` in the OpenAPI document. */
import { z } from 'zod'
import type { Config } from '../config.ts'
import { jsonSchemaOf } from '../core/json-schema.ts'
import type { Programs } from '../core/program.ts'
import { mcp } from '../wire/mcp.ts'
import { FRAMES, QUESTION, REQUEST_ID } from './examples.ts'
import { anyRoute, LATE, ownRefusal, type Refusals, ref, refusal, takesQuestion } from './openapi-parts.ts'
import { foreignOrigin } from './origins.ts'
import { type ProblemBody, problemBody } from './problem.ts'
import { refused, rpcId, rpcMessage, severalMessages, VERSIONS } from './routes/mcp.ts'
import { infoOf } from './run-reply.ts'

const jsonrpc = z.literal('2.0')

const SCHEMAS = {
  McpMessage: rpcMessage.describe(
    'A request of JSON-RPC 2.0, which has an id and a method, or a notification, which has no id.',
  ),
  McpAnswer: z
    .union([
      z.object({ jsonrpc, id: rpcId, result: z.record(z.string(), z.unknown()) }),
      z.object({ jsonrpc, id: rpcId, error: z.object({ code: z.int(), message: z.string() }) }),
    ])
    .describe('The answer to a request. A run that fails is a result that has `isError`.'),
  McpEvent: z
    .union([
      z.object({
        jsonrpc,
        method: z.literal('notifications/progress'),
        params: z.object({ progressToken: rpcId, progress: z.int(), message: z.string() }),
      }),
      z.object({ jsonrpc, id: rpcId, result: z.record(z.string(), z.unknown()) }),
    ])
    .describe(
      'What happens on the way, if the call has a `progressToken`; and the result, which is the last.',
    ),
  McpRefusal: z
    .object({
      jsonrpc,
      id: z.null(),
      error: z.object({ code: z.int(), message: z.string(), data: problemBody }),
    })
    .describe('A refusal in the words of JSON-RPC. Its data are what a problem document would say.'),
}

export const mcpSchemas = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schema]) => [name, jsonSchemaOf(schema, 'input')]),
)

const CALL = { id: 1, progressToken: 1 }

/** Refusals as these clients read them. */
const inRpc = (refusals: Refusals) =>
  Object.fromEntries(
    Object.entries(refusals).map(([status, { content, ...rest }]) => {
      const example: ProblemBody = content['application/problem+json'].example
      const said = { schema: ref('McpRefusal'), example: refused(example) }
      return [status, { ...rest, content: { 'application/json': said } }]
    }),
  )

export function mcpPaths(config: Config, { default: named }: Programs) {
  const hasKeys = config.API_KEYS !== undefined
  const call = {
    jsonrpc: '2.0',
    id: CALL.id,
    method: 'tools/call',
    params: {
      name: named.name,
      arguments: { question: QUESTION },
      _meta: { progressToken: CALL.progressToken },
    },
  }
  const encoder = mcp(CALL).open(infoOf(REQUEST_ID, named))
  const events = encoder.encode(FRAMES) + encoder.end
  const result = mcp({ ...CALL, progressToken: undefined }).open(infoOf(REQUEST_ID, named))
  return {
    '/mcp': {
      post: {
        operationId: 'mcp',
        summary: 'What clients of the Model Context Protocol send: every program is a tool',
        description:
          'Streamable HTTP without a stream of the server’s own, so GET and DELETE are refused (405). The methods are ' +
          '`initialize`, `ping`, `tools/list` and `tools/call`. A call is cancelled by `notifications/cancelled` under ' +
          'the same `mcp-session-id` and key, or by closing its connection. It is answered in events if `accept` has ' +
          '`text/event-stream`.',
        parameters: [
          {
            name: 'mcp-protocol-version',
            in: 'header',
            required: false,
            description: 'Left out: the newest.',
            schema: { type: 'string', enum: VERSIONS },
          },
          {
            name: 'mcp-session-id',
            in: 'header',
            required: false,
            description:
              'What `initialize` was answered with. Without it, a call can’t be cancelled by a notification.',
            schema: { type: 'string' },
          },
        ],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: ref('McpMessage'),
              ...(takesQuestion(named.program) && { example: call }),
            },
          },
        },
        ...(hasKeys && { security: [{ bearerAuth: [] }] }),
        responses: {
          200: {
            description: 'The answer.',
            headers: {
              'mcp-session-id': {
                description: 'Of `initialize`: what to send from now on.',
                schema: { type: 'string' },
              },
            },
            content: {
              'application/json': {
                schema: ref('McpAnswer'),
                example: JSON.parse(/^data: (.*)$/m.exec(result.encode(FRAMES))?.[1] ?? ''),
              },
              'text/event-stream': { schema: ref('McpEvent'), example: events },
            },
          },
          202: { description: 'Of a notification: it was taken.' },
          ...inRpc({
            ...ownRefusal(severalMessages(), 'The body is no message, or the version isn’t spoken here.'),
            ...anyRoute(hasKeys),
            ...ownRefusal(foreignOrigin(), "The page's origin is none of `CORS_ORIGIN`."),
            ...refusal(413, 'The body is too large.'),
            ...refusal(415, "The body's content type isn't JSON, or it is compressed."),
          }),
          ...LATE,
        },
      },
    },
  }
}
