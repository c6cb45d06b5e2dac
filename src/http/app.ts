/** The HTTP application: plugins, refusals and routes, in the order in which a request meets them. */
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import cors from '@fastify/cors'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Parts } from '../compose.ts'
import type { Config } from '../config.ts'
import { refuseBadRequests } from './bad-requests.ts'
import { limitConnections } from './connections.ts'
import { answerError, answerErrors } from './error-answers.ts'
import { refuseOtherHosts } from './hosts.ts'
import { acceptJsonOnly } from './json-body.ts'
import { wantKeys } from './keys.ts'
import { openapi } from './openapi.ts'
import { originsOf, refuseOtherOptions } from './origins.ts'
import { agUiRoutes } from './routes/ag-ui.ts'
import { chatRoutes } from './routes/chat.ts'
import { clientRoutes } from './routes/client.ts'
import { docsRoutes } from './routes/docs.ts'
import { healthRoutes } from './routes/health.ts'
import { mcpRoute } from './routes/mcp.ts'
import { openaiRoutes } from './routes/openai.ts'
import { playgroundRoutes } from './routes/playground.ts'
import { programRoutes } from './routes/program.ts'
import { runsRoutes } from './routes/runs.ts'
import { streamRoutes } from './routes/stream.ts'
import { websocketRoutes } from './routes/websocket.ts'
import { badAddress, refuseAmbiguousRequests } from './strict-http.ts'
import { isUpgrade } from './upgrades.ts'

/** The largest body, in bytes. */
const BODY_LIMIT = 128 * 1024

export type AppDeps = Parts & {
  readonly config: Config
  readonly logger: FastifyBaseLogger
  /** Whether the model can answer. */
  readonly isLoaded: () => boolean
  /** Milliseconds that a client may take to send a whole request. */
  readonly requestTimeoutMs?: number | undefined
  /** Aborts when the process is to end. */
  readonly stopping?: AbortSignal | undefined
}

export async function buildApp({
  lm,
  programs,
  config,
  logger,
  runs,
  resumable,
  isLoaded,
  requestTimeoutMs = 30_000,
  stopping,
}: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }), // each run has a line of its own
    genReqId: ({ headers }) => requestId(headers),
    requestIdHeader: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: config.STALL_MS,
    http: {
      headersTimeout: requestTimeoutMs, // if this were longer, Node would also use it as the request timeout
      connectionsCheckingInterval: 1_000, // how often Node checks for requests over that time
      requireHostHeader: false, // Node's own refusal has no body
      shouldUpgradeCallback: isUpgrade, // anything else that offers another protocol, such as HTTP/2, is a request
    },
    clientErrorHandler: refuseBadRequests(logger),
    // For addresses that can't be decoded, which meet neither hooks nor the error handler.
    frameworkErrors: (_error, request, reply) =>
      answerError(badAddress(request.raw), request, reply.header('x-request-id', request.id)),
  })

  limitConnections(app, config.MAX_CONNECTIONS)
  answerErrors(app) // before any route, including those of CORS: a route keeps the error handler of its creation

  // First, so that refusals of the next hooks have it too.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  refuseAmbiguousRequests(app)
  refuseOtherHosts(app, config)
  refuseOtherOptions(app)
  await app.register(cors, {
    origin: originsOf(config),
    methods: ['GET', 'POST', 'DELETE'],
    exposedHeaders: [
      'x-request-id',
      'x-run-id',
      'location',
      'retry-after',
      'x-should-retry',
      'mcp-session-id',
    ],
    maxAge: 7200, // seconds; browsers cache a preflight's answer no longer
  })
  if (config.API_KEYS) wantKeys(app, config.API_KEYS)
  acceptJsonOnly(app)

  healthRoutes(app, { lm, runs, resumable, isLoaded })
  const deps = { lm, programs, runs, resumable, config }
  streamRoutes(app, deps)
  await websocketRoutes(app, { ...deps, stopping, maxBytes: BODY_LIMIT, questionTimeoutMs: requestTimeoutMs })
  mcpRoute(app, deps)
  runsRoutes(app, deps)
  chatRoutes(app, deps)
  agUiRoutes(app, deps)
  programRoutes(app, { programs, config })
  openaiRoutes(app, deps)
  await clientRoutes(app)
  await playgroundRoutes(app)
  await docsRoutes(app, openapi(config, programs))
  return app
}

/** The client's own request id if it is harmless in a log and a header; otherwise one of ours. */
function requestId({ 'x-request-id': sent }: IncomingHttpHeaders): string {
  return typeof sent === 'string' && /^[\w.:-]{1,128}$/.test(sent) ? sent : randomUUID()
}
