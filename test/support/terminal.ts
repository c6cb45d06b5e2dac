/** A program in a real pseudo-terminal, and what a person would see there. */
import assert from 'node:assert/strict'
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
  /** Settles with the program's exit code, when the screen shows all that it wrote. */
  readonly exited: Promise<number>
  /** Everything that was written, as it was written. */
  raw = ''
  readonly #pty: ReturnType<typeof spawn>
  readonly #screen: InstanceType<typeof xterm.Terminal>
  readonly #changes = new EventEmitter()
  #exitCode: number | undefined

  /** @param args of Node, or of another command */
  constructor(
    t: TestContext,
    args: readonly string[],
    env: Record<string, string>,
    columns = 80,
    rows = 24,
    command = process.execPath,
  ) {
    this.#screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
    this.#pty = spawn(command, [...args], { cwd: root, cols: columns, rows, env: terminalEnv(env) })
    this.#pty.onData((data) => {
      this.raw += data
      this.#screen.write(data, () => this.#changes.emit('change'))
    })
    this.exited = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode }) => {
        // The screen takes what it is given a little later, and this comes after all of it.
        this.#screen.write('', () => {
          this.#exitCode = exitCode
          resolve(exitCode)
          this.#changes.emit('change')
        })
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

  /** Styles of the cells on a line that hold this text, at its first place: the colour's number, if it has one. */
  styleOf(text: string): { colour: number | undefined; bold: boolean; dim: boolean; italic: boolean } {
    const y = this.lines.findIndex((line) => line.includes(text))
    const line = this.#screen.buffer.active.getLine(y)
    const cell = line?.getCell(this.lines[y]?.indexOf(text) ?? -1)
    if (!cell) throw new Error(`There is no ${text}.`)
    const is = (flag: number) => flag !== 0
    return {
      colour: cell.isFgDefault() ? undefined : cell.getFgColor(),
      bold: is(cell.isBold()),
      dim: is(cell.isDim()),
      italic: is(cell.isItalic()),
    }
  }

  /** Where the cursor stands, from the top of what is in {@link lines}. */
  get cursorLine(): number {
    return this.#screen.buffer.active.baseY + this.#screen.buffer.active.cursorY
  }

  /** Awaits that the screen shows something, and fails if the program ends without it. */
  async until(shows: (lines: readonly string[]) => boolean): Promise<string[]> {
    while (!shows(this.lines)) {
      if (this.#exitCode !== undefined) assert.fail(this.#ending)
      await once(this.#changes, 'change')
    }
    return this.lines
  }

  get #ending(): string {
    return `It ended with ${this.#exitCode}. Its last screen:\n${this.lines.join('\n')}`
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows)
    this.#pty.resize(columns, rows)
  }

  type(keys: string): void {
    this.#pty.write(keys)
  }
}
