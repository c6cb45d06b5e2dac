/**
 * `GET /v1/ws`: a question in, the frames of its run out, each of them a message. A connection takes one question, and is
 * closed after its last frame. What can be refused only once the connection is a socket is told by an error frame that has a
 * `status`, and the socket is closed.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import websocket, { type WebsocketHandler } from '@fastify/websocket'
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import { RunError } from '../../core/errors.ts'
import type { ErrorFrame } from '../../core/frame.ts'
import { NotAdmitted } from '../../runs/runs.ts'
import { sendToSocket } from '../../wire/socket-frames.ts'
import { hasStalled, isHandedOver } from '../connections.ts'
import { loggedProblem } from '../error-answers.ts'
import { parsed } from '../json-body.ts'
import { foreignOrigins } from '../origins.ts'
import { Problem, type ProblemBody } from '../problem.ts'
import { beginRun } from '../run-reply.ts'
import { checkHandshake, chosenProtocol, SOCKET_PATH, upgradeRequired } from '../upgrades.ts'
import { programNamed, questionReader } from './asking.ts'
import { questionKeys } from './question.ts'
import type { StreamDeps } from './stream.ts'

export type SocketDeps = StreamDeps & {
  /** The largest message that is taken. */
  readonly maxBytes: number
  /** Milliseconds that a client may take to send its question. */
  readonly questionTimeoutMs: number
  /** Aborts when the process is to end. */
  readonly stopping?: AbortSignal | undefined
}

/** RFC 6455 §7.4.1. */
const CLOSE = { normal: 1000, policy: 1008, internal: 1011, tryAgainLater: 1013 } as const

/** Milliseconds that clients have to answer a close when the service ends. */
const FAREWELL_MS = 1_000

/** What tells a refusal from the error of a run: the status that a request would have been answered with. */
export type RefusalFrame = ErrorFrame & Pick<ProblemBody, 'status' | 'errors'>

type WebSocket = Parameters<WebsocketHandler>[0]

type Reader = ReturnType<typeof questionReader>
/** What reads the questions of each program, by its name. */
type Readers = ReadonlyMap<string, Reader>

/** Sends a socket away that has asked nothing so far. */
type SendAway = () => void

export async function websocketRoutes(app: FastifyInstance, deps: SocketDeps): Promise<void> {
  const { programs, lm, config } = deps
  const readers: Readers = new Map(
    programs.all.map(({ name, program }) => [name, questionReader(program, lm, config, questionKeys.ofRuns)]),
  )
  const idle = new Set<SendAway>()
  deps.stopping?.addEventListener('abort', () => {
    for (const sendAway of idle) sendAway()
  })

  // In a scope of its own: the plugin wraps the handler of every route of its scope.
  await app.register(async (scope) => {
    await scope.register(websocket, {
      options: {
        maxPayload: deps.maxBytes,
        perMessageDeflate: false, // it costs memory for each connection, and holds small messages back
        handleProtocols: chosenProtocol,
      },
      errorHandler: (error, socket, request) => {
        if (socket.readyState !== socket.OPEN) return // the package has closed it, with a code that says why
        request.log.error({ err: error }, 'request failed')
        socket.terminate()
      },
      preClose: (done) => {
        letGo(scope.websocketServer.clients).then(() => done())
      },
    })
    scope.route({
      method: 'GET',
      url: SOCKET_PATH,
      exposeHeadRoute: false,
      config: { keyInProtocol: true },
      onRequest: foreignOrigins(deps.config),
      preHandler: async ({ raw }) => {
        if (isHandedOver(raw)) checkHandshake(raw)
      },
      handler: () => {
        throw upgradeRequired()
      },
      wsHandler: (socket, request) => answer(socket, request, readers, idle, deps),
    })
  })
}

/**
 * Ends all sockets. Node closes requests, not these, and one that doesn't answer would hold up the end. Those that have been
 * closed already are waited for, since what was sent last may be lost with a connection that is cut.
 */
async function letGo(clients: ReadonlySet<WebSocket>): Promise<void> {
  const closing = [...clients].filter(({ readyState, CLOSING }) => readyState === CLOSING)
  for (const client of clients) if (!closing.includes(client)) client.terminate()
  const closed = Promise.all(closing.map((client) => once(client, 'close')))
  await Promise.race([closed, sleep(FAREWELL_MS, undefined, { ref: false })])
  for (const client of clients) client.terminate()
}

