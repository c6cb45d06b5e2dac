/** Finds runs to show: by the address, in the history, among those of before a reload, in files. */
import { type ProgramDescription, RefusedError, readRun } from '../client/index.ts'
import { readFramesFile } from './files/frames-file.ts'
import type { RunStore } from './history/run-store.ts'
import { wantsKey } from './key-box.ts'
import { linkedQuestion } from './linked-question.ts'
import { recordOf } from './linked-run.ts'
import { type Notice, noticeOfSilence } from './notice.ts'
import type { PageNotice } from './page-notice.ts'
import { RecordedRun } from './recorded-run.ts'
import type { Service } from './run.ts'
import { linkedRun, shownRuns } from './run-identity.ts'
import type { RunRecord } from './run-record.ts'
import type { Place, RunsOnPage } from './runs-on-page.ts'
import type { ShownRun } from './shown-run.ts'
import type { StageMemory } from './stage-memory.ts'

/** The largest file that is opened, in bytes. */
const LARGEST_FILE = 64_000_000

export type FoundRunsOptions = {
  readonly runs: RunsOnPage
  readonly store: RunStore
  readonly memory: StageMemory
  readonly notice: PageNotice
  readonly service: () => Service
  /** Finds a program of the service by its name. */
  readonly describe: (name: string) => ProgramDescription | undefined
  readonly show: (record: RunRecord, where: Place) => void
  /** Keeps it in the history. */
  readonly keep: (run: ShownRun) => void
  /** @param goOn repeats what was refused */
  readonly askForKey: (goOn: () => void) => void
}

export class FoundRuns {
  readonly #options: FoundRunsOptions

  constructor(options: FoundRunsOptions) {
    this.#options = options
  }

  /** Shows the run that an address leads to, unless somebody has turned to something else meanwhile. */
  async showLinked(id: string): Promise<void> {
    const { runs, memory, service, describe, show } = this.#options
    memory.sought = id
    try {
      const record = (await this.#kept(id)) ?? (await recordOf(service(), id, describe))
      if (memory.sought !== id) return
      if (runs.isEmpty) show(record, 'alone')
      memory.sought = undefined
    } catch (error) {
      if (memory.sought !== id) return
      memory.sought = undefined
      this.#sayNotFound(id, error as Error)
    }
  }

  async showKept(id: string, where: Place): Promise<void> {
    const record = await this.#kept(id)
    if (record) this.#options.show(record, where)
  }

  /** How a run stands that wasn't over when it was kept, as the service knows it. */
  async standingNow(id: string): Promise<string> {
    const standings = { running: 'running', done: 'done', failed: 'failed', cancelled: 'stopped' } as const
    try {
      return standings[(await readRun({ ...this.#options.service(), id })).status]
    } catch (error) {
      return error instanceof RefusedError && error.status === 404 ? 'cut' : 'running'
    }
  }

  /**
   * Shows the runs of before a reload. A link with a question, or to another program, leads elsewhere.
   *
   * @param chosen the name of the chosen program
   */
  async showAgain(chosen: string | undefined): Promise<void> {
    const { runs, describe, show } = this.#options
    if (linkedQuestion() !== undefined) return
    const linked = linkedRun()
    const shown = shownRuns()
    const isElsewhere = linked !== undefined && !shown.includes(linked)
    const all = isElsewhere ? [] : shown.map((id) => this.#kept(id))
    const records = (await Promise.all(all)).filter((record) => record !== undefined)
    if (!runs.isEmpty) return
    const isOfHere = ({ program: { name } }: RunRecord) =>
      linked !== undefined || !describe(name) || chosen === name
    for (const record of records.filter(isOfHere)) show(record, runs.views.length === 0 ? 'alone' : 'beside')
    if (runs.views.length === 0 && linked !== undefined) await this.showLinked(linked)
  }

  async openFile(file: File): Promise<void> {
    const { notice, describe, keep, show } = this.#options
    try {
      if (file.size > LARGEST_FILE) throw new Error(`It is larger than ${LARGEST_FILE / 1_000_000} MB.`)
      const record = await readFramesFile(await file.text(), describe)
      show(record, 'alone')
      keep(new RecordedRun(record))
    } catch (error) {
      const message = `“${file.name}” can’t be shown. ${(error as Error).message}`
      notice.show({ kind: 'failed', message, mayAskAgain: false })
    }
  }

  #sayNotFound(id: string, error: Error): void {
    const { notice, askForKey } = this.#options
    const showLinked = () => void this.showLinked(id)
    if (wantsKey(error)) {
      askForKey(showLinked)
      return
    }
    const message =
      'The service does not know this run. It may have been long ago, or asked with another key.'
    const said: Notice =
      error instanceof RefusedError
        ? { kind: 'cut', message, mayAskAgain: false }
        : { ...noticeOfSilence(error), mayAskAgain: false, tryAgain: 'Try again' }
    const tryAgain = () => {
      notice.clear()
      showLinked()
    }
    notice.show(said, { tryAgain })
  }

  #kept(id: string): Promise<RunRecord | undefined> {
    return this.#options.store.record(id).catch(() => undefined)
  }
}
