/**
 * What the process writes to its output. The reader may take nothing for ever: a stopped terminal, a log collector that
 * hangs. That must not hold up the streams or the end of the process.
 *
 * So nothing here blocks a thread. Pipes and sockets don't block as Node opens them; a terminal does unless told not
 * to. A write in the thread pool would block one of its threads, and the process waits for those when it exits.
 */
import type { Writable } from 'node:stream'

/** Characters that may wait for the reader before lines are dropped. */
const MAX_HELD = 1024 * 1024

/** Milliseconds that the reader has at the end to take what waits. */
const LAST_MS = 1_000

export class Lines {
  readonly #output: Writable
  readonly #onDropped: (count: number) => void
  #dropped = 0

  /** @param onDropped called with the number of dropped lines, once there is room to say so */
  constructor(output: Writable, onDropped: (count: number) => void) {
    this.#output = withoutBlocking(output)
    this.#onDropped = onDropped
    output.on('drain', () => this.#report())
    // The reader has gone. Without a listener, this would end the process.
    output.on('error', () => {})
  }

  /** Writes a line. If too many wait, it drops this one and all others until those that wait are taken. */
  write(line: string): void {
    if (this.#dropped > 0 || this.#output.writableLength > MAX_HELD) this.#dropped++
    else this.#output.write(line)
  }

  /** Calls back once everything is taken, or after a second. */
  flush(done: () => void): void {
    taken(this.#output).then(done)
  }

  #report(): void {
    const count = this.#dropped
    this.#dropped = 0
    if (count > 0) this.#onDropped(count)
  }
}

/** Writes a last word, and waits until it is taken, at most a second. */
export async function lastWord(output: Writable, text: string): Promise<void> {
  withoutBlocking(output).write(text)
  await taken(output)
}

async function taken(output: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, LAST_MS)
  output.write('', () => resolve()) // even if it fails
  await promise
  clearTimeout(timer)
}

/** Node has no public way to do this: its terminals block so that programs that exit at once lose nothing. */
function withoutBlocking<Output extends Writable>(output: Output): Output {
  const { isTTY, _handle } = output as { isTTY?: boolean; _handle?: { setBlocking?(blocks: boolean): void } }
  if (isTTY) _handle?.setBlocking?.(false)
  return output
}
