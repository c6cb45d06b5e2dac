/** The log: JSON lines, or something easier to read on a terminal. */
import { type DestinationStream, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

/**
 * @param secrets texts that no line may contain, such as keys: they are cut out of whatever is logged
 * @param destination standard output, unless a test reads along
 */
export function createLogger(
  { level, secrets }: { level: string; secrets: readonly string[] },
  destination: DestinationStream = standardOutput(),
): Logger {
  const asLogged = secrets.map((secret) => JSON.stringify(secret).slice(1, -1)) // quotes in it are escaped
  const streamWrite = (line: string) =>
    asLogged.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line)
  return pino({ level, hooks: { streamWrite } }, destination)
}

function standardOutput(): DestinationStream {
  // Not synchronous, so that a log that nobody reads doesn't hold up the streams.
  return process.stdout.isTTY
    ? pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', singleLine: true })
    : pino.destination({ dest: 1, sync: false })
}
