/**
 * The runs that the page shows, and the one that goes on. A new run stands on the stage as soon as it has begun; until
 * then, what is there stays.
 */
import { askedInWords } from './asked-words.ts'
import { byId, setText } from './dom.ts'
import type { Run } from './run.ts'
import type { RunView } from './run-view.ts'
import type { ShownRun } from './shown-run.ts'
import { Stage } from './stage.ts'
import type { StageMemory } from './stage-memory.ts'
import { showTitle } from './tab-title.ts'

/** Where a run stands: in place of those that are there, or beside one. */
export type Place = 'alone' | 'beside'

/** Whose runs go on. */
export type GoesOn = 'none' | 'own' | 'others'

/** Milliseconds between two looks at runs that say nothing meanwhile: their clocks show tenths of a second. */
const CLOCK_MS = 50

export type RunsOnPageOptions = {
  readonly memory: StageMemory
  /** Called once per animation frame in which something may have changed. */
  readonly onFrame: () => void
}

/** A run that goes on, and its view. */
type Current = { readonly run: Run; readonly view: RunView; readonly where: Place }

export class RunsOnPage {
  readonly #stage = new Stage()
  readonly #options: RunsOnPageOptions
  /** The one that was asked or found last. */
  #current: Current | undefined
  #isScheduled = false
  #clock: ReturnType<typeof setTimeout> | undefined

  constructor(options: RunsOnPageOptions) {
    this.#options = options
  }

  get views(): readonly RunView[] {
    return this.#stage.views
  }

  /** The one that came last. */
  get latest(): RunView | undefined {
    return this.#stage.latest
  }

  get current(): Current | undefined {
    return this.#current
  }

  /** Whether none is shown, and none is about to be. */
  get isEmpty(): boolean {
    return this.#stage.isEmpty && !this.#current
  }

  isShown(run: ShownRun): boolean {
    return this.#shown.includes(run)
  }

  /** Those that go on: the one that is about to be shown, and those that are. */
  get ongoing(): readonly ShownRun[] {
    const runs = new Set<ShownRun>([...(this.#current ? [this.#current.run] : []), ...this.#shown])
    return [...runs].filter((run) => isOn(run) && !run.isPlayed)
  }

  /** Takes a run that has just been asked. It is shown once it has something to show, or where nothing else is. */
  begin(run: Run, view: RunView, where: Place): void {
    this.#current = { run, view, where }
    if (this.#stage.isEmpty) this.#showCurrent()
    else showPending(askedInWords(run.record).title)
  }

  /** Takes a run that is shown and goes on, unless there is one that does. */
  follow(run: Run, view: RunView): void {
    this.#current ??= { run, view, where: 'alone' }
  }

  /** Shows a run that has been before. While another goes on, that one stays. */
  show(view: RunView, where: Place): void {
    const current = this.#current
    const others = this.views.filter((one) => one !== current?.view)
    const isBeside = current !== undefined || (where === 'beside' && !this.#stage.isEmpty)
    const replaced = current && this.views.length > 1 ? others[0] : undefined
    view.show()
    this.#stage.show(view, isBeside ? (replaced ?? 'beside') : 'alone')
    this.remember()
  }

  replace(before: RunView, view: RunView): void {
    view.show()
    this.#stage.show(view, before)
  }

  close(view: RunView): void {
    this.#stage.close(view)
    this.remember()
  }

  /** Whose runs go on: somebody else's are only looked at, and come after the reader's own. */
  get goesOn(): GoesOn {
    const [run] = this.#meant
    return !run ? 'none' : run.record.isOthers ? 'others' : 'own'
  }

  /** Stops what goes on, or shows the end of what is played. */
  stop(): void {
    const runs = this.#meant
    for (const run of runs.length > 0 ? runs : this.#shown) run.stop()
    this.schedule()
  }

  /** The same for a reader who turns away: nobody else's run is stopped. */
  dismiss(): void {
    const runs = this.#meant
    for (const run of runs.length > 0 ? runs : this.#shown) run.dismiss()
    this.schedule()
  }

  /** Turns away from what goes on, and shows nothing. */
  clear(): void {
    for (const run of this.ongoing) run.dismiss()
    this.#current = undefined
    this.#stage.clear()
    this.remember()
    showPending(undefined)
    showTitle()
  }

  /** Has the page say what its tab shows, and where a reload leads. */
  remember(): void {
    this.#options.memory.remember(this.#shown.map(({ record }) => record))
  }

  /** However many frames come, the page is updated once per animation frame. */
  schedule(): void {
    const { run } = this.#current ?? {}
    if (run) showTitle(run.folding.state, askedInWords(run.record).title) // also in a hidden tab
    if (this.#isScheduled) return
    this.#isScheduled = true
    requestAnimationFrame(() => {
      this.#isScheduled = false
      this.#options.onFrame()
    })
  }

  #scheduleClock(): void {
    clearTimeout(this.#clock)
    this.#clock = setTimeout(() => this.schedule(), CLOCK_MS)
  }

  /**
   * Shows the runs as they are. Called once per animation frame.
   *
   * @returns the run that has ended since the last time, if it is the current one, which it isn't any longer
   */
  update(): Current | undefined {
    const current = this.#current
    const { record, isCut = false } = current?.run ?? {}
    if (record && (record.frames.length > 0 || (record.isKept && isCut))) this.#showCurrent()
    for (const run of this.#shown) run.tick()
    for (const view of this.views) if (!view.isOver) view.show()
    const going = [...this.#shown, ...(current ? [current.run] : [])].filter(isOn)
    if (going.some(({ isPlayed }) => isPlayed)) this.schedule()
    else if (going.length > 0) this.#scheduleClock()
    if (!current || isOn(current.run)) return undefined
    this.#current = undefined
    showPending(undefined)
    return current
  }

  /** Says in the tab how the run stands that came last. */
  showTitle(): void {
    const { run } = this.latest ?? {}
    showTitle(run?.folding.state, run && askedInWords(run.record).title)
  }

  place(): void {
    this.#stage.place()
  }

  /** Call this last in an animation frame. */
  keepUp(): void {
    for (const view of this.views) view.keepUp()
  }

  /** The ongoing runs that a word of the reader is about: their own, and others' only where they have none. */
  get #meant(): readonly ShownRun[] {
    const own = this.ongoing.filter(({ record }) => !record.isOthers)
    return own.length > 0 ? own : this.ongoing
  }

  get #shown(): readonly ShownRun[] {
    return this.views.map(({ run }) => run)
  }

  /** Brings the run that goes on to where it is seen. */
  #showCurrent(): void {
    if (!this.#current || this.views.includes(this.#current.view)) return
    const { view, where } = this.#current
    view.show()
    this.#stage.show(view, where)
    this.remember()
    showPending(undefined)
  }
}

const isOn = ({ folding }: ShownRun) => folding.state.phase === 'running'

function showPending(title: string | undefined): void {
  byId('pending').hidden = title === undefined
  setText(byId('pending-question'), title ?? '')
}
