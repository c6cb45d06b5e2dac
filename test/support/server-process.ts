/** The service as its users start it: a process of its own, known by its environment, signals and output. */
import '../../scripts/build.ts' // the service serves what this makes
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import type { LogLine } from './service.ts'

export const SERVER = new URL('../../src/server.ts', import.meta.url).pathname

type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export class ServerProcess {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  /** Settles when the process is over and its output read. */
  readonly exit: Promise<Exit>

  private constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (piece) => {
      this.stdout += piece
    })
    child.stderr?.setEncoding('utf8').on('data', (piece) => {
      this.stderr += piece
    })
    this.exit = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  }

  /**
   * Starts one on a free port; it is killed when the test ends.
   *
   * @param env all of its environment
   * @param under a command that runs the one given to it, and its arguments
   */
  static spawn(t: TestContext, env: Record<string, string>, under: readonly string[] = []): ServerProcess {
    const [command = process.execPath, ...args] = [...under, process.execPath, SERVER]
    const child = spawn(command, args, { env: { PATH: '/usr/bin:/bin', PORT: '0', ...env } })
    const server = new ServerProcess(child)
    t.after(async () => {
      child.kill('SIGKILL')
      await server.exit
    })
    return server
  }

  /** Starts one, and waits until it serves. */
  static async start(t: TestContext, env: Record<string, string>): Promise<ServerProcess> {
    // Compiled code that is kept makes the start quicker, and here nothing is about the start.
    const { NODE_COMPILE_CACHE = '' } = process.env
    const server = ServerProcess.spawn(t, { NODE_COMPILE_CACHE, ...env })
    await server.logs('Server listening at')
    return server
  }

  /** Waits until these words are on standard output. */
  async logs(words: string): Promise<void> {
    while (!this.stdout.includes(words)) {
      assert.equal(this.child.exitCode, null, `it ended: ${this.stderr}`)
      await Promise.race([once(this.child.stdout as NodeJS.ReadableStream, 'data'), this.exit])
    }
  }

  get url(): string {
    return /Server listening at (http:\/\/[\d.]+:\d+)/.exec(this.stdout)?.[1] as string
  }

  get lines(): LogLine[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  }

  post(question: string): Promise<Response> {
    return fetch(`${this.url}/v1/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question }),
    })
  }

  /** It ends by itself, well, and has had nothing to complain about. */
  async assertEndsWell(): Promise<void> {
    assert.deepEqual(await this.exit, { code: 0, signal: null }, this.stderr)
    assert.equal(this.stderr, '')
    assert.ok(this.lines.every(({ level }) => level <= 40))
  }
}
