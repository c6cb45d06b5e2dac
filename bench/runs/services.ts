/** The processes of one measurement: a model, a Redis, and instances of the service. */
import { fileURLToPath } from 'node:url'
import { Redis } from '../../test/support/redis.ts'
import { ENVIRONMENT } from '../peers.ts'
import { cpuOf, Peer } from '../processes.ts'

const OWN_ENVIRONMENT = {
  ...ENVIRONMENT,
  MAX_STREAMS: '20000',
  NODE_OPTIONS: '--inspect-port=0', // any port, if it is asked to open one
  NODE_COMPILE_CACHE: 'dist/compiled',
}

const ONE_CALL = { PROGRAM: fileURLToPath(new URL('answer.ts', import.meta.url)) }

/** Where resumable runs are kept: in the memory of the instance, or in this Redis too. */
export type Store = Server | undefined

/** Everything that one cell starts, and what ends it. */
export class Services {
  readonly #peers: Peer[] = []
  readonly #ends: (() => Promise<void>)[] = []
  #upstream: Peer | undefined

  /** @param program left out, it is one of a single call; null for the default of the service */
  async start(
    store: Store,
    { env = {}, program = ONE_CALL }: { env?: Record<string, string>; program?: typeof ONE_CALL | null } = {},
  ): Promise<Peer> {
    this.#upstream ??= await this.#add(Peer.start([process.execPath, 'bench/upstream.ts'], {}))
    return this.#add(
      Peer.start([process.execPath, 'src/tributary.ts', 'serve'], {
        env: {
          ...OWN_ENVIRONMENT,
          OPENAI_BASE_URL: `${this.#upstream.url}/v1`,
          ...(store && { REDIS_URL: store.url }),
          ...program,
          ...env,
        },
        announcement: /(?=.*"msg":"Server listening at (http:[^"]+)").*"pid":(\d+)/,
      }),
    )
  }

  /** @param options of its command line */
  async redis(...options: string[]): Promise<Server> {
    const redis = await Redis.start({ after: (end) => this.#ends.push(end) }, ...options)
    return Server.of(redis)
  }

  async stop(): Promise<void> {
    for (const peer of this.#peers) await peer.stop()
    for (const end of this.#ends) await end()
  }

  async #add(starting: Promise<Peer>): Promise<Peer> {
    const peer = await starting
    this.#peers.push(peer)
    return peer
  }
}

/** How often Redis was asked something, and the microseconds that it took each time. */
export type CommandStats = { readonly calls: number; readonly micros: number }

/** A Redis that is measured. */
export class Server {
  readonly #redis: Redis
  readonly #pid: number

  private constructor(redis: Redis, pid: number) {
    this.#redis = redis
    this.#pid = pid
  }

  static async of(redis: Redis): Promise<Server> {
    const info = await redis.command('INFO', 'server')
    return new Server(redis, Number(/process_id:(\d+)/.exec(info)?.[1]))
  }

  get url(): string {
    return this.#redis.url
  }

  /** Processor time so far, in microseconds. */
  get cpu(): number {
    return cpuOf(this.#pid)
  }

  command(...words: string[]): Promise<string> {
    return this.#redis.command(...words)
  }

  /** Since the last `CONFIG RESETSTAT`. */
  async stats(command: string): Promise<CommandStats> {
    const info = await this.#redis.command('INFO', 'commandstats')
    const [, calls, micros] =
      new RegExp(`cmdstat_${command}:calls=(\\d+),usec=\\d+,usec_per_call=([\\d.]+)`).exec(info) ?? []
    return { calls: Number(calls ?? 0), micros: Number(micros ?? 0) }
  }
}
