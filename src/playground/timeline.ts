/** When each lane waited and wrote: a bar for each, on one time scale, so that overlap shows at a glance. */
import {
  elapsed,
  keyOf,
  type Lane,
  type Look,
  lookOf,
  nameOf,
  type RunPhase,
  type RunState,
  seconds,
} from '../client/index.ts'
import { el, setAttribute, setText } from './dom.ts'
import { type Prices, runFigures } from './figures.ts'

/** Lengths of the scale while a run goes on, in milliseconds. It grows in steps, so that bars don't creep back. */
const SCALES = [2, 5, 10, 20, 40, 60, 120, 300, 600, 1_200, 3_600].map((one) => one * 1_000)

/** Milliseconds between the scale's lines. */
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600].map((one) => one * 1_000)
const MOST_TICKS = 6

/** What the legend always has, and what it has as soon as a lane looks like that. */
const ALWAYS = ['waiting', 'first token', 'streaming', 'done'] as const
const SOMETIMES: readonly (readonly [Look, string])[] = [
  ['held', 'held up'],
  ['anew', 'begun anew'],
  ['truncated', 'cut short by the token limit'],
  ['without', 'failed alone'],
  ['failed', 'failed'],
  ['stopped', 'stopped'],
  ['cut', 'cut'],
]

/** What the total is called, where that isn't the run's phase. */
const TOTALS: Readonly<Partial<Record<RunPhase, string>>> = { done: 'total', incomplete: 'cut after' }

export type TimelineOptions = { readonly prices?: Prices | undefined; readonly least?: number }

export class Timeline {
  readonly element: HTMLElement
  readonly #list = el('ol', 'rows')
  readonly #axis = el('span', 'axis')
  readonly #axisRow = el('li', 'axis-row', this.#axis)
  readonly #total = el('span', 'total')
  readonly #rows = new Map<string, Row>()
  readonly #keys = new Map(SOMETIMES.map(([look, name]) => [look, el('span', `key ${look}`, name)]))
  readonly #figures = el('p', 'sums')
  #scale = 0

  constructor() {
    this.#axisRow.ariaHidden = 'true'
    const legend = el('p', 'legend')
    for (const name of ALWAYS) legend.append(el('span', `key ${name.replace(' ', '-')}`, name))
    for (const key of this.#keys.values()) {
      key.hidden = true
      legend.append(key)
    }
    this.element = el(
      'section',
      'timeline',
      el('header', 'head', el('h2', '', 'Timeline'), legend, this.#total),
      this.#list,
      this.#figures,
    )
  }

  /** @param least the shortest time that the scale covers, in milliseconds */
  show(state: RunState, now: number, { prices, least = 0 }: TimelineOptions = {}): void {
    if (this.#rows.size !== state.lanes.length) this.#addRows(state.lanes)
    const end = state.endedAt ?? now
    const total = Math.max(end - state.startedAt, 1)
    setText(this.#total, `${TOTALS[state.phase] ?? state.phase} ${seconds(total)}`)
    setAttribute(this.#total, 'data-phase', state.phase)
    this.#showScale(
      state.phase === 'running'
        ? (SCALES.find((scale) => scale >= Math.max(total, least)) ?? total * 1.25)
        : Math.max(total, least),
    )
    for (const lane of state.lanes) {
      const looks = looksOf(lane, state.truncated)
      this.#rows.get(keyOf(lane))?.show(lane, looks, { now: end, from: state.startedAt, scale: this.#scale })
      for (const look of looks) {
        const key = look && this.#keys.get(look)
        if (key) key.hidden = false
      }
    }
    setText(this.#figures, state.phase === 'running' ? '' : runFigures(state, prices))
  }

  #addRows(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      const row = this.#rows.get(keyOf(lane)) ?? new Row(lane)
      this.#rows.set(keyOf(lane), row)
      this.#list.append(row.element) // moves existing rows, so that further calls come after the first
    }
    this.#list.append(this.#axisRow)
  }

  #showScale(scale: number): void {
    if (scale === this.#scale) return
    this.#scale = scale
    const tick = TICKS.find((one) => scale / one <= MOST_TICKS) ?? scale / MOST_TICKS
    this.element.style.setProperty('--tick', percent(tick / scale))
    const labels: HTMLElement[] = []
    // The last label needs room to the right of its line.
    for (let at = 0; at <= scale * 0.96; at += tick) {
      const label = el('span', '', at === 0 ? '0' : `${at / 1000} s`)
      label.style.left = percent(at / scale)
      labels.push(label)
    }
    this.#axis.replaceChildren(...labels)
  }
}

type Looks = readonly [now: Look, before?: Look]

/** How a lane looks, and how it has looked before its first token: that part of its bar stays so. */
function looksOf(lane: Lane, truncated: readonly string[]): Looks {
  const before: [Look?] = lane.waits > 0 ? ['held'] : lane.attempt > 1 ? ['anew'] : []
  return [lookOf(lane, truncated), ...before]
}

class Row {
  readonly element: HTMLElement
  readonly #clock = el('span', 'clock')
  readonly #waiting = el('span', 'segment waiting')
  readonly #writing = el('span', 'segment writing')
  #shown = ''

  constructor(lane: Lane) {
    const track = el('span', 'track', this.#waiting, this.#writing)
    track.ariaHidden = 'true'
    this.element = el('li', '', el('span', 'name', nameOf(lane)), track, this.#clock)
  }

  show(
    lane: Lane,
    [look, before = 'waiting']: Looks,
    { now, from, scale }: { now: number; from: number; scale: number },
  ): void {
    setText(this.#clock, elapsed(lane, now))
    const start = lane.startedAt ?? now
    const end = lane.startedAt === undefined ? start : (lane.endedAt ?? now)
    const first = lane.firstTokenAt ?? end
    const edges = [start, first, end].map((at) => percent((at - from) / scale))
    const shown = `${edges.join()} ${look} ${before}`
    if (shown === this.#shown) return
    this.#shown = shown
    setAttribute(this.element, 'data-phase', look)
    setAttribute(this.element, 'data-before', before)
    setAttribute(this.element, 'data-wrote', String(lane.firstTokenAt !== undefined))
    position(this.#waiting, start - from, first - from, scale)
    position(this.#writing, first - from, end - from, scale)
  }
}

/** Set from the script, since the content security policy forbids style attributes in the markup. */
function position({ style }: HTMLElement, start: number, end: number, scale: number): void {
  style.left = percent(start / scale)
  style.width = percent((end - start) / scale)
}

const percent = (part: number) => `${(part * 100).toFixed(2)}%`
