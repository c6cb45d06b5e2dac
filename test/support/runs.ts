/** Runs of programs without a service: with a model of a few lines, and frames in a few words. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Frame } from '../../src/core/frame.ts'
import type { CallOptions, LM } from '../../src/core/lm.ts'
import type { Program } from '../../src/core/program.ts'
import { frame as frameSchema } from '../../src/core/schemas.ts'
import { type Run, type RunOptions, streamify } from '../../src/core/streamify.ts'
import { answer, type Deltas, lmOf, saying, text } from './lm.ts'

const QUESTION = { question: 'Why?' }
export const never = new AbortController().signal

export function start(program: Program, lm: LM, options: Partial<RunOptions> = {}): Run {
  return streamify(program, QUESTION, { lm, signal: never, id: 'run-1', ...options })
}

export async function framesOf(run: Run): Promise<Frame[]> {
  const frames = (await Array.fromAsync(run.frames)).flat()
  for (const one of frames) assert.deepEqual(frameSchema.parse(one), one)
  return frames
}

/** Runs a program to its end. */
export async function run(program: Program, lm: LM, options?: Partial<RunOptions>) {
  const running = start(program, lm, options)
  const frames = await framesOf(running)
  const { calls, degraded, faults } = running
  return { frames, failure: await running.finished, calls, degraded, faults }
}

/** The field that a predictor is there for: its last. */
export const fieldOf = ({ signature }: CallOptions) => signature.outputs.at(-1)?.name as string

/** An LM that answers by the name of the field; what has no entry is answered with that name. */
export const byField = (scripts: Record<string, (options: CallOptions) => Deltas> = {}) =>
  lmOf((options) => {
    const field = fieldOf(options)
    return scripts[field]?.(options) ?? saying([text(answer(options, field))])
  })

/** A frame in a few words. */
export function brief(one: Frame): string {
  switch (one.type) {
    case 'status':
      return `${one.predictor ?? one.module}${one.call ? `#${one.call}` : ''} ${one.phase}`
    case 'token':
      return `${one.predictor}${one.call ? `#${one.call}` : ''} ${one.field} ${JSON.stringify(one.chunk)}${one.is_last ? '.' : ''}`
    case 'error':
      return `error ${one.code}`
    default:
      return one.type
  }
}

/** The messages of the statuses. */
export const messagesOf = (frames: readonly Frame[]) =>
  frames.flatMap((one) => (one.type === 'status' ? [`${one.phase}: ${one.message}`] : []))

export function unhandledRejections(t: TestContext): unknown[] {
  const reasons: unknown[] = []
  const onUnhandled = (reason: unknown) => reasons.push(reason)
  process.on('unhandledRejection', onUnhandled)
  t.after(() => process.off('unhandledRejection', onUnhandled))
  return reasons
}
