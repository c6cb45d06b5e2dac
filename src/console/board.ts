/**
 * A run on a terminal: a row for each lane, redrawn where it is. It shows the end of each text, cut to the terminal's
 * width in columns, not characters.
 */
import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import cliTruncate from 'cli-truncate'
import { createLogUpdate } from 'log-update'
import stringWidth from 'string-width'
import type { Lane, LanePhase, RunState } from '../client/index.ts'
import { harmlessLine } from './harmless.ts'

/** Milliseconds between drawings: fast enough for a spinner, however fast tokens come. */
const FRAME_MS = 80

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

type Style = Parameters<typeof styleText>[0]

const ENDS: Readonly<Record<'done' | 'failed' | 'stopped', [icon: string, style: Style]>> = {
  done: ['✔', 'green'],
  failed: ['✖', 'red'],
  stopped: ['✖', 'yellow'],
}

/**
 * DECAWM: whether text beyond the last column continues on the next line. Terminals disagree about the width of some
 * emoji, and a row that takes two lines instead of one would spoil the board.
 */
const WRAP_OFF = '\u001b[?7l'
const WRAP_ON = '\u001b[?7h'

export class Board {
  readonly #terminal: WriteStream
  readonly #reasoning: boolean
  readonly #update: ReturnType<typeof createLogUpdate>
  readonly #timer: NodeJS.Timeout
  #state: RunState
  #lines: string[] = []
  #tick = 0
  readonly #onResize = () => this.#redraw()
  readonly #onExit = () => this.#terminal.write(WRAP_ON)

  /** @param reasoning whether each lane has a second row, with its reasoning */
  constructor(terminal: WriteStream, state: RunState, { reasoning }: { reasoning: boolean }) {
    this.#terminal = terminal
    this.#state = state
    this.#reasoning = reasoning
    this.#update = createLogUpdate(terminal)
    this.#timer = setInterval(() => {
      this.#tick++
      this.#draw()
    }, FRAME_MS)
    terminal.on('resize', this.#onResize)
    process.once('exit', this.#onExit)
    terminal.write(WRAP_OFF)
    this.#draw()
  }

  /** Sets the state that the next drawing shows. */
  show(state: RunState): void {
    this.#state = state
  }

  /** Draws the run's last state, leaves it there, and gives the cursor back. */
  end(): void {
    clearInterval(this.#timer)
    this.#terminal.off('resize', this.#onResize)
    this.#draw()
    this.#update.done()
    this.#terminal.write(WRAP_ON)
    process.off('exit', this.#onExit)
  }

  #draw(): void {
    this.#lines = this.#rows()
    this.#update(this.#lines.join('\n'))
  }

  /** A narrower terminal has wrapped the rows, so all lines that they take up now are cleared first. */
  #redraw(): void {
    const { columns } = this.#terminal
    const taken = this.#lines.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)),
      0,
    )
    this.#terminal.write(`\u001b[${taken}A\r\u001b[J`)
    this.#update.done()
    this.#draw()
  }

  #rows(): string[] {
    const labels = this.#state.lanes.map(labelOf)
    const width = Math.max(...labels.map((label) => stringWidth(label)))
    return this.#state.lanes.flatMap((lane, index) => {
      const label = (labels[index] as string).padEnd(width)
      const rows = [
        this.#row(this.#icon(lane.phase), label, timeOf(lane), textOf(lane), lane.phase === 'failed'),
      ]
      const thoughts = lane.fields.reasoning?.text
      if (this.#reasoning && thoughts)
        rows.push(this.#row(' ', ' '.repeat(width), 'why', thoughts, false, 'dim'))
      return rows
    })
  }

  #row(
    icon: string,
    label: string,
    time: string,
    text: string,
    fails: boolean,
    style: Style = 'reset',
  ): string {
    const columns = this.#terminal.columns || 80
    const head = `${icon} ${label} ${time.padStart(7)}  `
    const room = columns - 1 - stringWidth(head) // one column free, or terminals wrap
    const painted = this.#paint(fails ? 'red' : style, cut(text, room))
    return room < 1
      ? cliTruncate(head, Math.max(1, columns - 1))
      : `${icon} ${label} ${this.#paint('dim', time.padStart(7))}  ${painted}`
  }

  #icon(phase: LanePhase): string {
    if (phase === 'pending') return this.#paint('dim', '·')
    if (phase === 'waiting' || phase === 'streaming') {
      return this.#paint('cyan', SPINNER[this.#tick % SPINNER.length] as string)
    }
    const [icon, style] = ENDS[phase]
    return this.#paint(style, icon)
  }

  #paint(style: Style, text: string): string {
    return style === 'reset' ? text : styleText(style, text, { stream: this.#terminal })
  }
}

/** At the end, which is what stays in view. */
const WENT_ON = '(the run goes on without it)'

function labelOf({ predictor, call, attempt }: Lane): string {
  const name = call === 1 ? predictor : `${predictor} ${call}`
  return attempt === 1 ? `[${name}]` : `[${name}, attempt ${attempt}]`
}

/** Time since the lane could begin: waiting for its model counts, waiting for other lanes doesn't. */
function timeOf({ startedAt, endedAt }: Lane): string {
  return startedAt === undefined
    ? ''
    : `${(((endedAt ?? performance.now()) - startedAt) / 1000).toFixed(1)} s`
}

/** What the lane shows: its error, else its newest text, else what it is waiting for. */
function textOf({ phase, message, failedAlone, fields, waitsFor }: Lane): string {
  if (phase === 'failed') return failedAlone ? `${message ?? ''} ${WENT_ON}`.trim() : (message ?? '')
  const texts = Object.entries(fields).flatMap(([name, { text }]) => (name === 'reasoning' ? [] : [text]))
  const newest = texts.findLast((text) => text !== '')
  if (newest !== undefined) return newest
  return phase === 'pending'
    ? `waits for ${waitsFor.join(' and ')}`
    : phase === 'stopped'
      ? ''
      : (message ?? '')
}

/** The end of a text, in this many columns. */
function cut(text: string, columns: number): string {
  if (columns < 1) return ''
  // Only what may be visible is measured. If this splits a character, the part is cut off below anyway.
  const tail = text.length > columns * 8 ? text.slice(-columns * 8) : text
  return cliTruncate(harmlessLine(tail).trim(), columns, { position: 'start' })
}
