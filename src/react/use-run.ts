/** The hook: a component's run, with the state to render and the functions to start and to end it. */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { AnyProgram, Asking, Connection, ExtraFrame, ProgramTypes } from '../client/index.ts'
import { IDLE, LiveRun } from './live-run.ts'
import type { LiveRunState } from './live-run-state.ts'

/** Where and what to ask. A run that goes on keeps those that it was started with. */
export type RunOptions<Of extends ProgramTypes = AnyProgram> = Omit<Connection, 'signal'> & {
  /** The program's name. Left out, the service's default program runs. */
  readonly program?: Of['name'] | undefined
  readonly include?: readonly ExtraFrame[] | undefined
}

/** The program's inputs by name, or the question alone where it takes no more than that. */
export type StartArgument<Of extends ProgramTypes = AnyProgram> =
  | Of['inputs']
  | ({ readonly question: string } extends Of['inputs'] ? string : never)

export type UseRun<Of extends ProgramTypes = AnyProgram> = {
  readonly state: LiveRunState<Of>
  /** Asks. A run that still goes on is aborted, and nothing more of it shows. */
  readonly start: (asked: StartArgument<Of>) => void
  /** Ends the run. What it has written stays. */
  readonly stop: () => void
  /** Ends the run and forgets it. */
  readonly reset: () => void
}

/**
 * A run that renders at most once per animation frame, however much is written. It ends when the component unmounts.
 * `start`, `stop` and `reset` stay the same functions. With the types of its program, as in `useRun<Invoice>(…)`, the
 * state has the program's names and values.
 */
export function useRun<Of extends ProgramTypes = AnyProgram>(options: RunOptions<Of>): UseRun<Of> {
  const [run] = useState(() => new LiveRun())
  const state = useSyncExternalStore(run.subscribe, run.shown, () => IDLE)
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  useEffect(() => run.stop, [run])
  const start = useCallback(
    (asked: StartArgument<Of>) => {
      const what = typeof asked === 'string' ? { question: asked } : { inputs: asked }
      run.start({ ...latest.current, ...what } as Asking) // the compiler can't tell that own names are names
    },
    [run],
  )
  return { state: state as LiveRunState<Of>, start, stop: run.stop, reset: run.reset }
}
