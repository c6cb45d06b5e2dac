/** OpenAI's interface: every program that a conversation is enough for is a model, by its name. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Values } from '../../core/adapters/adapter.ts'
import type { Fault } from '../../core/fault.ts'
import { excerpt } from '../../core/fault.ts'
import type { ErrorFrame, PredictionFrame } from '../../core/frame.ts'
import type { NamedProgram } from '../../core/program.ts'
import type { AdmittedRun } from '../../runs/runs.ts'
import type { Dialect, RunInfo, Whole } from '../../wire/dialect.ts'
import { chatCompletions, wholeCompletion } from '../../wire/openai-chat.ts'
import { errorOf, errorType, type OpenAIError, statusOf } from '../../wire/openai-error.ts'
import { responses, wholeResponse } from '../../wire/openai-responses.ts'
import type { Refusal } from '../error-answers.ts'
import { Problem, type ProblemBody } from '../problem.ts'
import { infoOf, runOf, sendFrames } from '../run-reply.ts'
import { CONVERSATION_LIMIT, messageReader, TOLD } from './conversations.ts'
import { talking } from './messages.ts'
import type { StreamDeps } from './stream.ts'

/** A problem document with what OpenAI's clients read beside it: they show its sentence, its code and its type. */
export function withError(body: ProblemBody): ProblemBody & { readonly error: OpenAIError } {
  const { detail, status, code, errors } = body
  const param = errors?.[0]?.pointer.split('/')[1] ?? null
  return { ...body, error: { message: detail, type: errorType(status), param, code } }
}

const refusal: Refusal = (problem, requestId) => ({
  type: 'application/problem+json',
  body: JSON.stringify(withError(problem.toBody(requestId))),
})

/** Keys of a request; any others that clients send are ignored. */
type Body = Readonly<Record<string, unknown>>

type Asked = { readonly model: NamedProgram; readonly inputs: Values; readonly isStreamed: boolean }

export function openaiRoutes(app: FastifyInstance, deps: StreamDeps): void {
  const { programs, runs, config } = deps
  const readMessages = messageReader(deps)
  const models = programs.all.filter((named) => talking(named))
  const options = { config: { refusal } }
  const asking = { ...options, bodyLimit: CONVERSATION_LIMIT }

  app.get('/v1/models', options, async () => ({ object: 'list', data: models.map(shapeOf) }))

  app.get('/v1/models/:id', options, async (request) => {
    const { id } = request.params as { id: string }
    return shapeOf(models.find(({ name }) => name === id) ?? refuseModel(id))
  })

  app.post('/v1/chat/completions', asking, async (request, reply) => {
    const body = bodyOf(request)
    refuseFormat(body.response_format, '/response_format')
    if (typeof body.n === 'number' && body.n !== 1)
      throw unfit('/n', 'a program gives one answer, so it can only be 1')
    const asked = read(body, body.messages, '/messages')
    const { include_usage } = (body.stream_options ?? {}) as { include_usage?: unknown }
    const dialect = chatCompletions({ includeUsage: include_usage === true })
    return answer(request, reply, asked, dialect, wholeCompletion)
  })

  app.post('/v1/responses', asking, async (request, reply) => {
    const body = bodyOf(request)
    for (const key of STATEFUL) {
      if (body[key] !== undefined && body[key] !== null && body[key] !== false)
        throw unfit(`/${key}`, 'nothing is kept of a response, so send the whole conversation as input')
    }
    refuseFormat((body.text as { format?: unknown } | null | undefined)?.format, '/text/format')
    const { input } = body
    const messages = typeof input === 'string' ? [{ role: 'user', content: input }] : input
    return answer(request, reply, read(body, messages, '/input'), responses, wholeResponse)
  })

  function read(body: Body, messages: unknown, pointer: string): Asked {
    const { model: name = programs.default.name, stream = false } = body
    if (typeof name !== 'string') throw unfit('/model', "a model's name is needed")
    if (typeof stream !== 'boolean' && stream !== null) throw unfit('/stream', 'true or false is needed')
    const model = programs.all.find((one) => one.name === name) ?? refuseModel(name)
    return { model, inputs: readMessages(model, messages, pointer), isStreamed: stream === true }
  }

  function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { model, inputs, isStreamed }: Asked,
    dialect: Dialect,
    whole: (run: RunInfo) => Whole,
  ) {
    const run = runOf(request, reply, model, inputs, TOLD, runs)
    const info = infoOf(request.id, model)
    return isStreamed ? sendFrames(reply, run, dialect, info, config) : sendWhole(reply, run, whole(info))
  }

  function shapeOf({ name }: NamedProgram) {
    return { id: name, object: 'model', created: CREATED, owned_by: 'tributary' }
  }
}

/** Seconds since 1970. Clients want to know when a model was made; the programs of a process are as old as it is. */
const CREATED = Math.floor(Date.now() / 1_000)

/** Keys of a response that is kept, or that goes on from one. */
const STATEFUL = ['previous_response_id', 'conversation', 'background']

/** Answers when the run is over. A run that has begun has had its retries, so clients shouldn't ask again by themselves. */
async function sendWhole(reply: FastifyReply, run: AdmittedRun, whole: Whole): Promise<FastifyReply> {
  let end: PredictionFrame | ErrorFrame | undefined
  for await (const frames of run.frames) {
    whole.take(frames)
    const last = frames.at(-1)
    if (last?.type === 'prediction' || last?.type === 'error') end = last
  }
  if (end?.type === 'prediction') return reply.send(whole.answer(end))
  const error = end as ErrorFrame
  if (error.retry_after !== undefined) reply.header('retry-after', String(error.retry_after))
  return reply
    .status(statusOf(error.code))
    .header('x-should-retry', 'false')
    .send({ error: errorOf(error) })
}

function bodyOf({ body }: FastifyRequest): Body {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Body
  throw new Problem('bad_body', 'The body has to be a JSON object.')
}

/** What a program answers with is up to its signature. */
function refuseFormat(format: unknown, pointer: string): void {
  const { type } = (format ?? {}) as { type?: unknown }
  if (type !== undefined && type !== 'text')
    throw unfit(pointer, "a program's outputs are what its signature says, so leave it out")
}

function unfit(pointer: string, detail: string): Problem {
  const fault: Fault = { pointer, detail }
  return new Problem('bad_body', `${pointer.slice(1).replaceAll('/', '.')}: ${detail}.`, { faults: [fault] })
}

function refuseModel(name: string): never {
  throw new Problem('model_not_found', `There is no model '${excerpt(name)}'. /v1/models lists them.`)
}
