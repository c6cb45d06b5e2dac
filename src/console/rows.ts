/** Lanes -> rows of the board: what each predictor is at, its time, and the newest that it has to show. */
import cliTruncate from 'cli-truncate'
import stringWidth from 'string-width'
import type { Lane, LanePhase } from '../client/index.ts'
import { harmlessLine } from './harmless.ts'
import type { Paint, Style } from './paint.ts'

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** Columns below which there is no room for times. */
const ROOM_FOR_TIMES = 40

const TIME_WIDTH = 7

/** What rows are drawn with. */
export type Look = {
  readonly columns: number
  readonly paint: Paint
  /** Counts drawings. */
  readonly tick: number
  /** Whether each lane has a second row, with its reasoning. */
  readonly reasoning: boolean
  /** The time now, on the clock of the lanes' times. */
  readonly now: number
}

/** A row for each lane, and one more for its reasoning, all beginning at the same columns. */
export function rowsOf(lanes: readonly Lane[], look: Look): string[] {
  return groupsOf(lanes, look).flat()
}

/** As many rows as there is room for: the lanes that have the newest to show, and how many others there are. */
export function fittingRows(lanes: readonly Lane[], look: Look, room: number): string[] {
  const whole = rowsOf(lanes, look)
  if (whole.length <= room) return whole
  const slim = { ...look, reasoning: false }
  if (lanes.length <= room) return rowsOf(lanes, slim)
  const newest = lanes.toSorted((a, b) => rankOf(b) - rankOf(a) || (b.endedAt ?? 0) - (a.endedAt ?? 0))
  const shown = new Set(newest.slice(0, Math.max(1, room - 1)))
  const others = newest.slice(shown.size)
  const counts = Map.groupBy(others, ({ phase }) => phase)
  const said = [...counts].map(([phase, { length }]) => `${length} ${phase}`).join(', ')
  const rest = look.paint('dim', `  ${cutEnd(`… ${said}`, look.columns - 3)}`)
  const rows = rowsOf(
    lanes.filter((lane) => shown.has(lane)),
    slim,
  )
  return room > rows.length ? [...rows, rest] : rows
}

/** Lanes that are done, in one line: a name and a time for each. */
export function doneLine(
  lanes: readonly Lane[],
  { columns, paint, now }: Pick<Look, 'columns' | 'paint' | 'now'>,
): string[] {
  if (lanes.length === 0) return []
  const names = lanes.map((lane) => `${nameOf(lane)} ${timeOf(lane, now)}`.trim()).join(' · ')
  return [`${paint('green', '✔')} ${paint('dim', cutEnd(names, columns - 3))}`]
}

/** A lane that writes elsewhere, such as below: its row without a text. */
export const headOf = (lane: Lane, look: Look): string => row(lane, nameWidth([lane], look), '', look)

/** A line about what isn't a lane, with the time since then. */
export function workLine(what: string, since: number, { columns, paint, tick, now }: Look): string {
  const seconds = secondsOf(now - since)
  return `${paint('cyan', spinnerAt(tick))} ${cutEnd(`${what} ${seconds}`, columns - 3)}`
}

function groupsOf(lanes: readonly Lane[], look: Look): string[][] {
  const width = nameWidth(lanes, look)
  return lanes.map((lane) => {
    const thoughts = lane.fields.reasoning?.text
    const first = row(lane, width, textOf, look)
    return look.reasoning && thoughts ? [first, thoughtsRow(thoughts, width, look)] : [first]
  })
}

/** Columns for the names: all that they need, unless little would be left for the texts. */
function nameWidth(lanes: readonly Lane[], { columns }: Look): number {
  const longest = Math.max(0, ...lanes.map((lane) => stringWidth(labelOf(lane))))
  return Math.min(longest, Math.max(8, Math.floor(columns * 0.45)))
}

type TextOf = (lane: Lane, columns: number, paint: Paint) => string

