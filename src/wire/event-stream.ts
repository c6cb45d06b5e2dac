/**
 * A run's frames as the body of a response. Frames are taken only when the response asks for more, so a reader who
 * takes nothing holds up the run. A few frames that come within one turn of the event loop leave in one write at its
 * end, after the upstreams have been asked for more. Many that come together leave at once.
 */
import { Readable } from 'node:stream'
import type { Outlet } from '../async/channel.ts'
import { Silence } from '../async/silence.ts'
import type { Frame } from '../core/frame.ts'
import type { Dialect, RunInfo } from './dialect.ts'

/** Bytes that may wait for the response before frames are left in the channel. */
const HELD = 16 * 1024

/**
 * Frames that are worth a write of their own at once. Kept until the end of the turn, along with those of many other
 * streams, they would fall out of the processor's caches and survive a garbage collection.
 */
const MANY = 32

const isText = ({ type }: Frame) => type === 'token'

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
  /** Whether the response has asked and has received nothing yet. */
  let isAsking = false
  /** Whether any text has left. The first is what people wait for. */
  let hasText = false

  const wait = () => {
    if (frames.waiting === 0 && !frames.isOver) {
      silence.start(heartbeatMs)
      frames.whenMore(wait)
      return
    }
    const isFirstText = !hasText && frames.holds(isText)
    hasText ||= isFirstText
    if (frames.waiting >= MANY || isFirstText) queueMicrotask(send)
    else setImmediate(send)
  }
  const send = () => {
    if (stream.destroyed) return
    isAsking = false
    silence.pause()
    const text = encoder.encode(frames.takeNow())
    if (frames.isOver) {
      stream.push(text + encoder.end)
      stream.push(null)
    } else {
      stream.push(text)
    }
  }
  const silence = new Silence(() => {
    stream.push(encoder.keepAlive)
    silence.start(heartbeatMs)
  })
  const stream = new Readable({
    highWaterMark: HELD,
    read() {
      if (isAsking) return // only a heartbeat has been sent since
      isAsking = true
      wait()
    },
    destroy(error, done) {
      silence.end()
      done(error)
    },
  })
  return stream
}
