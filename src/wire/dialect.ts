/**
 * The contract between a run's frames and the text that a client wants them in. To add a dialect, write one file that
 * makes a `Dialect`. When to take frames, what to do in a silence and how to end the response is up to
 * `event-stream.ts`.
 */
import type { Frame, PredictionFrame } from '../core/frame.ts'
import type { Answer } from '../core/program.ts'

export type Dialect = {
  /** The response's headers: they tell the client what it gets. */
  readonly headers: Readonly<Record<string, string>>
  /** Begins one response. All state of that response is in the encoder. */
  readonly open: (run: RunInfo) => Encoder
}

/** What a dialect may have to say of a run besides its frames. */
export type RunInfo = {
  /** Names the run: letters, digits, `-` and `_`. */
  readonly id: string
  /** The program's name, which other people's clients know as a model. */
  readonly program: string
  /** The field in which its answer streams, if it has one. */
  readonly answer: Answer | undefined
  /** Seconds since 1970. */
  readonly createdAt: number
}

/** The text of one response, from its first frame to its last. */
export type Encoder = {
  /**
   * @param frames one batch, in order; the last of a response ends in a prediction or an error
   * @returns their text, which may be ''
   */
  encode(frames: readonly Frame[]): string
  /** What follows the last frame. */
  readonly end: string
  /** Sent during a silence, so that proxies keep the connection open. */
  readonly keepAlive: string
}

/** The same run as one answer, for clients that don't stream. */
export type Whole = {
  /** Gets the frames as they come, and keeps of them what the answer needs. */
  take(frames: readonly Frame[]): void
  /** @returns what is sent as JSON once the run has ended in this prediction */
  answer(prediction: PredictionFrame): object
}
