/** The tab's title: how the run stands and what it was asked, for readers who are in another tab meanwhile. */
import type { RunState } from '../client/index.ts'

const NAME = 'Tributary'

/** Characters of the question that a tab may have room for. */
const SHOWN = 60

/** @param asked the question; undefined is no run */
export function showTitle(state?: RunState, asked = ''): void {
  const title = state
    ? `${mark(state)} ${asked.replaceAll(/\s+/g, ' ').slice(0, SHOWN).toWellFormed()} · ${NAME}`
    : NAME
  if (document.title !== title) document.title = title
}

function mark({ phase, lanes }: RunState): string {
  switch (phase) {
    case 'running':
      return lanes.some(({ firstTokenAt }) => firstTokenAt !== undefined) ? '● Answering:' : '○ Asked:'
    case 'done':
      return '✓'
    case 'stopped':
      return '■ Stopped:'
    case 'incomplete':
      return '✂ Cut:'
    default:
      return '✕ Failed:'
  }
}
