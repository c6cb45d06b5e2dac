/**
 * The load: runs asked for on bare sockets. What arrives is kept with its time and read only afterwards, since the
 * client may share a processor with the upstream.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
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

/** Asks once, on a new connection. */
export type Ask = (url: string, script: Script) => Promise<Stream>

/** What came of one request. */
export type Received = Omit<Stream, 'script'>

/**
 * Posts questions, each on a new connection that is open before the clock starts.
 *
 * @param bodyOf makes the body of a question
 * @param headers lines of the request's head
 */
export const posting =
  (bodyOf: (question: string) => object, headers = ''): Ask =>
  async (url, script) => ({
    script,
    ...(await request('POST', url, JSON.stringify(bodyOf(questionOf(script))), headers)),
  })

/** Asks in the native dialect. */
export const ask = posting((question) => ({ question }))

/** Sends one request, on a connection of its own, and keeps what comes with its time. */
export async function request(
  method: 'GET' | 'POST',
  url: string,
  body = '',
  headers = '',
): Promise<Received> {
  const { socket, ...received } = await open(url)
  const sentAt = now()
  const content = body && `content-type: application/json\r\ncontent-length: ${body.length}\r\n`
  socket.write(headOf(method, url, `connection: close\r\n${content}${headers}`) + body)
  return { sentAt, ...received }
}

/** The head of a request, with these lines. */
export function headOf(method: 'GET' | 'POST', url: string, lines: string): string {
  const { host, pathname, search } = new URL(url)
  return `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n${lines}\r\n`
}

/** A new connection, which keeps what comes with its time. */
export async function open(url: string): Promise<{ readonly socket: Socket } & Omit<Received, 'sentAt'>> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setNoDelay()
  await once(socket, 'connect')
  socket.on('error', () => {}) // 'close' follows
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  const arrivals: Arrival[] = []
  socket.on('data', (bytes) => arrivals.push({ at: now(), bytes: bytes as Buffer }))
  const until = (holds: (bytes: Buffer) => boolean) =>
    new Promise<void>((resolve) => {
      if (arrivals.some(({ bytes }) => holds(bytes))) resolve()
      socket.on('data', (bytes) => holds(bytes as Buffer) && resolve())
      closed.then(resolve)
    })
  return { socket, arrivals, closed, until, leave: () => socket.destroy() }
}

/** Keeps this many runs going until it is stopped: each slot asks again when its run is over. */
export class Load {
  readonly streams: Stream[] = []
  #isStopped = false
  readonly #open = new Set<Stream>()
  readonly #ask: Ask

  /**
   * @param spreadMs milliseconds over which the slots start, so that runs aren't all at the same point
   */
  constructor(
    url: string,
    script: Script,
    { slots, spreadMs, ask: askOnce = ask }: { slots: number; spreadMs: number; ask?: Ask | undefined },
  ) {
    this.#ask = askOnce
    for (let slot = 0; slot < slots; slot++) this.#fill(url, script, (slot / slots) * spreadMs)
  }

  async #fill(url: string, script: Script, afterMs: number): Promise<void> {
    if (afterMs > 0) await sleep(afterMs)
    while (!this.#isStopped) {
      const stream = await this.#ask(url, script)
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
