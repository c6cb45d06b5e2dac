/** The lowest lines of a terminal, drawn again where they are, and the lines that scroll away above them for good. */
import type { WriteStream } from 'node:tty'
import stringWidth from 'string-width'

/** Synchronized output: a terminal that knows it shows all of a drawing at once. */
const SYNC_ON = '\u001b[?2026h'
const SYNC_OFF = '\u001b[?2026l'

const CURSOR_OFF = '\u001b[?25l'
const CURSOR_ON = '\u001b[?25h'

/**
 * DECAWM: whether text beyond the last column continues on the next line. Terminals disagree about the width of some
 * emoji, and a line that takes two rows instead of one would spoil the region. Above it nothing is drawn again, and
 * a text that continues is better than one that is lost.
 */
const WRAP_OFF = '\u001b[?7l'
const WRAP_ON = '\u001b[?7h'

export class LiveRegion {
  readonly #terminal: WriteStream
  /** As they stand there. The cursor is at the beginning of the line below. */
  #lines: readonly string[] = []
  readonly #restore = () => this.#terminal.write(WRAP_ON + CURSOR_ON)

  constructor(terminal: WriteStream) {
    this.#terminal = terminal
    process.once('exit', this.#restore)
    terminal.write(WRAP_OFF + CURSOR_OFF)
  }

  /** Lines that there is room for: what is scrolled away can't be drawn again. */
  get height(): number {
    return Math.max(1, this.#terminal.rows - 1)
  }

  /**
   * @param lines the region from now on, each shorter than the terminal is wide; only the last {@link height} are drawn
   * @param above go to the scroll-back, whatever their length
   */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    const next = lines.slice(-this.height)
    const same = above.length > 0 ? 0 : commonLength(this.#lines, next)
    if (same === next.length && same === this.#lines.length) return
    const kept = above.length > 0 ? WRAP_ON + joined(above) + WRAP_OFF : ''
    const erased = eraseLines(this.#lines.length - same)
    this.#terminal.write(SYNC_ON + erased + kept + joined(next.slice(same)) + SYNC_OFF)
    this.#lines = next
  }

  /** Clears the region after a resize: a narrower terminal has wrapped its lines. */
  clear(): void {
    const { columns } = this.#terminal
    const taken = this.#lines.map((line) => Math.max(1, Math.ceil(stringWidth(line) / columns)))
    this.#terminal.write(eraseLines(taken.reduce((sum, rows) => sum + rows, 0)))
    this.#lines = []
  }

  /** Leaves the region as it is, and gives the cursor back. */
  end(): void {
    process.off('exit', this.#restore)
    this.#restore()
  }
}

const joined = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

const eraseLines = (count: number) => (count > 0 ? `\u001b[${count}A\r\u001b[J` : '')

function commonLength(a: readonly string[], b: readonly string[]): number {
  const differs = a.findIndex((line, index) => line !== b[index])
  return differs === -1 ? a.length : differs
}
