/**
 * The process: nothing but its signals, and then the rest, whose imports take half a second. In that time the first
 * process of a container would lose a SIGTERM, since the kernel gives it no signal that it doesn't handle.
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
 * Whether a signal came before this code, which runs some 50 ms after the start. A few milliseconds after it, Node
 * has a handler of its own for both signals, which dies of the first. The first process of a container can't die of
 * it and goes on, but the handler is gone. Only where the other's is still there, since some sandboxes show none.
 */
function hasMissedSignal(): boolean {
  const status = '/proc/self/status'
  if (process.pid !== 1 || !existsSync(status)) return false
  const [, caught = '0'] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(status, 'utf8')) ?? []
  const isHandled = (number: number) => (BigInt(`0x${caught}`) & (1n << BigInt(number - 1))) !== 0n
  return isHandled(constants.signals.SIGTERM) !== isHandled(constants.signals.SIGINT)
}
