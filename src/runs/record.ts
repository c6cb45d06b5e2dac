/** From a run to its log. The run never waits for a reader: what it may write is bounded by the log's size. */
import { RunError } from '../core/errors.ts'
import type { KeptResult } from './entry.ts'
import type { OwnLog } from './log.ts'
import type { AdmittedRun } from './runs.ts'
import { Said } from './said-values.ts'

type RecordOptions = {
  /** Bytes that the log may have. */
  readonly maxSize: number
  /** How calls ended since this was last called. Left out where nobody wants to know. */
  readonly takeResults?: (() => readonly KeptResult[]) | undefined
}

/**
 * Writes a run to its log until the run is over. What comes within a turn of the event loop becomes one entry.
 *
 * A call's last frames come before its result is known, and both within one turn: frames are taken first, so that no log
 * has a result without all that its call has said.
 *
 * @returns settles when readers have the run's end, or when the log isn't this process' any longer
 */
export function record(
  run: AdmittedRun,
  log: OwnLog,
  { maxSize, takeResults }: RecordOptions,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const said = new Said()
  let results: KeptResult[] = []
  const take = () => {
    const frames = run.frames.takeNow()
    if (takeResults) {
      said.add(frames)
      results.push(...takeResults().map((result) => said.take(result)))
    }
    if (log.lost.aborted) {
      if (run.frames.isOver) resolve()
      else run.frames.whenMore(schedule)
    } else if (run.frames.isOver) {
      log.end(frames).then(resolve)
    } else {
      if (frames.length > 0) {
        log.append(frames, results)
        results = []
      }
      if (log.tail.size > maxSize) run.abort(new RunError('run_too_large'))
      if (run.frames.waiting > 0 || run.frames.isOver) schedule()
      else run.frames.whenMore(schedule)
    }
  }
  const schedule = () => {
    setImmediate(take)
  }
  schedule()
  return over
}
