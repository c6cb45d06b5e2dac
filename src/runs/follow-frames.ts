/**
 * A run's log as the frames of a run that has just begun, for readers that can't say what they have: what there is
 * already comes in short, and then what follows. Nor can they take text back: where the log does, their reading ends.
 */
import { Channel, type Outlet } from '../async/channel.ts'
import type { Frame } from '../core/frame.ts'
import { Cursor, framesAfter } from './cursor.ts'
import { snapshot } from './replay.ts'
import type { Tail } from './tail.ts'

/** UTF-16 units of text that may wait for the reader before the log is read any further. */
const CAPACITY = 16 * 1024

export type Following = {
  readonly frames: Outlet<Frame>
  /** To be called when they aren't read any longer. */
  readonly leave: () => void
}

/** @param onMoved called when the reader has to ask again: nothing more of the run comes this way */
export function followFrames(tail: Tail, onMoved: () => void): Following {
  const frames = new Channel<Frame>(CAPACITY, (frame) => (frame.type === 'token' ? frame.chunk.length : 0))
  const cursor = new Cursor(tail, tail.position)
  const { promise: left, resolve } = Promise.withResolvers<void>()
  let hasLeft = false
  const leave = () => {
    hasLeft = true
    resolve()
  }

  const follow = async () => {
    for (const frame of snapshot(tail.frames(), 'first')) await frames.push([frame])
    while (!hasLeft) {
      const taken = cursor.take()
      if (taken) {
        const more = framesAfter(taken)
        if (more.some(({ type }) => type === 'reset')) return onMoved()
        await frames.push(more)
      } else if (tail.endedAt !== undefined) {
        return frames.close()
      } else if (tail.isCut) {
        return onMoved()
      } else {
        const { promise: more, resolve: wake } = Promise.withResolvers<void>()
        const takeBack = tail.whenMore(wake)
        await Promise.race([more, left])
        takeBack()
      }
    }
  }
  follow()
  return { frames, leave }
}
