/** What a call gives: its outputs, or the failure that the run goes on without. */
import type { Values } from './adapters/adapter.ts'
import type { RunError } from './errors.ts'

export type Outcome = Values | RunError
