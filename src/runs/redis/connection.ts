/**
 * A connection to Redis 7 or Valkey. The one file that knows the client's package. It reconnects for ever; while it is
 * away, every command fails at once.
 */
import { createClient, ErrorReply, MultiErrorReply } from '@redis/client'
import { LogUnavailable } from '../log.ts'

/** Longer than any command blocks. Without it, a command to a server that hangs waits for ever. */
const SOCKET_TIMEOUT_MS = 6_000

/** Milliseconds between attempts to connect, at most. */
export const LONGEST_WAIT_MS = 1_000

/** A command and its arguments. */
export type Command = readonly string[]

/** An answer of Redis that is an error, such as `NOGROUP …`. */
export class Refused extends Error {
  override readonly name = 'Refused'

  is(prefix: string): boolean {
    return this.message.startsWith(prefix)
  }
}

export type ConnectionOptions = {
  readonly url: string
  /** Called whenever it can be used from now on. */
  readonly onUp?: () => void
  /** Called when it can't, with the reason. */
  readonly onDown?: (cause: Error) => void
}

export class Connection {
  readonly #client
  #isUp = false
  /** Settles when it is known whether the server can be reached. */
  readonly #tried = Promise.withResolvers<void>()

  constructor({ url, onUp, onDown }: ConnectionOptions) {
    this.#client = createClient({
      ...addressOf(url),
      RESP: 2,
      disableOfflineQueue: true,
      pingInterval: 2_000,
      // The package's own limit on the wait to be sent is a timer of 5 s for each command, sent or not. Nothing waits
      // for that long here: without a connection commands fail at once, and the socket has its timeout.
      commandOptions: { timeout: 0 },
    })
    this.#client.on('ready', () => {
      this.#isUp = true
      this.#tried.resolve()
      onUp?.()
    })
    this.#client.on('error', (cause: Error) => {
      this.#isUp = false
      this.#tried.resolve()
      onDown?.(cause)
    })
    this.#client.connect().catch(() => {}) // only when it is closed first
  }

  get isUp(): boolean {
    return this.#isUp && this.#client.isReady
  }

  /**
   * @returns the reply: a text, a number, null or a list of these
   * @throws Refused; LogUnavailable
   */
  async send<Reply>(...command: Command): Promise<Reply> {
    await this.#tried.promise
    try {
      return await this.#client.sendCommand<Reply>(command)
    } catch (error) {
      throw failureOf(error)
    }
  }

  /**
   * Sends commands that are executed together or not at all.
   *
   * @returns the reply of each, a {@link Refused} where it failed
   * @throws Refused where none was executed; LogUnavailable
   */
  async transaction(commands: readonly Command[]): Promise<unknown[]> {
    await this.#tried.promise
    const multi = this.#client.multi()
    for (const command of commands) multi.addCommand([...command])
    try {
      return (await multi.exec()) as unknown[]
    } catch (error) {
      if (error instanceof MultiErrorReply) return error.replies.map(replyOf)
      throw failureOf(error)
    }
  }

  close(): void {
    if (this.#client.isOpen) this.#client.destroy()
  }
}

const replyOf = (reply: unknown) => (reply instanceof ErrorReply ? new Refused(reply.message) : reply)

/** @returns a server that is full, or has no rights for us, is as good as away */
function failureOf(error: unknown): Error {
  if (!(error instanceof ErrorReply)) return new LogUnavailable(error)
  const isAway = /^(OOM|MISCONF|READONLY|LOADING|MASTERDOWN|NOPERM|NOAUTH|CLUSTERDOWN)/.test(error.message)
  return isAway ? new LogUnavailable(error) : new Refused(error.message)
}

function addressOf(url: string) {
  const { protocol, pathname, username, password } = new URL(url)
  const socket = {
    socketTimeout: SOCKET_TIMEOUT_MS,
    connectTimeout: 5_000,
    reconnectStrategy: (retries: number) => Math.min(50 * 2 ** retries, LONGEST_WAIT_MS),
  }
  if (protocol !== 'unix:') return { url, socket }
  const credentials = {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  }
  return { ...credentials, socket: { ...socket, path: decodeURIComponent(pathname) } }
}
