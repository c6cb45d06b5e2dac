/**
 * A run's log as the body of a response: the native events, each with its position as `id`, from wherever the reader
 * is. Entries are taken only when the response asks for more: a reader who takes nothing stays where it is.
 */
import { Readable } from 'node:stream'
import { Silence } from '../async/silence.ts'
import { Cursor, framesAfter, type Taken } from '../runs/cursor.ts'
import { type Entry, firstOf } from '../runs/entry.ts'
import { type Position, START, written } from '../runs/position.ts'
import { snapshot } from '../runs/replay.ts'
import type { Tail } from '../runs/tail.ts'
import { DONE, encodeFrame, FrameEncoder, KEEP_ALIVE } from './native.ts'

/** Bytes that may wait for the response before entries are left in the log. */
const HELD = 16 * 1024

export type ReadingOptions = {
  /** Where the reader is; undefined for one that has nothing, and gets what there is in short. */
  readonly after: Position | undefined
  /** Milliseconds of silence after which a comment is sent. */
  readonly heartbeatMs: number
  /** Milliseconds after which an `EventSource` asks again; left out, it decides by itself. */
  readonly retryMs?: number
  /** Called once, when the log isn't read any longer. */
  readonly leave: () => void
  /** Called when the reader has to ask again: nothing more of the run comes from this process. */
  readonly onMoved: () => void
}

export function resumableStream(
  tail: Tail,
  { after, heartbeatMs, retryMs, leave, onMoved }: ReadingOptions,
): Readable {
  let unsent = retryMs === undefined ? '' : `retry: ${retryMs}\n\n`
  const shortened = after ? undefined : inShort(tail)
  const cursor = new Cursor(tail, after ?? tail.position)
  let takeBack: (() => void) | undefined
  let isAsking = false

  const next = () => {
    takeBack = undefined
    const texts = [unsent]
    unsent = ''
    let size = 0
    while (size < HELD) {
      const text = shortened?.next().value ?? textOf(tail, cursor.take())
      if (text === undefined) break
      texts.push(text)
      size += text.length
    }
    const isOver = tail.endedAt !== undefined && !cursor.hasMore && size < HELD
    if (size > 0 || isOver) {
      isAsking = false
      silence.pause()
      stream.push(texts.join(''))
      if (isOver) stream.push(null)
    } else if (tail.isCut) {
      onMoved()
    } else {
      unsent = texts.join('')
      silence.start(heartbeatMs)
      takeBack = tail.whenMore(next)
    }
  }
  const silence = new Silence(() => {
    stream.push(KEEP_ALIVE)
    silence.start(heartbeatMs)
  })
  const stream = new Readable({
    highWaterMark: HELD,
    read() {
      if (isAsking) return // only a heartbeat has been sent since
      isAsking = true
      next()
    },
    destroy(error, done) {
      takeBack?.()
      silence.end()
      leave()
      done(error)
    },
  })
  return stream
}

/**
 * What there is already. Only the last event has an id: a reader that is cut off in the midst has none, and asks for all
 * of it again, which the reset at the beginning makes harmless.
 */
function* inShort(tail: Tail): Generator<string, undefined> {
  const at = written(tail.position)
  const isOver = tail.endedAt !== undefined
  const frames = snapshot(tail.frames())
  const last = isOver ? undefined : frames.pop()
  const reset = encodeFrame({ type: 'reset', keep: [] })
  if (!last && !isOver) {
    yield withId(at, reset)
    return
  }
  yield reset
  for (const frame of frames) yield encodeFrame(frame)
  yield withId(at, last ? encodeFrame(last) : DONE)
}

/** What many readers get in the same moment is encoded once. Who is behind them has it made again. */
const newest = new WeakMap<Tail, { readonly entry: Entry; readonly text: string }>()

function textOf(tail: Tail, taken: Taken | undefined): string | undefined {
  if (!taken) return undefined
  const { entry, skip } = taken
  if (skip > 0) return events(taken)
  const known = newest.get(tail)
  if (known?.entry === entry) return known.text
  const text = events(taken)
  newest.set(tail, { entry, text })
  return text
}

function events(taken: Taken): string {
  const { entry, skip } = taken
  const { attempt, count } = entry.at
  const encoder = new FrameEncoder()
  const first = firstOf(entry) + skip
  const texts = framesAfter(taken).map((frame, index) =>
    withId(`${attempt}-${first + index}`, encoder.encode([frame])),
  )
  if (entry.endedAt !== undefined) texts.push(withId(`${attempt}-${count}`, DONE))
  return texts.join('')
}

/**
 * An event with its id below its data. Some clients, such as fetch-event-source, take an id for that of the last event as
 * soon as they read its line: above the data, an event that is cut in its midst would never come again.
 */
const withId = (id: string, event: string) => `${event.slice(0, -1)}id: ${id}\n\n`

/** A reader from the first event on, which gets every frame as it came. */
export const FROM_START: Position = START
