/**
 * The processes under test: each pinned to a processor of its own if the machine allows it, and measured from outside.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

/** Which processor each gets. The service has one to itself; if there are two, upstream and client share the other. */
const [FOR_SERVICE, FOR_UPSTREAM, FOR_CLIENT] = availableParallelism() > 2 ? [2, 0, 1] : [1, 0, 0]

/** Whether processes can be pinned here, by util-linux's taskset. */
export const isPinned = availableParallelism() > 1 && hasTaskset()

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export function pinClient(): void {
  if (isPinned) execFileSync('taskset', ['-a', '-p', '-c', String(FOR_CLIENT), String(process.pid)])
}

export type Role = 'service' | 'upstream'

/** Clock ticks a second in /proc: fixed at 100 in Linux's interface to programs. */
const TICKS = 100

/** Processor time that a process has used so far, in microseconds; NaN if the system doesn't tell. */
export function cpuOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
    return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS // utime and stime, proc_pid_stat(5)
  } catch {
    return Number.NaN
  }
}

export class Peer {
  readonly url: string
  readonly #pid: number
  readonly #child: ChildProcess
  #inspector: string | undefined

  private constructor(url: string, pid: number, child: ChildProcess) {
    this.url = url
    this.#pid = pid
    this.#child = child
  }

  /**
   * Starts a process, and waits until it serves.
   *
   * @param role decides which processor it gets; without one, that is up to the system
   * @param announcement what it prints then: an address in the first group, and in the second its process id, unless
   *   that is the id of what was started
   * @throws Error with what it printed, if it ends before that
   */
  static start(
    command: readonly string[],
    {
      role,
      env = {},
      announcement = /listening on (\S+)/,
    }: { role?: Role; env?: Record<string, string>; announcement?: RegExp },
  ): Promise<Peer> {
    const processor = role === 'service' ? FOR_SERVICE : FOR_UPSTREAM
    const [file, ...args] = isPinned && role ? ['taskset', '-c', String(processor), ...command] : command
    const child = spawn(file as string, args, {
      cwd: new URL('..', import.meta.url),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let printed = ''
    return new Promise((resolve, reject) => {
      child.stderr?.on('data', (bytes) => {
        printed += bytes
      })
      const onOutput = (bytes: Buffer) => {
        printed += bytes
        const match = announcement.exec(printed)
        if (!match) return
        child.stdout?.off('data', onOutput).resume() // a log that nobody reads may hold up its process
        resolve(new Peer(match[1] as string, Number(match[2] ?? child.pid), child))
      }
      child.stdout?.on('data', onOutput)
      child.on('error', reject)
      child.on('exit', () => reject(new Error(`'${command.join(' ')}' ended: ${printed}`)))
    })
  }

  /** What it prints once it serves. */
  get output(): Readable {
    return this.#child.stdout as Readable
  }

  /** Processor time used so far, in microseconds; NaN if the system doesn't tell. */
  get cpu(): number {
    return cpuOf(this.#pid)
  }

  /** Resident memory in bytes; NaN if the system doesn't tell. */
  get memory(): number {
    try {
      const status = readFileSync(`/proc/${this.#pid}/status`, 'latin1')
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
    } catch {
      return Number.NaN
    }
  }

  /** Collects its garbage through the inspector, the only way to ask for that from outside. */
  async collectGarbage(): Promise<void> {
    await this.#inspect('HeapProfiler.collectGarbage')
  }

  /** Collects its garbage. Resolves with the bytes that are left on its heap. */
  async heap(): Promise<number> {
    await this.collectGarbage()
    const { usedSize } = await this.#inspect('Runtime.getHeapUsage')
    return usedSize as number
  }

  /** What keeps its event loop alive, by kind. */
  async resources(): Promise<Record<string, number>> {
    const expression =
      'JSON.stringify(Object.fromEntries(Map.groupBy(process.getActiveResourcesInfo(), (one) => one).entries().map(([name, all]) => [name, all.length])))'
    const { result } = await this.#inspect('Runtime.evaluate', { expression })
    return JSON.parse((result as { value: string }).value)
  }

  async #inspect(method: string, params: object = {}): Promise<Record<string, unknown>> {
    if (!this.#inspector) {
      process.kill(this.#pid, 'SIGUSR1')
      while (!this.#inspector) {
        const [bytes] = await once(this.#child.stderr as Readable, 'data')
        this.#inspector = /Debugger listening on (ws:\S+)/.exec(String(bytes))?.[1]
      }
    }
    const socket = new WebSocket(this.#inspector)
    await once(socket, 'open')
    socket.send(JSON.stringify({ id: 1, method, params }))
    const [{ data }] = (await once(socket, 'message')) as [{ data: string }]
    socket.close()
    return JSON.parse(data).result
  }

  /** Settles when it has nothing left to do, or after some seconds. */
  async idle(): Promise<void> {
    for (let nth = 0; nth < 50; nth++) {
      const before = this.cpu
      await sleep(100)
      if (!(this.cpu - before > 10_000)) return
    }
  }

  /**
   * Ends it, if it still runs.
   *
   * @param signal SIGTERM if it has something to write first
   */
  async stop(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    process.kill(this.#pid, signal)
    await gone
  }
}
