/** One run: frames -> state, until it ends. What is refused has no run. */
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

/** What is asked, and of which program: undefined is the service's default. */
export type Asked = {
  readonly program: string | undefined
  readonly inputs: Readonly<Record<string, unknown>>
}

export class Run {
  readonly asked: Asked
  state: RunState
  /** Every event as it came, `[DONE]` included. */
  readonly events: string[] = []
  /** Set when the service refused to run: nothing has run. */
  refusal: RefusedError | undefined
  /** What kept the run from ending well, other than a refusal or an error frame. */
  error: Error | undefined
  readonly #controller = new AbortController()

  constructor(program: ProgramDescription, asked: Asked) {
    this.asked = asked
    this.state = startRun(program, performance.now())
  }

  /**
   * Asks, and reads the run to its end. Never throws: what went wrong is in `refusal`, `error` and `state`.
   *
   * @param apiKey if the service wants one
   * @param onChange called after every change of the state
   */
  async ask(url: URL, apiKey: string | undefined, onChange: () => void): Promise<void> {
    const { signal } = this.#controller
    try {
      const frames = streamRun({
        url,
        ...this.asked,
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
      else if (!signal.aborted) this.error = error as Error
      this.#end(error instanceof IncompleteStreamError ? 'incomplete' : 'failed')
    }
    onChange()
  }

  /** Ends the run here at once. The service aborts its models when it sees the connection close. */
  stop(): void {
    this.#end('stopped')
    this.#controller.abort()
  }

  #end(phase: 'stopped' | 'failed' | 'incomplete'): void {
    this.state = endRun(this.state, phase, performance.now())
  }
}
