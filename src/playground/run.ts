/** One question on its way: frames -> state, until it ends in one of its five ways or never begins. */
import {
  endRun,
  IncompleteStreamError,
  type ProgramDescription,
  RefusedError,
  type RunState,
  reduceRun,
  startRun,
  streamRun,
} from '../client/index.ts'

/** The extra frames that the page asks for. */
export const INCLUDE = ['reasoning', 'usage'] as const

export class Run {
  readonly question: string
  state: RunState
  /** Every event as it came, `[DONE]` included. */
  readonly events: string[] = []
  /** The service took no question: nothing has run. */
  refusal: RefusedError | undefined
  /** What else kept it from ending well. */
  failure: Error | undefined
  readonly #controller = new AbortController()

  constructor(program: ProgramDescription, question: string) {
    this.question = question
    this.state = startRun(program, performance.now())
  }

  /**
   * Asks, and follows the run to its end. It never throws: what went wrong stands in the fields.
   *
   * @param apiKey where the service wants one
   * @param onChange called after every change of the state
   */
  async follow(url: URL, apiKey: string | undefined, onChange: () => void): Promise<void> {
    const { signal } = this.#controller
    try {
      const frames = streamRun({
        url,
        question: this.question,
        apiKey,
        include: INCLUDE,
        signal,
        onEvent: (data) => this.events.push(data),
      })
      for await (const frame of frames) {
        if (signal.aborted) break
        this.state = reduceRun(this.state, frame, performance.now())
        onChange()
      }
    } catch (error) {
      if (error instanceof RefusedError) this.refusal = error
      else if (!signal.aborted) this.failure = error as Error
      this.#end(error instanceof IncompleteStreamError ? 'incomplete' : 'failed')
    }
    onChange()
  }

  /** Ends it here at once; the service aborts its models as soon as it sees the connection gone. */
  stop(): void {
    this.#end('stopped')
    this.#controller.abort()
  }

  #end(phase: 'stopped' | 'failed' | 'incomplete'): void {
    this.state = endRun(this.state, phase, performance.now())
  }
}
