/** The paths of runs that outlive their connection, in the OpenAPI document. */
import { type Config, inputLimitsOf } from '../config.ts'
import type { NamedProgram, Programs } from '../core/program.ts'
import { RUN, STREAM } from './examples.ts'
import { anyRoute, askingRoute, json, ref, refusal } from './openapi-parts.ts'
import { questionKeys, questionSchema } from './routes/question.ts'

const header = (name: string, description: string) => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
})

const ID = {
  name: 'id',
  in: 'path',
  required: true,
  description: "The run's id.",
  schema: { type: 'string' },
}

const KEY = header(
  'idempotency-key',
  'A name of your own for the run, of 1 to 255 visible ASCII characters: asking again with it attaches to the same run.',
)

const AFTER = 'The id of the last event that you have; what follows it comes. Left out: everything, in short.'

const STARTED = { id: RUN.id, status: 'running' }

export function runPaths(config: Config, programs: Programs) {
  const hasKeys = config.API_KEYS !== undefined
  const secured = hasKeys && { security: [{ bearerAuth: [] }] }
  const ofOne = {
    ...anyRoute(hasKeys),
    ...refusal(404, "There is no such run, or it isn't this key's."),
    ...refusal(503, "What keeps resumable runs can't be reached.", { 'retry-after': 'Seconds.' }),
  }
  const start = ({ name, program }: NamedProgram, operationId: string) => ({
    post: {
      operationId,
      summary: `Start a run of ${name} that outlives its connection, and read it by its id`,
      parameters: [KEY],
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: questionSchema(program, inputLimitsOf(config), questionKeys.ofRuns) },
        },
      },
      ...secured,
      responses: {
        200: json('RunStarted', 'The run that this key was given to before.', STARTED),
        201: json('RunStarted', 'It has begun.', STARTED),
        ...askingRoute(hasKeys),
      },
    },
  })
  return {
    '/v1/runs': start(programs.default, 'start'),
    ...Object.fromEntries(
      programs.all.map((named) => [`/v1/programs/${named.name}/runs`, start(named, `start ${named.name}`)]),
    ),
    '/v1/runs/{id}': {
      get: {
        operationId: 'run',
        summary: 'How a run stands, and what it ended with',
        parameters: [ID],
        ...secured,
        responses: { 200: json('Run', 'The run.', RUN), ...ofOne },
      },
      delete: {
        operationId: 'erase',
        summary: 'End a run, if it is not over, and forget it',
        parameters: [ID],
        ...secured,
        responses: { 204: { description: 'It is gone.' }, ...ofOne },
      },
    },
    '/v1/runs/{id}/stream': {
      get: {
        operationId: 'read',
        summary: 'Read a run, from any event on',
        parameters: [
          ID,
          header('last-event-id', AFTER),
          { name: 'after', in: 'query', required: false, description: AFTER, schema: { type: 'string' } },
        ],
        ...secured,
        responses: {
          200: {
            description:
              'Server-sent events as of the stream that started it, each with its position as `id`. Read without an ' +
              'id, what there is already comes first: a reset that keeps nothing, and one token frame for each field.',
            content: { 'text/event-stream': { schema: ref('Frame'), example: STREAM } },
          },
          204: { description: 'The id is that of `[DONE]`: there is nothing more.' },
          ...refusal(400, 'The id is none that an event can have.'),
          ...ofOne,
        },
      },
    },
    '/v1/runs/{id}/cancel': {
      post: {
        operationId: 'cancel',
        summary: 'End a run; one that is over stays as it is',
        parameters: [ID],
        ...secured,
        responses: { 200: json('Run', 'The run, which is over.', RUN), ...ofOne },
      },
    },
  }
}
