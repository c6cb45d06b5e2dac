/** A real Redis server of the test's own, which keeps nothing on disk. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What a test or a `test.before` gives. */
type Scope = { after(work: () => Promise<void>): void }

export class Redis {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tributary-redis-'))
  readonly #options: readonly string[]
  #child: ChildProcess | undefined

  private constructor(options: readonly string[]) {
    this.#options = options
  }

  /**
   * Starts one; it ends with the test.
   *
   * @param options of the command line, such as `--maxmemory 1mb`
   */
  static async start(scope: Scope, ...options: string[]): Promise<Redis> {
    const redis = new Redis(options)
    scope.after(async () => {
      await redis.kill()
      rmSync(redis.#folder, { recursive: true })
    })
    await redis.begin()
    return redis
  }

  get #socket(): string {
    return join(this.#folder, 'redis.sock')
  }

  get url(): string {
    return `unix://${this.#socket}`
  }

  /** Starts the server, after {@link kill} an empty one. */
  async begin(): Promise<void> {
    const child = spawn(
      'redis-server',
      ['--port', '0', '--unixsocket', this.#socket, '--save', '', '--appendonly', 'no', ...this.#options],
      { cwd: this.#folder, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    this.#child = child
    let log = ''
    await new Promise<void>((ready, fail) => {
      child.on('error', fail)
      child.on('exit', () => fail(new Error(`redis-server ended: ${log}`)))
      child.stdout.setEncoding('utf8').on('data', (piece) => {
        log += piece
        if (log.includes('eady to accept connections')) ready()
      })
    })
    // A file's own tests are over only when nothing else keeps its process.
    child.unref()
    ;(child.stdout as Socket).unref()
  }

  /** Ends the server, and everything that it has. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    child.ref() // its end is awaited, even where nothing else keeps the process
    await once(child, 'exit')
  }

  /** From now on, this server is found where another one was, which ends. */
  async takeThePlaceOf(other: Redis): Promise<void> {
    await other.kill()
    rmSync(other.#socket, { force: true })
    symlinkSync(this.#socket, other.#socket)
  }

  /** Lets the server hang: its connections stay open, and nothing is answered. */
  hang(): void {
    this.#child?.kill('SIGSTOP')
  }

  wake(): void {
    this.#child?.kill('SIGCONT')
  }

  /** @returns what `redis-cli` prints */
  async command(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('redis-cli', ['-s', this.#socket, ...args])
    return stdout.trim()
  }
}
