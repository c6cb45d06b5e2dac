/** The service from its configuration to its end: language model, application, drain. */
import { once } from 'node:events'
import { compose } from './compose.ts'
import { ConfigError, readConfig, secretsOf } from './config.ts'
import { modelName } from './core/lm.ts'
import { buildApp } from './http/app.ts'
import { isLoopback } from './http/hosts.ts'
import { createLogger, type Logger } from './log.ts'
import { lastWord } from './output.ts'
import { surviveStrayErrors } from './programs/stray-errors.ts'

/**
 * Serves until it is told to stop, and then ends the process: with 0; with 2 if the configuration is wrong; or with 1.
 * If it isn't 0, a line on standard error says what to change.
 *
 * @param stopping aborts, with the signal's name as its reason, when the process is to end
 */
export async function serve(stopping: AbortSignal): Promise<never> {
  try {
    await run(stopping)
  } catch (error) {
    await lastWord(process.stderr, `${messageOf(error as NodeJS.ErrnoException)}\n`)
    process.exit(error instanceof ConfigError ? 2 : 1)
  }
  // Otherwise the process would wait for a log that nobody reads.
  process.exit(0)
}

async function run(stopping: AbortSignal): Promise<void> {
  const config = readConfig(process.env)
  const logger = createLogger({ level: config.LOG_LEVEL, secrets: secretsOf(config) })
  surviveStrayErrors(
    ({ error, place }) => logger.error({ err: error, place }, 'a program threw outside of its runs'),
    (error) => endOf(error, logger),
  )
  const log = (message: string) => logger.info(message)
  const parts = await compose(config, { log, signal: stopping }).catch((error) => {
    if (!stopping.aborted) throw error
  })
  if (!parts) return
  const { lm, programs, runs, resumable } = parts
  let isLoaded = false
  const app = await buildApp({ ...parts, config, logger, isLoaded: () => isLoaded, stopping })

  const stopped = aborted(stopping).then(async () => {
    logger.info({ signal: stopping.reason, open_streams: runs.size }, 'draining')
    await runs.drain(config.DRAIN_MS, () => resumable.release())
    app.server.closeAllConnections() // idle ones, and those whose readers take nothing
    await app.close()
    await resumable.close()
    await lm.close?.()
    logger.info('stopped')
    await new Promise<void>((resolve) => logger.flush(() => resolve()))
  })
  try {
    if (!stopping.aborted) {
      // The port opens before the model is loaded: /readyz says when it is, and early questions wait.
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
          'NO KEYS: anybody who reaches this port may ask, at your cost. Set API_KEYS, or listen on 127.0.0.1.',
        )
      }
      logger.info(
        { programs: programs.all.map(({ name }) => name) },
        `the default program is ${programs.default.name}`,
      )
      logger.info({ model: lm.model }, `answers come from ${modelName(lm.model)}`)
      await lm.load?.()
      logger.info('ready')
      isLoaded = true
    }
  } catch (error) {
    if (!stopping.aborted) throw error // closing things during the start may throw
  }
  await stopped
}

/** Ends the process after a fault of the service itself: a supervisor starts another one. */
function endOf(error: Error, logger: Logger): void {
  logger.fatal({ err: error }, 'a fault of the service itself')
  logger.flush(async () => {
    await lastWord(
      process.stderr,
      `The service ends after a fault of its own; the log has it: ${error.message}\n`,
    )
    process.exit(1)
  })
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

/** What to do if the service can't listen on an address. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: '. Set PORT to a free one; processes that share a port each need REUSE_PORT=true.',
  EACCES: '. Set PORT to one that needs no privileges.',
  ENOTSUP: '. This system has no SO_REUSEPORT: unset REUSE_PORT, and give each process a PORT.',
  EADDRNOTAVAIL: '. Set HOST to an address of this machine.',
  ENOTFOUND: '. Set HOST to an address of this machine.',
}

function messageOf({ message, syscall, code }: NodeJS.ErrnoException): string {
  const isOfAddress = syscall === 'listen' || syscall === 'getaddrinfo' // files have such codes too
  return `${message}${(isOfAddress && REMEDIES[code ?? '']) || ''}`
}
