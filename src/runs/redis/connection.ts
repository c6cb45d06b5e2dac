/**
 * A connection to Redis 7 or Valkey. The one file that knows the client's package. It reconnects for ever; while it is
 * away, every command fails at once.
 */
import { createClient, ErrorReply, MultiErrorReply } from '@redis/client'
import { LogUnavailable } from '../log.ts'
import { EPOCH } from './keys.ts'

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

/** The server is a node of a cluster, and doesn't have our keys. Its message is for whoever runs the service. */
export class WrongServer extends Error {
  override readonly name = 'WrongServer'

  /** @param answer of the server, such as `MOVED 13907 10.0.0.7:6379` */
  constructor(answer: string) {
    const [, node] = /^MOVED \d+ (\S+)/.exec(answer) ?? []
    const which = node === undefined ? 'at one server that has all of them' : `at ${node}, which has them`
    super(
      `REDIS_URL is a node of a Redis Cluster that doesn't have our keys (${answer}). Point it ${which}, ` +
        'or at a Redis that is no cluster.',
    )
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
  readonly #options: ConnectionOptions
  #isUp = false
  /** Whether the server has our keys, as far as it has said. */
  #isRight = true
  /** Settles when it is known whether the server can be reached. */
  readonly #tried = Promise.withResolvers<void>()

  constructor(options: ConnectionOptions) {
    const { url, onDown } = options
    this.#options = options
    this.#client = createClient({
      ...addressOf(url),
      RESP: 2,
      disableOfflineQueue: true,
      pingInterval: 2_000,
      // The package's own limit on the wait to be sent is a timer of 5 s for each command, sent or not. Nothing waits
      // for that long here: without a connection commands fail at once, and the socket has its timeout.
      commandOptions: { timeout: 0 },
    })
    this.#client.on('ready', () => this.#begin())
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

  /** Whether commands on our keys are of any use. */
  get isUsable(): boolean {
    return this.isUp && this.#isRight
  }

  /**
   * @returns the reply: a text, a number, null or a list of these
   * @throws Refused; LogUnavailable
   */
  async send<Reply>(...command: Command): Promise<Reply> {
    await this.#tried.promise
    return this.#send<Reply>(command)
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
      throw this.#failureOf(error)
    }
  }

  close(): void {
    if (this.#client.isOpen) this.#client.destroy()
  }

  /** Any node of a cluster takes a connection: only a command on a key tells whether it is of use. */
  async #begin(): Promise<void> {
    this.#isRight = true
    await this.#send(['EXISTS', EPOCH]).catch(() => {}) // whatever else is wrong, the commands of others say
    this.#isUp = this.#client.isReady
    this.#tried.resolve()
    if (this.isUsable) this.#options.onUp?.()
  }

  async #send<Reply>(command: Command): Promise<Reply> {
    try {
      const reply = await this.#client.sendCommand<Reply>(command)
      if (command[0] !== 'CLIENT') this.#hasOurKeys() // that one has none
      return reply
    } catch (error) {
      throw this.#failureOf(error)
    }
  }

  /** @returns a server that is full, or has no rights for us, or isn't the one for our keys, is as good as away */
  #failureOf(error: unknown): Error {
    if (!(error instanceof ErrorReply)) return new LogUnavailable(error)
    const { message } = error
    if (/^(MOVED|CROSSSLOT|CLUSTERDOWN)/.test(message)) {
      this.#isRight = false
      const cause = new WrongServer(message)
      this.#options.onDown?.(cause)
      return new LogUnavailable(cause)
    }
    const isAway = /^(OOM|MISCONF|READONLY|LOADING|MASTERDOWN|NOPERM|NOAUTH|ASK|TRYAGAIN)/.test(message)
    if (isAway) return new LogUnavailable(error)
    this.#hasOurKeys()
    return new Refused(message)
  }

  #hasOurKeys(): void {
    if (this.#isRight) return
    this.#isRight = true
    this.#options.onUp?.()
  }
}

const replyOf = (reply: unknown) => (reply instanceof ErrorReply ? new Refused(reply.message) : reply)

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
