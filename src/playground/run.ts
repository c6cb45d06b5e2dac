/** One run that goes on: frames -> state, until it ends. What is refused has no run. */
import {
  type Frame,
  IncompleteStreamError,
  NotTheServiceError,
  type ProgramDescription,
  RefusedError,
  streamRun,
} from '../client/index.ts'
import { Folding } from './folding.ts'
import { newRunId } from './run-identity.ts'
import type { Asked, RunEnd, RunRecord, TimedFrame } from './run-record.ts'
import type { ShownRun } from './shown-run.ts'

/** The extra frames that the page asks for. */
export const INCLUDE = ['reasoning', 'usage'] as const

export class Run implements ShownRun {
  readonly isPlayed = false
  readonly folding: Folding
  readonly events: string[] = []
  /** Set when the service refused to run: nothing has run. */
  refusal: RefusedError | undefined
  readonly #asked: Asked
  readonly #program: ProgramDescription
  readonly #id = newRunId()
  readonly #askedAt = new Date().toISOString()
  readonly #startedAt = performance.now()
  readonly #frames: TimedFrame[] = []
  readonly #controller = new AbortController()
  #end: RunEnd | undefined

  constructor(program: ProgramDescription, asked: Asked) {
    this.#program = program
    this.#asked = asked
    this.folding = new Folding(program)
  }

  get record(): RunRecord {
    return {
      id: this.#id,
      program: this.#program,
      asked: this.#asked,
      askedAt: this.#askedAt,
      frames: this.#frames,
      end: this.#end,
    }
  }

  get now(): number {
    return Math.round(performance.now() - this.#startedAt)
  }

  tick(): void {} // its frames are taken as they come, also while nobody looks

  /**
   * Asks, and reads the run to its end. Never throws: what went wrong is in `refusal`, the record's `end` and the state.
   *
   * @param apiKey if the service wants one
   * @param onChange called after every change of the state
   */
  async ask(url: URL, apiKey: string | undefined, onChange: () => void): Promise<void> {
    const { signal } = this.#controller
    try {
      const frames = streamRun({
        url,
        ...this.#asked,
        apiKey,
        include: INCLUDE,
        signal,
        onEvent: (data) => this.#keep(data),
      })
      for await (const _ of frames) {
        if (signal.aborted) break
        onChange()
      }
    } catch (error) {
      if (error instanceof RefusedError) this.refusal = error
      const message = error instanceof NotTheServiceError ? error.message : undefined
      this.#endBy(error instanceof IncompleteStreamError ? 'network' : 'silence', message)
    }
    onChange()
  }

  /** Ends the run here at once. The service aborts its models when it sees the connection close. */
  stop(): void {
    this.#endBy('reader')
    this.#controller.abort()
  }

  /** Keeps an event, and folds its frame at the very time that is kept: a record then tells the same run. */
  #keep(data: string): void {
    if (this.#end) return
    this.events.push(data)
    const frame = frameIn(data)
    if (!frame) return
    const at = this.now
    this.#frames.push({ at, data })
    this.folding.fold(frame, at)
  }

  #endBy(by: RunEnd['by'], message?: string): void {
    if (this.folding.state.phase !== 'running') return
    this.#end = { by, at: this.now, message }
    this.folding.end(this.#end)
  }
}

function frameIn(data: string): Frame | undefined {
  try {
    return JSON.parse(data)
  } catch {
    return undefined // such as `[DONE]`
  }
}
