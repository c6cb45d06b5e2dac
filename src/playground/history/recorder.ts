/** Keeps a run in the history while it goes on, so that a page that goes away in the middle leaves what came until then. */
import { outputsOf, type RunState } from '../../client/index.ts'
import { askedInWords } from '../asked-words.ts'
import { isLeft, type RunEnd, type RunRecord } from '../run-record.ts'
import type { ShownRun } from '../shown-run.ts'
import { MOST_CHARS_OF_RUN, type RunEntry, type RunStore } from './run-store.ts'

/** Milliseconds until the second write, and the most that are between two: short runs are soon over, long ones cost more. */
const FIRST_MS = 50
const MOST_MS = 500

/** UTF-16 units of its texts that a search finds. */
const MOST_SEARCHED = 20_000

/**
 * Keeps a run until it is over. Nothing is kept of one that has neither a frame nor an id at the service: it may be
 * refused.
 *
 * @param keptBefore how many of its frames are kept already
 * @returns settles when all of it is kept, or nothing more can be: browsers may be set to store nothing, or be full
 */
export async function keepRun(store: RunStore, run: ShownRun, keptBefore = 0): Promise<void> {
  let kept = keptBefore
  let chars = run.record.frames.slice(0, kept).reduce((sum, { data }) => sum + data.length, 0)
  let cut: RunEnd | undefined
  const write = async () => {
    const { record, folding } = run
    const fresh = record.frames.slice(kept)
    const fits = fresh.filter(({ data }) => {
      chars += data.length
      return chars <= MOST_CHARS_OF_RUN
    })
    if (fits.length < fresh.length) cut ??= { by: 'length', at: fits.at(-1)?.at ?? run.now }
    const from = kept
    kept = record.frames.length
    if (kept === 0 && !record.isKept) return
    const entry = { ...entryOf(run), chars: Math.min(chars, MOST_CHARS_OF_RUN) }
    await store.save(cut ? { ...entry, end: cut } : entry, from, fits)
    if (folding.state.phase === 'running') return
    await store.prune()
  }
  // What a page that goes away asks of the store is still done.
  const onLeaving = () => void write().catch(() => {})
  addEventListener('pagehide', onLeaving)
  try {
    let pause = FIRST_MS
    for (let isOver = false; !isOver; pause = Math.min(pause * 2, MOST_MS)) {
      isOver = !run.isOn
      await write()
      if (!isOver) await new Promise((resolve) => setTimeout(resolve, pause))
    }
  } finally {
    removeEventListener('pagehide', onLeaving)
  }
}

function entryOf({ record, folding }: ShownRun): Omit<RunEntry, 'chars'> {
  const { frames, ...rest } = record
  const { state } = folding
  return {
    ...rest,
    title: askedInWords(record).title,
    text: textOf(state, record.program.answer?.predictor).slice(0, MOST_SEARCHED),
    standing: standingOf(record, state),
  }
}

function standingOf({ isKept, end }: RunRecord, { phase }: RunState): string {
  const isOnHere = phase === 'running' || isLeft(end)
  if (!isOnHere) return phase
  return isKept ? 'running' : 'cut'
}

/** What its lanes wrote, the answer first. */
function textOf({ lanes }: RunState, answer: string | undefined): string {
  const texts = (isAnswer: boolean) =>
    lanes
      .filter(({ predictor }) => (predictor === answer) === isAnswer)
      .flatMap((lane) => outputsOf(lane).map(([, { text }]) => text))
  return [...texts(true), ...texts(false)].join('\n')
}
