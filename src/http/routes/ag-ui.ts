/** `POST /ag-ui`: what AG-UI's `HttpAgent` asks, and so CopilotKit's runtime. */
import type { FastifyInstance } from 'fastify'
import { type AgUiRun, agUi } from '../../wire/ag-ui.ts'
import { infoOf, runOf, sendFrames } from '../run-reply.ts'
import { CONVERSATION_LIMIT, conversationReader, TOLD } from './conversations.ts'
import { faulty } from './messages.ts'
import type { StreamDeps } from './stream.ts'

/** UTF-16 units of an id of the client's: every event has one of them in it. */
const MAX_ID = 128

export function agUiRoutes(app: FastifyInstance, deps: StreamDeps): void {
  const { runs, config } = deps
  const read = conversationReader(deps)

  app.post('/ag-ui', { bodyLimit: CONVERSATION_LIMIT }, async (request, reply) => {
    const { program, inputs, said } = read(request)
    const asked: AgUiRun = {
      threadId: idOf(said, 'threadId') ?? request.id,
      runId: idOf(said, 'runId') ?? request.id,
      hasSubagents: said.protocolVersion !== undefined,
    }
    const run = runOf(request, reply, program, inputs, TOLD, runs)
    return sendFrames(reply, run, agUi(asked), infoOf(request.id, program), config)
  })
}

function idOf(said: Readonly<Record<string, unknown>>, key: 'threadId' | 'runId'): string | undefined {
  const id = said[key]
  if (id === undefined) return undefined
  if (typeof id === 'string' && id !== '' && id.length <= MAX_ID) return id
  throw faulty(`/${key}`, `${key} has 1 to ${MAX_ID} characters`)
}
