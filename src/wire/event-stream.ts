/**
 * A run's frames as the body of a response. They are taken only as the response asks for more, so that a reader who
 * takes nothing holds up the run. The few that come within a turn of the event loop leave in one write at its end, when
 * what is to be asked of upstreams has been asked; many that come together leave together.
 */
import { Readable } from 'node:stream'
import type { Outlet } from '../async/channel.ts'
import { Silence } from '../async/silence.ts'
import type { Frame } from '../core/frame.ts'
import type { Dialect } from './dialect.ts'

/** Bytes that wait for the response before the frames are left where they are. */
const HELD = 16 * 1024

/**
 * Frames that are worth a write of their own, at once: kept till the turn's end together with those of many other
 * streams, they would have left the processor's caches, and would outlive a collection.
 */
const MANY = 32

const isText = ({ type }: Frame) => type === 'token'

/**
 * @param frames those of one run
 * @param dialect the words that the client wants them in
 * @param heartbeatMs after so long a silence a comment is sent, so that proxies keep the connection open; time in
 *   which the response asks for nothing is no silence
 */
export function eventStream(frames: Outlet<Frame>, dialect: Dialect, heartbeatMs: number): Readable {
  const encoder = dialect.open()
  /** Whether the response has asked, and has got nothing yet. */
  let isAsking = false
  /** Whether a text has left: the first is what people wait for. */
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
      if (isAsking) return // a heartbeat came in between
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
