/** Shows runs that there is a record of: as they ended, read on if they may not be over, tried again, played. */
import type { Announcer } from './announcer.ts'
import { askedInWords } from './asked-words.ts'
import type { PageNotice } from './page-notice.ts'
import type { Reader } from './reader.ts'
import { RecordedRun } from './recorded-run.ts'
import { Run, type Service } from './run.ts'
import { mayGoOn, type RunRecord } from './run-record.ts'
import type { RunView } from './run-view.ts'
import type { Place, RunsOnPage } from './runs-on-page.ts'
import type { ShownRun } from './shown-run.ts'
import { showTitle } from './tab-title.ts'

export type RecordedRunsOptions = {
  readonly runs: RunsOnPage
  readonly notice: PageNotice
  readonly announcer: Announcer
  readonly reader: Reader
  readonly service: () => Service
  /** Called after every change of a run that is read on. */
  readonly onChange: (run: Run) => void
  /**
   * Keeps it in the history.
   *
   * @param keptBefore how many of its frames are kept already
   */
  readonly keep: (run: ShownRun, keptBefore: number) => void
  readonly viewOf: (run: ShownRun, isWatched: boolean) => RunView
  /** Turns the form to what a run was asked. */
  readonly turnTo: (record: RunRecord) => void
}

export class RecordedRuns {
  readonly #options: RecordedRunsOptions

  constructor(options: RecordedRunsOptions) {
    this.#options = options
  }

  /** Shows a run that was asked before, and reads it on if it may not be over. While another goes on, that one stays. */
  show(record: RunRecord, where: Place): void {
    const { runs, viewOf, notice, turnTo, announcer } = this.#options
    const shown = runs.views.find(({ run }) => run.record.id === record.id)
    if (shown && (where === 'beside' || shown.run.folding.state.phase === 'running')) return
    const run = mayGoOn(record) ? new Run(record) : new RecordedRun(record)
    const view = viewOf(run, run instanceof Run)
    runs.show(view, where)
    notice.clear()
    if (!runs.current && where === 'alone') turnTo(record)
    const { title } = askedInWords(record)
    showTitle(run.folding.state, title)
    if (run instanceof Run) this.#readOn(run, view)
    announcer.say(`Shown: ${title}`)
    runs.schedule()
  }

  /** Makes the connection again that a run has lost, or tells the service again that it is to stop. */
  tryAgain(view: RunView): void {
    const { runs, viewOf } = this.#options
    const { record } = view.run
    const run = new Run(record)
    const next = viewOf(run, true)
    runs.replace(view, next)
    this.#readOn(run, next)
    if (record.end?.by === 'untold') run.stop()
    runs.schedule()
  }

  /** Shows a run once more, at the speed at which it came. */
  play(view: RunView): void {
    const { runs, viewOf, announcer, reader } = this.#options
    const next = viewOf(new RecordedRun(view.run.record, true), true)
    announcer.begin()
    reader.begin()
    runs.replace(view, next)
    next.focus()
    runs.schedule()
  }

  /** Goes on with a run where its record ends. */
  #readOn(run: Run, view: RunView): void {
    const { runs, announcer, reader, service, onChange, keep } = this.#options
    if (!runs.current) {
      announcer.begin()
      reader.begin()
      runs.follow(run, view)
    }
    run.attach(service(), () => onChange(run))
    keep(run, run.record.frames.length)
  }
}
