/** A run as it is kept, saved to a file and opened again: what was asked, every frame with its time, and how it ended. */
import type { ProgramDescription } from '../client/index.ts'

/** What is asked, and of which program: undefined is the service's default. */
export type Asked = {
  readonly program: string | undefined
  readonly inputs: Readonly<Record<string, unknown>>
}

/** A frame as it came: its JSON, and the milliseconds since the run was asked for. */
export type TimedFrame = {
  readonly at: number
  readonly data: string
  /** The id of its event, of a run that the service keeps: the run is read on after it. */
  readonly id?: string
}

/** An end that no frame tells of. */
export type RunEnd = {
  /**
   * Who ended it: the reader, the network, nobody who answered; or the page that showed it, or kept it, or the file. Of
   * runs that the service keeps: the connection is `lost` and may be made again, whoever looked on at somebody else's run
   * went `away` from it, the run is `unknown` there by now, or it was stopped and the service could not be told.
   */
  readonly by:
    | 'reader'
    | 'network'
    | 'silence'
    | 'leaving'
    | 'length'
    | 'file'
    | 'lost'
    | 'away'
    | 'unknown'
    | 'untold'
  readonly at: number
  /** What went wrong, where the page has a sentence for it. */
  readonly message?: string | undefined
}

export type RunRecord = {
  readonly id: string
  /** Whether the service keeps it, under this id, so that it can be read on and linked to. */
  readonly isKept?: boolean
  /** Whether another browser asked it, and this one looks on. */
  readonly isOthers?: boolean
  /** As it was when it was asked. */
  readonly program: ProgramDescription
  readonly asked: Asked
  /** ISO 8601. */
  readonly askedAt: string
  readonly frames: readonly TimedFrame[]
  readonly end?: RunEnd | undefined
}

/** Whether a frame ends its run. */
function isEnd(frame: TimedFrame | undefined): boolean {
  const { type } = frame ? JSON.parse(frame.data) : {}
  return type === 'prediction' || type === 'error'
}

/** Whether only the page has ended its reading, so that the run itself goes on as far as anybody here knows. */
export const isLeft = (end: RunEnd | undefined): boolean => end?.by === 'lost' || end?.by === 'away'

/** Whether the service may have more of a run than the record. */
export function mayGoOn({ isKept = false, frames, end }: RunRecord): boolean {
  return isKept && !isEnd(frames.at(-1)) && (end === undefined || isLeft(end) || end.by === 'length')
}
