/** The programs that a service runs, by name. */
import type { Program } from '../core/program.ts'
import { parallelComposer } from './parallel-composer.ts'

export type NamedProgram = { readonly name: string; readonly program: Program }

export type Programs = {
  /** The one that runs where none is named; it is among `all`. */
  readonly default: NamedProgram
  /** In the order of their names. */
  readonly all: readonly NamedProgram[]
}

export const BUILT_IN: NamedProgram = { name: 'parallel-composer', program: parallelComposer }
