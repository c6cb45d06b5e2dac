/**
 * A run on a terminal: a row for each lane, redrawn where it is. As soon as the answer is written, it stands below as a
 * text. The lanes that are done are then one line, and once nothing else is running, they and the answer's first lines
 * scroll away.
 */
import type { WriteStream } from 'node:tty'
import type { Lane, ProgramDescription, RunState } from '../client/index.ts'
import { AnswerText } from './answer-text.ts'
import { harmlessLine } from './harmless.ts'
import { LiveRegion } from './live-region.ts'
import { notesOf } from './notes.ts'
import { type Paint, paintFor } from './paint.ts'
import { doneLine, fittingRows, headOf, type Look, rowsOf, workLine } from './rows.ts'

/** Milliseconds between drawings: fast enough for a spinner, however fast tokens come. */
const FRAME_MS = 80

export type BoardOptions = {
  /** Whether each lane has a second row, with its reasoning. */
  readonly reasoning: boolean
  /** The field that is shown as a text. Without one, lanes have their rows to the end. */
  readonly answer: ProgramDescription['answer']
  /** The clock of the run's times, in milliseconds. */
  readonly now: () => number
}

export class Board {
  readonly #terminal: WriteStream
  readonly #options: BoardOptions
  readonly #region: LiveRegion
  readonly #paint: Paint
  readonly #timer: NodeJS.Timeout
  readonly #answer: AnswerText
  readonly #createdAt: number
  /** Lines that the next drawing leaves above the region. */
  #above: string[] = []
  /** The lanes that stand above the region, each attempt for itself. Undefined while they are all in it. */
  #left: Set<string> | undefined
  #state: RunState | undefined
  #tick = 0
  readonly #onResize = () => {
    this.#region.clear()
    this.#draw()
  }

  /** Says that the model is loaded, until there is a run to show. */
  constructor(terminal: WriteStream, options: BoardOptions) {
    this.#terminal = terminal
    this.#options = options
    this.#createdAt = options.now()
    this.#region = new LiveRegion(terminal)
    this.#paint = paintFor(terminal)
    this.#answer = new AnswerText(this.#paint)
    this.#timer = setInterval(() => {
      this.#tick++
      this.#draw()
    }, FRAME_MS)
    terminal.on('resize', this.#onResize)
    this.#draw()
  }

  /** Sets the state that the next drawing shows. */
  show(state: RunState): void {
    this.#state = state
  }

  /** Says something beside the run, in a line above it. */
  say(line: string): void {
    this.#above.push(harmlessLine(line))
  }

  /**
   * Leaves the run's last state on the terminal, and gives the cursor back.
   *
   * @param answer stands below it; undefined is what has been written so far
   */
  end(answer: string | undefined): void {
    clearInterval(this.#timer)
    this.#terminal.off('resize', this.#onResize)
    this.#region.draw([], this.#state ? this.#lastLines(this.#state, answer) : this.#above)
    this.#region.end()
  }

  #draw(): void {
    const lines = this.#state
      ? this.#lines(this.#state)
      : [workLine('Loading the model…', this.#createdAt, this.#look)]
    this.#region.draw(lines, this.#above)
    this.#above = []
  }

  get #look(): Look {
    const { columns } = this.#terminal
    const { reasoning, now } = this.#options
    return { columns, paint: this.#paint, tick: this.#tick, reasoning, now: now() }
  }

  #lines(state: RunState): string[] {
    const { height } = this.#region
    const writer = this.#writerOf(state)
    if (writer) this.#take(textOf(writer, this.#options), false)
    else if (this.#answer.hasLeft) this.#take('', false)

    const others = state.lanes.filter((lane) => lane !== writer && !this.#left?.has(keyOf(lane)))
    if (!writer) return fittingRows(others, this.#look, height)

    const text = this.#answer.lines(this.#look.columns - 1)
    const head = headOf(writer, this.#look)
    if (this.#left || !others.some(isWriting)) {
      this.#leave(others.filter(isOver))
      // What stays in the region can still be taken back, and a resize can draw it anew.
      const kept = Math.max(1, Math.floor(height / 2))
      const excess = Math.max(0, text.length - kept)
      this.#above.push(...this.#answer.take(excess))
      const running = others.filter(isAtWork)
      const room = height - (text.length - excess) - 2
      const rows = room > 0 ? fittingRows(running, this.#look, room) : []
      return [...text.slice(excess), '', ...rows, head]
    }
    const rows = [
      ...doneLine(others.filter(isDone), this.#look),
      ...rowsOf(others.filter(isFailed), this.#look),
      ...fittingRows(others.filter(isAtWork), this.#look, Math.max(1, Math.floor(height / 2))),
    ].slice(-Math.max(1, height - 3))
    const room = height - rows.length - 1
    return [...rows, '', ...(room > 0 ? text.slice(-room) : [])]
  }

  #lastLines(state: RunState, answer: string | undefined): string[] {
    const notes = notesOf(state).map((note) => this.#paint('yellow', `▲ ${note}`))
    const writer = this.#writerOf(state)
    if (!writer && answer === undefined) {
      const rest = state.lanes.filter((lane) => !this.#left?.has(keyOf(lane)))
      return [...this.#above, ...rowsOf(rest, this.#look), ...notes]
    }
    this.#take(answer ?? (writer ? textOf(writer, this.#options) : ''), true)
    const others = state.lanes.filter((lane) => lane !== writer && !this.#left?.has(keyOf(lane)))
    const wasLeft = this.#left !== undefined
    if (!wasLeft) this.#leave(others.filter(isOver))
    const { length } = this.#answer.lines(this.#look.columns - 1)
    const text = this.#answer.take(length)
    const late = wasLeft ? others.filter((lane) => lane.startedAt !== undefined) : []
    const writerRow = writer ? [headOf(writer, this.#look)] : []
    const below = [...rowsOf(late, this.#look), ...writerRow, ...notes]
    return [...this.#above, ...text, ...(below.length > 0 ? ['', ...below] : [])]
  }

  /** Writes down for good what the lanes came to, and leaves a blank line before the answer. */
  #leave(lanes: readonly Lane[]): void {
    if (this.#left) return
    this.#left = new Set(lanes.map(keyOf))
    const others = lanes.filter((lane) => !isDone(lane) && lane.startedAt !== undefined)
    const lines = [...doneLine(lanes.filter(isDone), this.#look), ...rowsOf(others, this.#look)]
    this.#above.push(...lines, ...(lines.length > 0 ? [''] : []))
  }

  /** Sets the answer's text, and says so where what has scrolled away is void. */
  #take(text: string, isOver: boolean): void {
    if (this.#answer.set(text, isOver)) return
    this.#above.push(this.#paint('yellow', '▲ What stands above is void: the answer begins anew.'), '')
  }

  /** The lane that writes the answer, once it does: its last call. */
  #writerOf({ lanes }: RunState): Lane | undefined {
    const { answer } = this.#options
    if (!answer) return undefined
    return lanes.findLast((lane) => lane.predictor === answer.predictor && textOf(lane, this.#options) !== '')
  }
}

const textOf = ({ fields }: Lane, { answer }: BoardOptions) => (answer && fields[answer.field]?.text) || ''

const keyOf = ({ predictor, call, attempt }: Lane) => `${predictor} ${call} ${attempt}`

const isDone = ({ phase }: Lane) => phase === 'done'
const isFailed = ({ phase }: Lane) => phase === 'failed'
const isWriting = ({ phase }: Lane) => phase === 'streaming'
const isOver = ({ phase }: Lane) => !['pending', 'waiting', 'streaming'].includes(phase)
/** Not those that nothing has been heard of: the program may have no use for them. */
const isAtWork = ({ phase, message }: Lane) =>
  phase === 'streaming' || (phase === 'waiting' && message !== undefined)
