import { type Frame, REASONING } from '../client/index.ts'
import type { AskOptions } from './source.ts'

/** Whether a frame comes where no more is included than this: who asked for the run may have included more. */
export function isIncluded(frame: Frame, { reasoning, usage }: AskOptions['include']): boolean {
  if (frame.type === 'token') return reasoning || frame.field !== REASONING
  return frame.type === 'usage' ? usage : frame.type !== 'value'
}
