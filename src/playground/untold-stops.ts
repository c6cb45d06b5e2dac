/**
 * Stops that the service couldn't be told of, of runs that aren't shown any longer. A run that is shown says so itself;
 * of the others, a notice does until the service has been told.
 */
import type { Announcer } from './announcer.ts'
import { askedInWords } from './asked-words.ts'
import { byId } from './dom.ts'
import { noticeElement } from './notice.ts'
import type { Run, Service } from './run.ts'

/** Characters of a question that the notice has room for. */
const SHOWN = 60

export type UntoldStopsOptions = {
  readonly announcer: Announcer
  readonly service: () => Service
  readonly isShown: (run: Run) => boolean
  /** Moves the focus to where the reader goes on. */
  readonly focus: () => void
  /** Has the history say how the run ended. */
  readonly keep: (run: Run) => void
}

export class UntoldStops {
  readonly #options: UntoldStopsOptions
  readonly #place = byId('untold') // what comes into it is read out
  readonly #runs = new Set<Run>()

  constructor(options: UntoldStopsOptions) {
    this.#options = options
  }

  /** Called after every change of a run. */
  look(run: Run): void {
    this.#forget(run)
    if (!isUntold(run) || this.#runs.has(run) || this.#options.isShown(run)) return
    this.#runs.add(run)
    this.#options.keep(run)
    this.#show()
  }

  /** The same run may have been shown again, and stopped from there. */
  #forget(told: Run): void {
    if (told.record.end?.by !== 'reader' || told.isOn) return
    const same = [...this.#runs].filter(({ record }) => record.id === told.record.id)
    for (const run of same) this.#runs.delete(run)
    if (same.length > 0) this.#show()
  }

  async #tellAgain(): Promise<void> {
    const { announcer, service, keep, focus } = this.#options
    const runs = [...this.#runs]
    this.#runs.clear()
    this.#show()
    focus() // the button that was pressed is gone
    await Promise.all(runs.map((run) => run.stopAgain(service())))
    for (const run of runs.filter((one) => !isUntold(one))) {
      keep(run)
      announcer.say(`Stopped: ${titleOf(run)}`)
    }
  }

  #show(): void {
    const titles = [...this.#runs].map((run) => `“${titleOf(run)}”`)
    const message =
      titles.length === 1
        ? `${titles[0]} was stopped here, but the service could not be told. It may go on there.`
        : `${titles.length} runs were stopped here, but the service could not be told. They may go on there: ${titles.join(', ')}.`
    const notice = { kind: 'cut', message, mayAskAgain: false, tryAgain: 'Try again' } as const
    const element = noticeElement(
      notice,
      () => {},
      () => this.#tellAgain(),
    )
    this.#place.replaceChildren(...(titles.length > 0 ? [element] : []))
  }
}

const isUntold = (run: Run) => run.record.end?.by === 'untold'

const titleOf = ({ record }: Run) => askedInWords(record).title.slice(0, SHOWN).toWellFormed()
