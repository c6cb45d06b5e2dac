/** The process: configuration, language model, application, signals. */
import { buildApp } from './app.ts'
import { ConfigError, readConfig, secretsOf } from './config.ts'
import { isLoopback } from './hosts.ts'
import { createLM } from './lm/create.ts'
import { modelName } from './lm/lm.ts'
import { createLogger } from './log.ts'
import { parallelComposer as program } from './programs/parallel-composer.ts'
import { OpenStreams } from './streams.ts'

async function main(): Promise<void> {
  // First of all, since as the first process of a container Node would not hear a signal without a handler.
  const { promise: asked, resolve: stop } = Promise.withResolvers<NodeJS.Signals>()
  let isStopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1) // asked twice: at once
    isStopping = true
    stop(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)

  const config = readConfig(process.env)
  const logger = createLogger({ level: config.LOG_LEVEL, secrets: secretsOf(config) })
  const predictors = program.places.map(({ predictor }) => predictor)
  const lm = createLM(config, predictors, (message) => logger.info(message))
  const streams = new OpenStreams(config.MAX_STREAMS)
  let isLoaded = false
  const app = await buildApp({ lm, program, config, logger, streams, isLoaded: () => isLoaded })

  const stopped = asked.then(async (signal) => {
    logger.info({ signal, open_streams: streams.size }, 'draining')
    await streams.drain(config.DRAIN_MS)
    app.server.closeAllConnections() // those whose readers take nothing, and idle ones
    await app.close()
    await lm.close?.()
    logger.info('stopped')
  })
  try {
    if (!isStopping) {
      // The port opens before the model is loaded: /readyz says which of the two it is, and early questions wait.
      await app.listen({
        host: config.HOST,
        port: config.PORT,
        backlog: Math.max(511, config.MAX_STREAMS),
        // Node's own name for SO_REUSEPORT; Fastify hands it on.
        ...(config.REUSE_PORT && { reusePort: true }),
      })
      if (!config.API_KEYS && !isLoopback(config.HOST)) {
        logger.warn(
          { host: config.HOST },
          'NO KEYS: whoever reaches this port may ask, at your cost. Set API_KEYS, or listen on 127.0.0.1.',
        )
      }
      logger.info({ model: lm.model }, `answers come from ${modelName(lm.model)}`)
      await lm.load?.()
      logger.info('ready')
      isLoaded = true
    }
  } catch (error) {
    if (!isStopping) throw error // what is closed in mid-start may complain
  }
  await stopped
}

/** What to do about an address that can't be listened at. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: '. Set PORT to a free one; processes that are to share it need REUSE_PORT=true each.',
  EACCES: '. Set PORT to one that needs no privileges.',
  ENOTSUP: '. This system has no SO_REUSEPORT: unset REUSE_PORT, and give each process a PORT.',
  EADDRNOTAVAIL: '. Set HOST to an address of this machine.',
  ENOTFOUND: '. Set HOST to an address of this machine.',
}

main().catch((error: NodeJS.ErrnoException) => {
  const isOfAddress = error.syscall === 'listen' || error.syscall === 'getaddrinfo' // files have such codes too
  const remedy = isOfAddress ? REMEDIES[error.code ?? ''] : undefined
  console.error(`${error.message}${remedy ?? ''}`)
  process.exit(error instanceof ConfigError ? 2 : 1)
})
