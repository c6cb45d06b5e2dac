/** The paths for other people's pages, in the OpenAPI document: the AI SDK's and AG-UI's. */
import type { Config } from '../config.ts'
import type { Programs } from '../core/program.ts'
import { agUi } from '../wire/ag-ui.ts'
import { aiSdk } from '../wire/ai-sdk.ts'
import type { Dialect } from '../wire/dialect.ts'
import { FRAMES, QUESTION, REQUEST_ID } from './examples.ts'
import {
  anyRoute,
  askingRoute,
  LATE,
  ownRefusal,
  programParameter,
  type Refusals,
  ref,
  refusal,
} from './openapi-parts.ts'
import { noSuchProgram } from './routes/asking.ts'
import { infoOf } from './run-reply.ts'

const PROGRAM = programParameter(
  'Which program answers: one that takes a text, and at most the turns before it. Left out: the default one.',
)

const request = (name: string, example: object) => ({
  required: true,
  content: { 'application/json': { schema: ref(name), example } },
})

/** Refusals as the AI SDK shows them: the sentence alone. */
const inWords = (refusals: Refusals) =>
  Object.fromEntries(
    Object.entries(refusals).map(([status, { content, ...rest }]) => {
      const { example } = content['application/problem+json']
      const said = { schema: ref('Sentence'), example: example.detail }
      return [status, { ...rest, content: { 'text/plain': said } }]
    }),
  )

export function uiPaths(config: Config, programs: Programs) {
  const hasKeys = config.API_KEYS !== undefined
  const secured = hasKeys && { security: [{ bearerAuth: [] }] }
  const example = (dialect: Dialect) => {
    const encoder = dialect.open({ ...infoOf(REQUEST_ID, programs.default), createdAt: 0 })
    return encoder.encode(FRAMES) + encoder.end
  }
  const stream = (name: string, dialect: Dialect, description: string) => ({
    description,
    content: { 'text/event-stream': { schema: ref(name), example: example(dialect) } },
  })
  const asking = {
    ...askingRoute(hasKeys),
    ...ownRefusal(noSuchProgram('x'), 'There is no such program.'),
  }
  const message = stream(
    'UiMessageChunk',
    aiSdk,
    'The message stream of the AI SDK: the answer is its text, every other lane is reasoning.',
  )
  const unavailable = refusal(503, "What keeps resumable runs can't be reached.", {
    'retry-after': 'Seconds.',
  })
  return {
    '/api/chat': {
      post: {
        operationId: 'chat',
        summary: "What the AI SDK's useChat asks",
        parameters: [PROGRAM],
        requestBody: request('UiMessageRequest', {
          id: 'chat-1',
          messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: QUESTION }] }],
        }),
        ...secured,
        responses: { 200: message, ...inWords(asking), ...LATE },
      },
    },
    '/api/chat/{id}/stream': {
      get: {
        operationId: 'resume chat',
        summary: 'What useChat asks to go on with a chat after a reload',
        parameters: [
          {
            name: 'id',
            in: 'path',
            required: true,
            description: "The chat's id.",
            schema: { type: 'string' },
          },
        ],
        ...secured,
        responses: {
          200: {
            ...message,
            description: 'The newest run of the chat, which is resumable, from its beginning.',
          },
          204: { description: 'Nothing of it is under way.' },
          ...inWords({ ...anyRoute(hasKeys), ...unavailable }),
        },
      },
    },
    '/ag-ui': {
      post: {
        operationId: 'ag-ui',
        summary: "What AG-UI's HttpAgent asks, and so CopilotKit",
        parameters: [PROGRAM],
        requestBody: request('AgUiRequest', {
          threadId: 'thread-1',
          runId: 'run-1',
          messages: [{ id: '1', role: 'user', content: QUESTION }],
        }),
        ...secured,
        responses: {
          200: stream(
            'AgUiEvent',
            agUi({ threadId: 'thread-1', runId: 'run-1', hasSubagents: false }),
            'Events of AG-UI: the answer is a text message, every other lane a reasoning message.',
          ),
          ...asking,
        },
      },
    },
  }
}

const messages = {
  type: 'array',
  items: { type: 'object' },
  description:
    "The last thing that its user said is the question, and what was said before is a program's history.",
}

const event = (description: string) => ({
  type: 'object',
  properties: { type: { type: 'string' } },
  required: ['type'],
  description,
})

export const uiSchemas = {
  UiMessageRequest: {
    type: 'object',
    properties: {
      id: { type: 'string', description: "The chat's: whoever knows it may read what runs in it." },
      messages,
      resumable: {
        type: 'boolean',
        description: 'Whether the run outlives this connection. Of your own `body`.',
      },
    },
    required: ['messages'],
    description: 'What the AI SDK sends. Other keys are ignored.',
  },
  UiMessageChunk: event("A chunk of the AI SDK's UI message stream, version 1."),
  AgUiRequest: {
    type: 'object',
    properties: {
      threadId: { type: 'string', minLength: 1, maxLength: 128 },
      runId: { type: 'string', minLength: 1, maxLength: 128, description: 'Unique in the thread.' },
      protocolVersion: { type: 'string', description: 'With one, each call of a predictor is a subagent.' },
      messages,
    },
    required: ['messages'],
    description: 'What AG-UI sends. Other keys are ignored.',
  },
  AgUiEvent: event('An event of AG-UI 1.0.'),
  Sentence: { type: 'string', description: 'What to change.' },
}
