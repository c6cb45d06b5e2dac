/**
 * The contract between a run's frames and the words in which a client wants them. To add a dialect, write one file
 * that makes a `Dialect`; when frames are taken, silence, and the end of the response are `event-stream.ts`'s.
 */
import type { Frame } from '../core/frame.ts'

export type Dialect = {
  /** What the response carries besides: how the client tells what it gets. */
  readonly headers: Readonly<Record<string, string>>
  /** Begins one response. Whatever a dialect has to remember of it is in the encoder alone. */
  readonly open: () => Encoder
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
  /** What is sent in a silence, so that proxies keep the connection open. */
  readonly keepAlive: string
}
