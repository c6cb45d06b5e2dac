/** What a reload shows again: the runs of this tab, and the one that came last by the page's address. */
import { nameInAddress, rememberShown } from './run-identity.ts'
import type { RunRecord } from './run-record.ts'

export class StageMemory {
  /** The run that the address leads to, while it is looked up. */
  sought: string | undefined
  /** Ids of runs that were deleted while they are shown. */
  readonly #deleted = new Set<string>()

  remember(records: readonly RunRecord[]): void {
    const lasting = records.filter(({ id }) => !this.#deleted.has(id))
    rememberShown(lasting.map(({ id }) => id))
    nameInAddress(lasting.findLast(({ isKept }) => isKept)?.id ?? this.sought)
  }

  forget(ids: readonly string[]): void {
    for (const id of ids) this.#deleted.add(id)
  }
}
