/** A run as it is kept, saved to a file and opened again: what was asked, every frame with its time, and how it ended. */
import type { ProgramDescription } from '../client/index.ts'

/** What is asked, and of which program: undefined is the service's default. */
export type Asked = {
  readonly program: string | undefined
  readonly inputs: Readonly<Record<string, unknown>>
}

/** A frame as it came: its JSON, and the milliseconds since the run was asked for. */
export type TimedFrame = { readonly at: number; readonly data: string }

/** An end that no frame tells of. */
export type RunEnd = {
  /** Who ended it: the reader, the network, nobody who answered; or the page that showed it, or kept it, or the file. */
  readonly by: 'reader' | 'network' | 'silence' | 'leaving' | 'length' | 'file'
  readonly at: number
  /** What went wrong, where the page has a sentence for it. */
  readonly message?: string | undefined
}

export type RunRecord = {
  readonly id: string
  /** As it was when it was asked. */
  readonly program: ProgramDescription
  readonly asked: Asked
  /** ISO 8601. */
  readonly askedAt: string
  readonly frames: readonly TimedFrame[]
  readonly end?: RunEnd | undefined
}
