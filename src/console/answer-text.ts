/** The answer while it is written: its lines for a terminal, of which the first may have scrolled away for good. */
import { harmlessText } from './harmless.ts'
import { type DressedLine, dressLine, type Point, START } from './markdown.ts'
import type { Paint } from './paint.ts'

/** Lines of an unfinished source line that a marker to come may still change. Those before stay as they are. */
const OPEN_LINES = 8

export class AnswerText {
  readonly #paint: Paint
  #source = ''
  /** Where the first line begins that hasn't been taken. */
  #from: Point = START
  /** Lines that won't change unless the terminal does. */
  #ready: DressedLine[] = []
  #columns = 0

  constructor(paint: Paint) {
    this.#paint = paint
  }

  /** Whether a line has been taken. */
  get hasLeft(): boolean {
    return this.#from.at > 0
  }

  /**
   * Sets the text as it is now.
   *
   * @returns whether it goes on from what has been taken; if not, it begins anew, and what has been taken is void
   */
  set(text: string, isOver: boolean): boolean {
    const source = isOver
      ? harmlessText(text).trimEnd()
      : harmlessText(text.replace(/\r$|[\ud800-\udbff]$/, ''))
    const before = this.#source
    this.#source = source
    if (source.startsWith(before)) return true
    this.#ready = []
    const taken = before.slice(0, this.#from.at)
    if (source.startsWith(taken) || (isOver && source === taken.trimEnd())) return true
    this.#from = START
    return false
  }

  /** All lines that haven't been taken, each at most so many columns wide. */
  lines(columns: number): string[] {
    if (columns !== this.#columns) this.#ready = []
    this.#columns = columns
    const open = this.#dress()
    return [...this.#ready, ...open].map(({ text }) => text)
  }

  /** Takes the first lines of those that {@link lines} returned last: from now on they can't change. */
  take(count: number): string[] {
    const open = this.#dress()
    const taken = [...this.#ready, ...open].slice(0, count)
    this.#ready = this.#ready.slice(count)
    this.#from = taken.at(-1)?.next ?? this.#from
    return taken.map(({ text }) => text)
  }

  /** Adds the lines that are ready now, and returns those that aren't. */
  #dress(): DressedLine[] {
    for (;;) {
      const from = this.#ready.at(-1)?.next ?? this.#from
      if (from.at >= this.#source.length) return []
      const lines = dressLine(this.#source, from, this.#columns, this.#paint)
      const isClosed = this.#source.indexOf('\n', from.at) !== -1
      const ready = isClosed ? lines.length : Math.max(0, lines.length - OPEN_LINES)
      this.#ready.push(...lines.slice(0, ready))
      if (!isClosed) return lines.slice(ready)
    }
  }
}
