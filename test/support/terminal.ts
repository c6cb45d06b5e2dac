/** A program in a real pseudo-terminal, and what a person would see there. */
import { EventEmitter, once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The environment without what would make the console plain. */
function terminalEnv(env: Record<string, string>): Record<string, string> {
  const { NO_COLOR: _, CI: __, ...rest } = process.env as Record<string, string>
  return { ...rest, TERM: 'xterm-256color', ...env }
}

export class Terminal {
  /** Settles with the program's exit code. */
  readonly exited: Promise<number>
  /** Everything that was written, as it was written. */
  raw = ''
  readonly #pty: ReturnType<typeof spawn>
  readonly #screen: InstanceType<typeof xterm.Terminal>
  readonly #changes = new EventEmitter()

  constructor(t: TestContext, args: readonly string[], env: Record<string, string>, columns = 80, rows = 24) {
    this.#screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
    this.#pty = spawn(process.execPath, [...args], { cwd: root, cols: columns, rows, env: terminalEnv(env) })
    this.#pty.onData((data) => {
      this.raw += data
      this.#screen.write(data, () => this.#changes.emit('change'))
    })
    this.exited = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode }) => {
        resolve(exitCode)
        this.#changes.emit('change')
      })
    })
    t.after(() => this.#pty.kill('SIGKILL'))
  }

  /** The lines that hold something, scroll-back included. */
  get lines(): string[] {
    const { active } = this.#screen.buffer
    const lines = Array.from(
      { length: active.length },
      (_, y) => active.getLine(y)?.translateToString(true) ?? '',
    )
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
  }

  /** Where the cursor stands, from the top of what is in {@link lines}. */
  get cursorLine(): number {
    return this.#screen.buffer.active.baseY + this.#screen.buffer.active.cursorY
  }

  /** Awaits that the screen shows something. */
  async until(shows: (lines: readonly string[]) => boolean): Promise<string[]> {
    while (!shows(this.lines)) await once(this.#changes, 'change')
    return this.lines
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows)
    this.#pty.resize(columns, rows)
  }

  type(keys: string): void {
    this.#pty.write(keys)
  }
}
