/** Tributary's client for React 18 and later: a hook that runs a program and renders what it writes. */
export type { LiveRunState, RunFailure } from './live-run-state.ts'
export { type RunOptions, type StartArgument, type UseRun, useRun } from './use-run.ts'
