/** The hook: a component's run, with the state to render and the functions to start and to end it. */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type {
  AnyProgram,
  Asking,
  Connection,
  ExtraFrame,
  ProgramTypes,
  Reconnecting,
} from '../client/index.ts'
import { IDLE, LiveRun } from './live-run.ts'
import type { LiveRunState } from './live-run-state.ts'

/** Where and what to ask. A run that goes on keeps those that it was started with. */
export type RunOptions<Of extends ProgramTypes = AnyProgram> = Omit<Connection, 'signal'> &
  Omit<Reconnecting, 'onEvent'> & {
    /** The program's name. Left out, the service's default program runs. */
    readonly program?: Of['name'] | undefined
    readonly include?: readonly ExtraFrame[] | undefined
    /** Whether runs outlive their connection: then they are read on when one breaks, and `resume` shows one again. */
    readonly resumable?: boolean | undefined
  }

/** The program's inputs by name, or the question alone where it takes no more than that. */
export type StartArgument<Of extends ProgramTypes = AnyProgram> =
  | Of['inputs']
  | ({ readonly question: string } extends Of['inputs'] ? string : never)

export type UseRun<Of extends ProgramTypes = AnyProgram> = {
  readonly state: LiveRunState<Of>
  /** Asks. A run that still goes on is left, which ends it unless it is resumable, and nothing more of it shows. */
  readonly start: (asked: StartArgument<Of>) => void
  /** Shows a resumable run by its id, from its beginning and to its end. The run before is left as by `start`. */
  readonly resume: (id: string) => void
  /** Leaves the run, which ends it unless it is resumable. What it has written stays. */
  readonly stop: () => void
  /** Ends the run, resumable or not. Rejects if the service can't be told. */
  readonly cancel: () => Promise<void>
  /** Leaves the run and forgets it. */
  readonly reset: () => void
}

/**
 * A run that renders at most once per animation frame, however much is written. It ends when the component unmounts, unless
 * it is resumable. The functions stay the same. With the types of its program, as in `useRun<Invoice>(…)`, the
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
  const resume = useCallback((id: string) => run.resume({ ...latest.current, id }), [run])
  const { stop, cancel, reset } = run
  return { state: state as LiveRunState<Of>, start, resume, stop, cancel, reset }
}
