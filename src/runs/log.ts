/**
 * The contract between runs that outlive their connection and what keeps them. A run is written by one owner, into a
 * {@link Tail} of its process; a store lets others find it, and may keep a replica that outlives the process.
 */
import type { Frame } from '../core/frame.ts'
import type { KeptResult } from './entry.ts'
import type { RunHeader } from './header.ts'
import type { Tail } from './tail.ts'

/** The owner's end of a run's log. */
export type OwnLog = {
  readonly tail: Tail
  /** Of the owner: 1 for the one that began the run. */
  readonly attempt: number
  /** Readers in this process have the frames at once. */
  append(frames: readonly Frame[], results: readonly KeptResult[]): void
  /** Ends the log. Settles when readers have the end: it is in the log wherever that is kept. Never rejects. */
  end(frames: readonly Frame[]): Promise<void>
  /** Lets another process go on with the run, now. Nothing may be appended any more. */
  release(): Promise<void>
  /** Aborts when the run isn't this process' any longer: its reason says why, and nothing may be appended any more. */
  readonly lost: AbortSignal
}

/** What goes on with runs whose owners are gone. */
export type Adopter = {
  /** Whether one more may run here. */
  readonly hasRoom: () => boolean
  /** @param log of a run that was somebody else's, and is this process' now */
  readonly adopt: (log: OwnLog) => void
}

export type RunStore = {
  /** Whether runs outlive this process: then what calls gave is kept too. */
  readonly isShared: boolean
  /** Looks for runs whose owners are gone, from now on. */
  serve(adopter: Adopter): void
  /**
   * Begins a log, owned by this process.
   *
   * @param key two runs with the same one are the same run
   * @returns the log; the id of the run that has the key, if there is one
   * @throws LogUnavailable
   */
  create(
    id: string,
    header: RunHeader,
    key: string | undefined,
  ): Promise<OwnLog | { readonly existing: string }>
  /**
   * A run's log, for readers. It is kept up to date for as long as anybody {@link Opened holds} it.
   *
   * @returns undefined where there is no such run
   * @throws LogUnavailable
   */
  open(id: string): Promise<Opened | undefined>
  /**
   * The run of a conversation that was begun last.
   *
   * @param conversation as its header has it
   * @returns its id, as long as that is known
   * @throws LogUnavailable
   */
  newest(conversation: string): Promise<string | undefined>
  /**
   * Ends a run that another process owns, or nobody.
   *
   * @param frames its last ones
   * @throws LogUnavailable
   */
  cancel(id: string, frames: readonly Frame[]): Promise<void>
  /**
   * Forgets a run that is over.
   *
   * @throws LogUnavailable
   */
  erase(id: string): Promise<void>
  /** Whether other processes can be reached; undefined where there is nothing to reach. */
  readonly isAvailable: boolean | undefined
  close(): Promise<void>
}

/** A log that somebody reads. */
export type Opened = {
  readonly tail: Tail
  /** To be called when it isn't read any longer. */
  readonly leave: () => void
}

/** What keeps the runs can't be reached. */
export class LogUnavailable extends Error {
  override readonly name = 'LogUnavailable'
  readonly code = 'log_unavailable'
  /** Seconds until asking again makes sense. */
  readonly retryAfter = 2

  constructor(cause: unknown) {
    super("What keeps resumable runs can't be reached.", { cause })
  }
}
