/**
 * The load: runs asked for on bare sockets. What arrives is kept with its time and read only afterwards, since the
 * client may share a processor with the upstream.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { questionOf, type Script } from './text.ts'

export type Arrival = { readonly at: number; readonly bytes: Buffer }

/** One run, as it arrived. Times are in microseconds of the shared clock. */
export type Stream = {
  readonly script: Script
  readonly sentAt: number
  readonly arrivals: Arrival[]
  /** Settles when the connection ends, whoever ended it. */
  readonly closed: Promise<void>
  /** Settles with the first arrival for which this holds, or when the connection ends. */
  readonly until: (holds: (bytes: Buffer) => boolean) => Promise<void>
  readonly leave: () => void
}

const alone = (question: string): object => ({ question })

/** What came of one request. */
export type Received = Omit<Stream, 'script'>

/**
 * Asks once, on a new connection that is open before the clock starts.
 *
 * @param url with its path
 * @param bodyOf makes the body of the question
 */
export const ask = async (url: string, script: Script, bodyOf = alone): Promise<Stream> => ({
  script,
  ...(await request('POST', url, JSON.stringify(bodyOf(questionOf(script))))),
})

/** Sends one request, on a connection of its own, and keeps what comes with its time. */
export async function request(method: 'GET' | 'POST', url: string, body = ''): Promise<Received> {
  const { host, hostname, port, pathname, search } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setNoDelay()
  await once(socket, 'connect')
  socket.on('error', () => {}) // 'close' follows
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  const arrivals: Arrival[] = []
  socket.on('data', (bytes) => arrivals.push({ at: now(), bytes: bytes as Buffer }))
  const sentAt = now()
  socket.write(
    `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n${body && `content-type: application/json\r\ncontent-length: ${body.length}\r\n`}\r\n${body}`,
  )
  const until = (holds: (bytes: Buffer) => boolean) =>
    new Promise<void>((resolve) => {
      if (arrivals.some(({ bytes }) => holds(bytes))) resolve()
      socket.on('data', (bytes) => holds(bytes as Buffer) && resolve())
      closed.then(resolve)
    })
  return { sentAt, arrivals, closed, until, leave: () => socket.destroy() }
}

/** Keeps this many runs going until it is stopped: each slot asks again when its run is over. */
export class Load {
  readonly streams: Stream[] = []
  #isStopped = false
  readonly #open = new Set<Stream>()
  readonly #body: ((question: string) => object) | undefined

  /**
   * @param spreadMs milliseconds over which the slots start, so that runs aren't all at the same point
   */
  constructor(
    url: string,
    script: Script,
    {
      slots,
      spreadMs,
      body,
    }: { slots: number; spreadMs: number; body?: ((question: string) => object) | undefined },
  ) {
    this.#body = body
    for (let slot = 0; slot < slots; slot++) this.#fill(url, script, (slot / slots) * spreadMs)
  }

  async #fill(url: string, script: Script, afterMs: number): Promise<void> {
    if (afterMs > 0) await sleep(afterMs)
    while (!this.#isStopped) {
      const stream = await ask(url, script, this.#body)
      this.streams.push(stream)
      this.#open.add(stream)
      if (this.#isStopped) stream.leave()
      await stream.closed
      this.#open.delete(stream)
    }
  }

  /** Stops, and leaves the open runs in the middle. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const open = [...this.#open]
    for (const stream of open) stream.leave()
    await Promise.all(open.map(({ closed }) => closed))
  }
}
