/** `POST /api/chat` and `GET /api/chat/{id}/stream`: what `useChat` of the AI SDK asks. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { NamedProgram } from '../../core/program.ts'
import { followFrames } from '../../runs/follow-frames.ts'
import type { Opened } from '../../runs/log.ts'
import { aiSdk } from '../../wire/ai-sdk.ts'
import { eventStream } from '../../wire/event-stream.ts'
import type { Refusal } from '../error-answers.ts'
import { clientOf } from '../keys.ts'
import { infoOf, runOf, sendFrames } from '../run-reply.ts'
import { CONVERSATION_LIMIT, conversationReader, TOLD } from './conversations.ts'
import { faulty } from './messages.ts'
import { addressOf, NOT_STORED } from './resumable.ts'
import type { StreamDeps } from './stream.ts'

/** The client takes the whole body for the sentence that people read. */
const refusal: Refusal = ({ message }) => ({ type: 'text/plain; charset=utf-8', body: message })

/** A chat's id that is the same in an address, and as long as it may be there. */
const CHAT_ID = /^[\w.~-]{1,100}$/

export function chatRoutes(app: FastifyInstance, deps: StreamDeps): void {
  const { programs, runs, resumable, config } = deps
  const read = conversationReader(deps)

  app.post('/api/chat', { bodyLimit: CONVERSATION_LIMIT, config: { refusal } }, async (request, reply) => {
    const { program, inputs, said } = read(request)
    if (said.resumable !== true) {
      const run = runOf(request, reply, program, inputs, TOLD, runs)
      return sendFrames(reply, run, aiSdk, infoOf(request.id, program), config)
    }
    const opened = await resumable.start({
      ...TOLD,
      program,
      inputs,
      requestId: request.id,
      principal: clientOf(request),
      key: undefined, // regenerating an answer asks the same again, and wants another run
      conversation: chatOf(said.id),
    })
    return sendRun(reply.headers(addressOf(opened)), opened, program)
  })

  app.get('/api/chat/:id/stream', { exposeHeadRoute: false, config: { refusal } }, async (request, reply) => {
    const opened = await newestOf(request)
    if (opened && opened.tail.endedAt === undefined) {
      return sendRun(
        reply,
        opened,
        programs.all.find(({ name }) => name === opened.tail.header.program),
      )
    }
    opened?.leave()
    return reply.status(204).send() // for the client that nothing is to be resumed
  })

  const newestOf = (request: FastifyRequest): Promise<Opened | undefined> =>
    resumable.newest((request.params as { id: string }).id, clientOf(request))

  /** Answers with all of a run, from its beginning. Whoever reads it anew has the message replaced, by its id. */
  const sendRun = (reply: FastifyReply, { tail, leave }: Opened, named: NamedProgram | undefined) => {
    // Cut off, the client doesn't take what it has for all of it.
    const following = followFrames(tail, () => reply.raw.destroy())
    const info = {
      id: tail.id,
      program: tail.header.program,
      answer: named?.program.answer,
      createdAt: Math.floor(tail.header.createdAt / 1_000),
    }
    const stream = eventStream(following.frames, aiSdk, info, config.HEARTBEAT_MS)
    stream.once('close', () => {
      following.leave()
      leave()
    })
    reply.raw.once('pipe', () => reply.raw.flushHeaders())
    return reply.headers({ ...aiSdk.headers, ...NOT_STORED }).send(stream)
  }
}

function chatOf(id: unknown): string {
  if (typeof id === 'string' && CHAT_ID.test(id)) return id
  throw faulty('/id', "a chat that is resumable needs an id, of 1 to 100 letters, digits and any of '-._~'")
}
