/** The log: JSON lines, or something more readable on a terminal. */
import type { Writable } from 'node:stream'
import { type Logger, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { Lines } from './output.ts'
import { striking } from './secrets.ts'

export type { Logger }

/**
 * @param secrets texts that no line may contain, such as keys: they are removed from whatever is logged
 * @param output standard output, unless a test reads along. If its reader takes nothing, lines are dropped, and the log
 *   says how many once it can
 */
export function createLogger(
  { level, secrets }: { level: string; secrets: readonly string[] },
  output: Writable & { isTTY?: boolean } = process.stdout,
): Logger {
  const withoutSecrets = striking(secrets.map((secret) => JSON.stringify(secret).slice(1, -1))) // quotes in it are escaped
  const pretty = prettyFactory({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', singleLine: true })
  const streamWrite = output.isTTY ? (line: string) => pretty(withoutSecrets(line)) : withoutSecrets
  const lines = new Lines(output, (count) => logger.warn({ lines: count }, `${count} lines were dropped`))
  const logger: Logger = pino({ level, hooks: { streamWrite } }, lines)
  return logger
}
