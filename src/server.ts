/**
 * The process: only its signals, and then the rest, whose imports take half a second. Without this, the first process
 * of a container would lose a SIGTERM in that time, since the kernel delivers it no signal without a handler.
 */
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'

const stopping = new AbortController()

function onSignal(signal: NodeJS.Signals): void {
  if (stopping.signal.aborted) process.exit(1) // asked twice: at once
  stopping.abort(signal)
}

if (hasMissedSignal()) process.exit(0)
process.on('SIGTERM', onSignal)
process.on('SIGINT', onSignal)

const { serve } = await import('./service.ts')
await serve(stopping.signal)

/**
 * Whether a signal came before this code, which runs some 50 ms after the start. A few milliseconds after the start,
 * Node installs a handler of its own for both signals: the first signal removes it and is raised again to end the
 * process. The first process of a container survives that, but the handler is gone. So one handler is missing and the
 * other isn't; if both are missing, a sandbox may just not show them.
 */
function hasMissedSignal(): boolean {
  const status = '/proc/self/status'
  if (process.pid !== 1 || !existsSync(status)) return false
  const [, caught = '0'] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(status, 'utf8')) ?? []
  const isHandled = (number: number) => (BigInt(`0x${caught}`) & (1n << BigInt(number - 1))) !== 0n
  return isHandled(constants.signals.SIGTERM) !== isHandled(constants.signals.SIGINT)
}
