/** What a reload shows again: the runs of this tab, and the one that came last by the page's address. */
import { nameInAddress, rememberShown } from './run-identity.ts'
import type { RunRecord } from './run-record.ts'

export class StageMemory {
  /** The run that the address leads to, while it is looked up. */
  sought: string | undefined
  /** Ids of runs that were deleted while they are shown. */
  readonly #deleted = new Set<string>()
  /** What was remembered last. */
  #shown: string | undefined

  remember(records: readonly RunRecord[]): void {
    const lasting = records.filter(({ id }) => !this.#deleted.has(id))
    const ids = lasting.map(({ id }) => id)
    // It is asked in every animation frame, and each time the browser would write.
    if (ids.join() !== this.#shown) rememberShown(ids)
    this.#shown = ids.join()
    nameInAddress(lasting.findLast(({ isKept }) => isKept)?.id ?? this.sought)
  }

  forget(ids: readonly string[]): void {
    for (const id of ids) this.#deleted.add(id)
  }
}