function row(lane: Lane, width: number, text: TextOf | '', look: Look): string {
  const { columns, paint } = look
  const name = padded(cutStart(labelOf(lane), width), width)
  const time = columns < ROOM_FOR_TIMES ? '' : ` ${timeOf(lane, look.now).padStart(TIME_WIDTH)}`
  const gap = time === '' ? ' ' : '  '
  const room = columns - 3 - width - time.length - gap.length // one column free, or terminals wrap
  const style = lane.attempt > 1 && lane.phase !== 'failed' ? 'yellow' : undefined
  const shown = text === '' ? '' : text(lane, room, paint)
  const head = `${iconOf(lane.phase, look)} ${paint(style, name)}${paint('dim', time)}`
  return shown === '' ? head : head + gap + shown
}

function thoughtsRow(thoughts: string, width: number, { columns, paint }: Look): string {
  const time = columns < ROOM_FOR_TIMES ? '' : ` ${'why'.padStart(TIME_WIDTH)} `
  const text = cutStart(thoughts, columns - 4 - width - time.length)
  return `${' '.repeat(width + 2)}${paint('dim', `${time} ${text}`)}`
}

const ENDS: Readonly<Record<'done' | 'failed' | 'stopped' | 'cut', [icon: string, style: Style]>> = {
  done: ['✔', 'green'],
  failed: ['✖', 'red'],
  stopped: ['✖', 'yellow'],
  cut: ['✖', 'yellow'],
}

const spinnerAt = (tick: number) => SPINNER[tick % SPINNER.length] as string

function iconOf(phase: LanePhase, { paint, tick }: Look): string {
  if (phase === 'pending') return paint('dim', '·')
  if (phase === 'waiting' || phase === 'streaming') return paint('cyan', spinnerAt(tick))
  const [icon, style] = ENDS[phase]
  return paint(style, icon)
}

/** The higher, the more of it is news. */
function rankOf({ phase, message }: Lane): number {
  if (phase === 'streaming') return 6
  if (phase === 'failed') return 5
  if (phase === 'waiting') return message === undefined ? 3 : 4
  return phase === 'done' ? 2 : phase === 'pending' ? 1 : 0
}

/** A service elsewhere may have any names. */
function nameOf({ predictor, call, attempt }: Lane): string {
  const name = harmlessLine(call === 1 ? predictor : `${predictor} ${call}`)
  return attempt === 1 ? name : `${name}, attempt ${attempt}`
}

const labelOf = (lane: Lane) => `[${nameOf(lane)}]`

const secondsOf = (ms: number) => `${(ms / 1000).toFixed(1)} s`

/** Time since the lane could begin: waiting for its model counts, waiting for other lanes doesn't. */
function timeOf({ startedAt, endedAt }: Lane, now: number): string {
  return startedAt === undefined ? '' : secondsOf((endedAt ?? now) - startedAt)
}

/** What the lane shows: its error, else its newest text, else what it is waiting for. */
function textOf(
  { phase, message = '', failedAlone, fields, waitsFor, attempt }: Lane,
  columns: number,
  paint: Paint,
) {
  if (phase === 'failed') {
    // First what it means, since the end may be cut.
    const said = failedAlone ? `The run goes on without it. ${message}`.trim() : message
    return paint(failedAlone ? 'yellow' : 'red', cutEnd(said, columns))
  }
  const texts = Object.entries(fields).flatMap(([name, { text }]) => (name === 'reasoning' ? [] : [text]))
  const newest = texts.findLast((text) => text !== '')
  if (newest !== undefined) return cutStart(newest, columns)
  if (phase === 'pending') return paint('dim', cutEnd(`waits for ${waitsFor.join(' and ')}`, columns))
  if (phase === 'stopped' || phase === 'cut') return ''
  return paint(attempt > 1 ? 'yellow' : 'cyan', cutEnd(message, columns))
}

const padded = (text: string, columns: number) => text + ' '.repeat(Math.max(0, columns - stringWidth(text)))

/** The beginning of a text, in this many columns. */
function cutEnd(text: string, columns: number): string {
  if (columns < 1) return ''
  return cliTruncate(harmlessLine(text.slice(0, columns * 8)).trim(), columns)
}

/** The end of a text, in this many columns. */
function cutStart(text: string, columns: number): string {
  if (columns < 1) return ''
  // Only what may be visible is measured. If this splits a character, the part is cut off below anyway.
  const tail = text.length > columns * 8 ? text.slice(-columns * 8) : text
  return cliTruncate(harmlessLine(tail).trim(), columns, { position: 'start' })
}