function answer(
  socket: WebSocket,
  request: FastifyRequest,
  readers: Readers,
  idle: Set<SendAway>,
  { programs, runs, config, questionTimeoutMs, stopping }: SocketDeps,
): void {
  const connection: Socket = request.raw.socket
  connection.setTimeout(config.STALL_MS) // the package has switched it off
  let isRefused = false
  let cancel: (() => void) | undefined
  let end: ((lost?: RunError) => void) | undefined

  const refuse = (error: unknown) => {
    isRefused = true
    stopWaiting()
    const problem = loggedProblem(error as FastifyError, request)
    socket.send(JSON.stringify(refusalFrame(problem, request.id)))
    socket.close(closeCode(problem), reasonOf(problem.message))
    end?.(new RunError('client_closed'))
  }
  const timer = setTimeout(
    () => refuse(new Problem('request_timeout', 'The question took too long to arrive.')),
    questionTimeoutMs,
  )
  const sendAway = () => refuse(new NotAdmitted('shutting_down'))
  idle.add(sendAway)
  /** For a question. */
  const stopWaiting = () => {
    clearTimeout(timer)
    idle.delete(sendAway)
  }

  const ask = (message: unknown) => {
    const named = programNamed(request, programs)
    const read = readers.get(named.name) as Reader // each has one
    const { inputs, include } = read(message)
    stopWaiting()
    const { run, over } = beginRun(request, named, inputs, { include }, runs)
    end = (lost) => {
      end = undefined
      over(lost)
    }
    cancel = () => run.abort(new RunError('cancelled'))
    const onLost = () => end?.(new RunError(hasStalled(connection) ? 'client_stalled' : 'client_closed'))
    socket.once('close', onLost)
    sendToSocket(socket, connection, run.frames, {
      heartbeatMs: config.HEARTBEAT_MS,
      onSent() {
        end?.()
        socket.close(CLOSE.normal)
      },
      onLost,
    })
  }

  socket.on('message', (data, isBinary) => {
    if (isRefused || socket.readyState !== socket.OPEN) return
    try {
      const message = parsed(textOf(data, isBinary))
      if (!cancel) ask(message)
      else if (isCancel(message)) cancel()
      else
        throw new Problem('bad_request', 'A connection takes one question, and then {"type":"cancel"} alone.')
    } catch (error) {
      refuse(error)
    }
  })
  // Of a message that can't be taken.
  socket.on('error', (error: Error & { code?: string }) => {
    if (isRefused || cancel || !error.code?.startsWith('WS_')) return
    isRefused = true
    loggedProblem(unreadable(error.code), request)
  })
  socket.once('close', stopWaiting)
  if (stopping?.aborted) sendAway()
}

function textOf(data: unknown, isBinary: boolean): string {
  if (isBinary) throw new Problem('bad_body', 'The message is binary. Send its JSON as text.')
  return String(data)
}

const isCancel = (message: unknown): boolean => (message as { type?: unknown } | null)?.type === 'cancel'

const unreadable = (code: string): Problem =>
  code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    ? new Problem('body_too_large', 'The message is too large.')
    : new Problem('bad_request', "The message isn't a valid one of WebSocket.")

function refusalFrame(problem: Problem, requestId: string): RefusalFrame {
  const { status, code, detail, request_id, errors } = problem.toBody(requestId)
  const retryAfter = problem.headers['retry-after']
  return {
    type: 'error',
    code,
    message: detail,
    retryable: status === 503,
    request_id,
    ...(retryAfter !== undefined && { retry_after: Number(retryAfter) }),
    status,
    ...(errors && { errors }),
  }
}

function closeCode({ status }: Problem): number {
  if (status === 503) return CLOSE.tryAgainLater
  return status === 500 ? CLOSE.internal : CLOSE.policy
}

/** What fits into a close frame: 123 bytes. */
function reasonOf(sentence: string): string {
  const { read } = new TextEncoder().encodeInto(sentence, new Uint8Array(123))
  return sentence.slice(0, read)
}
