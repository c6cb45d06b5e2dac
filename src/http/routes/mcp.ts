/**
 * `POST /mcp`: a tool for each program, for clients of the Model Context Protocol (streamable HTTP). It keeps nothing of a
 * client between two requests: there are no streams to open with GET, and no sessions to end with DELETE.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Config, inputLimitsOf } from '../../config.ts'
import { describe } from '../../core/describe.ts'
import { RunError } from '../../core/errors.ts'
import { excerpt } from '../../core/fault.ts'
import type { Frame } from '../../core/frame.ts'
import type { NamedProgram } from '../../core/program.ts'
import type { AdmittedRun } from '../../runs/runs.ts'
import { version } from '../../version.ts'
import { failure, mcp, type RpcId, resultOf, rpcResult } from '../../wire/mcp.ts'
import { loggedProblem, type Refusal } from '../error-answers.ts'
import { clientOf } from '../keys.ts'
import { foreignOrigins } from '../origins.ts'
import { Problem, type ProblemBody } from '../problem.ts'
import { infoOf, runOf, sendFrames } from '../run-reply.ts'
import { questionReader } from './asking.ts'
import { CONVERSATION_LIMIT } from './conversations.ts'
import { type Question, questionKeys } from './question.ts'
import type { StreamDeps } from './stream.ts'

/** Of the protocol, the newest first. */
export const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26']

/** JSON-RPC's codes, and the one of the range that it leaves to servers. */
const RPC = { parse: -32700, request: -32600, method: -32601, params: -32602, refused: -32000 } as const

export const rpcId = z.union([z.string(), z.number()])

export const rpcMessage = z.object({
  jsonrpc: z.literal('2.0'),
  id: rpcId.optional(),
  method: z.string().optional(),
  params: z.record(z.string(), z.unknown()).optional(),
})

const callParams = z.object({
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).default({}),
  _meta: z.object({ progressToken: rpcId.optional() }).optional(),
})

type Tool = {
  readonly named: NamedProgram
  readonly read: (body: unknown) => Question
  readonly description: object
}

/** Ends the runs of calls that are under way, by what names them. */
type Calls = Map<string, () => void>

/** A refusal in the words of JSON-RPC. */
export const refused = (problem: ProblemBody) =>
  ({
    jsonrpc: '2.0',
    id: null,
    error: {
      code: problem.code === 'bad_body' ? RPC.parse : RPC.refused,
      message: problem.detail,
      data: problem,
    },
  }) as const

const refusal: Refusal = (problem, requestId) => ({
  type: 'application/json',
  body: JSON.stringify(refused(problem.toBody(requestId))),
})

export function mcpRoute(app: FastifyInstance, deps: StreamDeps): void {
  const { programs, lm, config } = deps
  const tools = new Map<string, Tool>(
    programs.all.map((named) => [
      named.name,
      {
        named,
        read: questionReader(named.program, lm, config, questionKeys.ofTools),
        description: toolOf(named, config),
      },
    ]),
  )
  const calls: Calls = new Map()
  const options = {
    bodyLimit: CONVERSATION_LIMIT,
    config: { refusal },
    onRequest: foreignOrigins(config), // DNS rebinding: the protocol demands it
  }

  app.post('/mcp', options, async (request, reply) => {
    const { id, method, params = {} } = messageOf(request)
    if (method === undefined || id === undefined) {
      if (method === 'notifications/cancelled') calls.get(nameOf(request, params.requestId))?.()
      return reply.status(202).send()
    }
    switch (method) {
      case 'initialize':
        return reply.header('mcp-session-id', randomUUID()).send(rpcResult(id, greeting(params)))
      case 'ping':
        return rpcResult(id, {})
      case 'tools/list':
        return rpcResult(id, { tools: [...tools.values()].map(({ description }) => description) })
      case 'tools/call': {
        const asked = callParams.safeParse(params)
        if (!asked.success) return rpcError(id, RPC.params, 'A call has a name, and arguments as an object.')
        const tool = tools.get(asked.data.name)
        if (!tool) return rpcError(id, RPC.params, `There is no tool ${excerpt(asked.data.name)}.`)
        const call = { id, progressToken: asked.data._meta?.progressToken }
        return answer(request, reply, { tool, call, given: asked.data.arguments, calls }, deps)
      }
      default:
        return rpcError(id, RPC.method, `There is no method ${excerpt(method)}.`)
    }
  })
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  {
    tool: { named, read },
    call,
    given,
    calls,
  }: { tool: Tool; call: Parameters<typeof mcp>[0]; given: unknown; calls: Calls },
  { runs, config }: StreamDeps,
) {
  let run: AdmittedRun
  try {
    const { inputs, include } = read(given)
    run = runOf(request, reply, named, inputs, { include }, runs)
  } catch (error) {
    // Not an error of the protocol: clients hand those to people, and this to the model, which can do better.
    return rpcResult(call.id, failure(loggedProblem(error as FastifyError, request).message))
  }
  const name = nameOf(request, call.id)
  calls.set(name, () => run.abort(new RunError('cancelled')))
  reply.raw.once('close', () => calls.delete(name))
  if (request.headers.accept?.includes('text/event-stream')) {
    return sendFrames(reply, run, mcp(call), infoOf(request.id, named), config)
  }
  let last: Frame | undefined
  for await (const frames of run.frames) last = frames.at(-1)
  if (last?.type !== 'prediction' && last?.type !== 'error') throw new Error('a run has no end')
  return rpcResult(call.id, resultOf(last, named.program.answer))
}

/**
 * What names a call among all those of this process. Requests are numbered by their clients, from 0 on, and several clients
 * may share a key: only with the session's id, which each client has got for itself, does a name mean one call. Without
 * it, nothing has this name.
 */
function nameOf(request: FastifyRequest, id: unknown): string {
  return JSON.stringify([clientOf(request), request.headers['mcp-session-id'] ?? randomUUID(), id])
}

function messageOf({ body, headers }: FastifyRequest): z.infer<typeof rpcMessage> {
  const version = headers['mcp-protocol-version'] ?? VERSIONS[0]
  if (!VERSIONS.includes(String(version))) {
    const detail = `The version ${excerpt(String(version))} of the protocol isn't spoken here, but ${VERSIONS.join(', ')}.`
    throw new Problem('bad_request', detail)
  }
  const message = rpcMessage.safeParse(body)
  if (message.success) return message.data
  throw Array.isArray(body) ? severalMessages() : notAMessage('It needs "jsonrpc": "2.0"')
}

export const severalMessages = (): Problem => notAMessage('Send one message at a time, not a list')

const notAMessage = (what: string) =>
  new Problem('bad_request', `The body isn't a message of JSON-RPC 2.0. ${what}.`)

const rpcError = (id: RpcId, code: number, message: string) => ({
  jsonrpc: '2.0',
  id,
  error: { code, message },
})

function greeting({ protocolVersion }: Readonly<Record<string, unknown>>): object {
  return {
    protocolVersion: VERSIONS.find((one) => one === protocolVersion) ?? VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: { name: 'tributary', title: 'Tributary', version },
  }
}

function toolOf(named: NamedProgram, config: Config): object {
  const { name, program } = named
  const { inputs, outputs, description } = describe(name, program, inputLimitsOf(config))
  return {
    name,
    description: description ?? `Runs the program ${name} of language-model modules.`,
    inputSchema: inputs,
    outputSchema: outputs,
  }
}
