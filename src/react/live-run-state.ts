/** What a component renders: a run's state, also before it and where it went wrong. */
import type {
  AnyProgram,
  ErrorFrame,
  IncompleteStreamError,
  ProgramTypes,
  RefusedError,
  RunPhase,
  RunState,
} from '../client/index.ts'

/** Why there is no prediction. `message` is a sentence for people. */
export type RunFailure = { readonly message: string } & (
  | {
      /** The service took no such question, and nothing has run. */ readonly kind: 'refused'
      readonly error: RefusedError
    }
  | { /** The run ended in an error. */ readonly kind: 'failed'; readonly error: ErrorFrame }
  | { /** The stream broke off. */ readonly kind: 'incomplete'; readonly error: IncompleteStreamError }
  | {
      /** Nothing answered, or something else than the service did. */ readonly kind: 'unreachable'
      readonly error: Error
    }
)

/** `idle` is before the first start, and after a reset. Times are those of `performance.now()`. */
export type LiveRunState<Of extends ProgramTypes = AnyProgram> = Omit<
  RunState<Of>,
  'phase' | 'startedAt' | 'error'
> & {
  readonly phase: RunPhase | 'idle'
  readonly startedAt: number | undefined
  /** The id of a resumable run, as soon as it is known: `resume` takes it, also in another page. */
  readonly runId: string | undefined
  readonly failure: RunFailure | undefined
}
