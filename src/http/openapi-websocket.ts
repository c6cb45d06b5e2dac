/**
 * `GET /v1/ws` in the OpenAPI document, which knows requests and answers, but no messages. Those are in the description,
 * and as schemas in an extension.
 */
import { z } from 'zod'
import { type Config, inputLimitsOf } from '../config.ts'
import { jsonSchemaOf } from '../core/json-schema.ts'
import type { Programs } from '../core/program.ts'
import { errorFrame } from '../core/schemas.ts'
import { anyRoute, ownRefusal, programParameter, ref } from './openapi-parts.ts'
import { foreignOrigin } from './origins.ts'
import { problemBody } from './problem.ts'
import { questionKeys, questionSchema } from './routes/question.ts'
import { SOCKET_PATH, upgradeRequired, wrongVersion } from './upgrades.ts'

const DESCRIPTION = `A connection takes one question, and is closed after its run. Every message is a JSON text.

The client sends a question, and if it likes \`{"type":"cancel"}\` later. The service sends the frames of the run, one a \
message, and closes with 1000 after the last; there is no \`[DONE]\`. A question that is refused gets an error frame that \
has a \`status\`, and close 1008, or 1013 if it can be asked again later, or 1011. A message that is too large closes the \
socket with 1009.

Browsers can't set \`authorization\` on a socket: they offer two subprotocols, \`tributary\` and \`tributary.key.\` with the \
percent-encoded key.`

/** @returns its path; other programs than the default one take other questions, as their descriptions say */
export function websocketPaths(config: Config) {
  const hasKeys = config.API_KEYS !== undefined
  return {
    [SOCKET_PATH]: {
      get: {
        operationId: 'socket',
        summary: 'Ask a question over a WebSocket, and read its run',
        description: DESCRIPTION,
        parameters: [programParameter('Which program answers. Left out: the default one.')],
        ...(hasKeys && { security: [{ bearerAuth: [] }] }),
        responses: {
          101: {
            description: 'The connection is a WebSocket now.',
            'x-messages': {
              client: { oneOf: [ref('SocketQuestion'), ref('Cancel')] },
              service: { oneOf: [ref('Frame'), ref('RefusalFrame')] },
            },
          },
          ...ownRefusal(wrongVersion(), 'The handshake is none of WebSocket 13.'),
          ...anyRoute(hasKeys),
          ...ownRefusal(foreignOrigin(), "The page's origin is none of `CORS_ORIGIN`."),
          ...ownRefusal(
            upgradeRequired(),
            'The request asks for no WebSocket, or follows another one closely.',
          ),
        },
      },
    },
  }
}

export const websocketSchemas = (config: Config, programs: Programs) => ({
  SocketQuestion: questionSchema(programs.default.program, inputLimitsOf(config), questionKeys.ofRuns),
  Cancel: jsonSchemaOf(z.object({ type: z.literal('cancel') }).describe('Ends the run.')),
  RefusalFrame: jsonSchemaOf(
    z
      .object({ ...errorFrame.shape, ...problemBody.pick({ code: true, status: true, errors: true }).shape })
      .omit({ predictor: true })
      .describe('The question was refused. Its `status` tells it from the error of a run.'),
  ),
})
