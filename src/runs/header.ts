/** What begins a run's log. */
import type { Values } from '../core/adapters/adapter.ts'
import type { Include } from '../core/completion.ts'
import type { Lanes } from './entry.ts'

/** What a run was asked, and by whom: all that it takes to go on with it. */
export type RunHeader = {
  /** The program's name. */
  readonly program: string
  readonly inputs: Values
  readonly include: Include
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Names the run in its error frame and in the log. */
  readonly requestId: string
  /** Who alone may read it; undefined where anybody may who knows its id. */
  readonly principal: string | undefined
  /** Of what was asked: two requests with the same one ask the same. */
  readonly digest: string
  /** What its entries have numbers for. Left out: nothing. */
  readonly lanes?: Lanes | undefined
  /** Of the conversation that it is a turn of, by which its newest run is found. */
  readonly conversation?: string | undefined
  /** Whether its readers can take text back. Left out: they can. */
  readonly takesBack?: boolean | undefined
}
