/** Frames with their times -> the state of a run, and what happened in its lanes on the way: a state tells only how it is now. */
import {
  endRun,
  type Frame,
  keyOf,
  type ProgramDescription,
  type RunPhase,
  type RunState,
  reduceRun,
  startRun,
} from '../client/index.ts'
import type { RunEnd, TimedFrame } from './run-record.ts'

const PHASE_OF_END: Readonly<Record<RunEnd['by'], Exclude<RunPhase, 'running' | 'done'>>> = {
  reader: 'stopped',
  network: 'incomplete',
  silence: 'failed',
  leaving: 'incomplete',
  length: 'incomplete',
  file: 'incomplete',
  lost: 'incomplete',
  away: 'incomplete',
  unknown: 'incomplete',
  untold: 'stopped',
}

export class Folding {
  state: RunState
  /** What happened in each lane, in words, by the lane's key. */
  readonly happenings = new Map<string, readonly string[]>()

  constructor(program: Pick<ProgramDescription, 'predictors'>) {
    this.state = startRun(program, 0)
  }

  /** @throws whatever a frame that isn't like the protocol's causes */
  take({ at, data }: TimedFrame): void {
    this.fold(JSON.parse(data), at)
  }

  fold(frame: Frame, at: number): void {
    const before = this.state
    if (frame.type === 'error' && frame.code === 'cancelled') {
      this.state = endRun(before, 'stopped', at) // by somebody, here or elsewhere
      return
    }
    const after: RunState | undefined = reduceRun(before, frame, at)
    if (!after) return // a type of frame that a newer service sends
    this.state = after
    if (frame.type === 'reset' || frame.type === 'status') this.#compare(before, after)
  }

  end({ by, at }: RunEnd): void {
    this.state = endRun(this.state, PHASE_OF_END[by], at)
  }

  #compare(before: RunState, after: RunState): void {
    const lanesBefore = new Map(before.lanes.map((lane) => [keyOf(lane), lane]))
    for (const lane of after.lanes) {
      const was = lanesBefore.get(keyOf(lane))
      if (!was || was === lane) continue
      const reason = lane.message === undefined ? '' : `: ${lane.message}`
      if (lane.attempt > was.attempt) this.#add(keyOf(lane), `Attempt ${lane.attempt}${reason}`)
      if (lane.waits > was.waits) this.#add(keyOf(lane), `Held up${reason}`)
    }
  }

  #add(key: string, words: string): void {
    this.happenings.set(key, [...(this.happenings.get(key) ?? []), words])
  }
}
