/** The log: JSON lines, or something easier to read on a terminal. */
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

/**
 * @param secrets texts that no line may contain, such as keys: they are cut out of whatever is logged
 */
export function createLogger({ level, secrets }: { level: string; secrets: readonly string[] }): Logger {
  const streamWrite = (line: string) =>
    secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line)
  // Not synchronous, so that a log that nobody reads doesn't hold up the streams.
  const destination = process.stdout.isTTY
    ? pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', singleLine: true })
    : pino.destination({ dest: 1, sync: false })
  return pino({ level, hooks: { streamWrite } }, destination)
}
