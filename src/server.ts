/** The process: configuration, language model, application, signals. */
import { buildApp } from './app.ts'
import { ConfigError, readConfig } from './config.ts'
import { createLM } from './lm/create.ts'
import { modelName } from './lm/lm.ts'
import { createLogger } from './log.ts'
import { parallelComposer as program } from './programs/parallel-composer.ts'
import { OpenStreams } from './streams.ts'

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const logger = createLogger({
    level: config.LOG_LEVEL,
    secrets: config.OPENAI_API_KEY ? [config.OPENAI_API_KEY] : [],
  })
  const predictors = program.places.map(({ predictor }) => predictor)
  const lm = createLM(config, predictors, (message) => logger.info(message))
  const streams = new OpenStreams(config.MAX_STREAMS)
  let isLoaded = false
  const app = await buildApp({ lm, program, config, logger, streams, isLoaded: () => isLoaded })

  let isStopping = false
  const stop = async (signal: string) => {
    if (isStopping) process.exit(1) // asked twice: at once
    isStopping = true
    logger.info({ signal, open_streams: streams.size }, 'draining')
    await streams.drain(config.DRAIN_MS)
    app.server.closeAllConnections() // those whose readers take nothing, and idle ones
    await app.close()
    await lm.close?.()
    logger.info('stopped')
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  // The port opens before the model is loaded: /readyz says which of the two it is, and early questions wait.
  await app.listen({ host: config.HOST, port: config.PORT })
  logger.info({ model: lm.model }, `answers come from ${modelName(lm.model)}`)
  try {
    await lm.load?.()
    isLoaded = true
  } catch (error) {
    if (!isStopping) throw error
  }
}

/** What to do about an address that can't be listened at. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: '. Set PORT to a free one.',
  EACCES: '. Set PORT to one that needs no privileges.',
  EADDRNOTAVAIL: '. Set HOST to an address of this machine.',
  ENOTFOUND: '. Set HOST to an address of this machine.',
}

main().catch((error: Error & { code?: string }) => {
  console.error(`${error.message}${REMEDIES[error.code ?? ''] ?? ''}`)
  process.exit(error instanceof ConfigError ? 2 : 1)
})
