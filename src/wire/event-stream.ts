/** A run's frames as the body of a response. Frames are taken only when the response asks for more. */
import { Readable } from 'node:stream'
import type { Outlet } from '../async/channel.ts'
import type { Frame } from '../core/frame.ts'
import { Batches } from './batches.ts'
import type { Dialect, RunInfo } from './dialect.ts'

/** Bytes that may wait for the response before frames are left in the channel. */
const HELD = 16 * 1024

/**
 * @param frames the frames of one run
 * @param dialect the text that the client wants them in
 * @param run which run it is
 * @param heartbeatMs milliseconds of silence after which a comment is sent, so that proxies keep the connection
 *   open; it isn't silence while the response asks for nothing
 */
export function eventStream(
  frames: Outlet<Frame>,
  dialect: Dialect,
  run: RunInfo,
  heartbeatMs: number,
): Readable {
  const encoder = dialect.open(run)
  const batches = new Batches(frames, {
    onBatch(batch) {
      const text = encoder.encode(batch)
      if (batches.isOver) {
        stream.push(text + encoder.end)
        stream.push(null)
      } else {
        stream.push(text)
      }
    },
    onSilence: () => stream.push(encoder.keepAlive),
    silenceMs: heartbeatMs,
  })
  const stream = new Readable({
    highWaterMark: HELD,
    read: () => batches.ask(),
    destroy(error, done) {
      batches.end()
      done(error)
    },
  })
  return stream
}
