import assert from 'node:assert/strict'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Channel } from '../../src/async/channel.ts'
import type { Frame } from '../../src/core/frame.ts'
import { eventStream } from '../../src/wire/event-stream.ts'
import { DONE, encodeFrame, KEEP_ALIVE, native } from '../../src/wire/native.ts'
import { clock } from '../support/clock.ts'

const RUN = { id: 'run-1', program: 'p', answer: undefined, createdAt: 0 }
const HEARTBEAT_MS = 1_000

const token = (chunk: string): Frame => ({
  type: 'token',
  field: 'answer',
  predictor: 'compose',
  chunk,
  is_last: false,
})
const events = (...chunks: string[]) => chunks.map((chunk) => encodeFrame(token(chunk))).join('')

/** A stream over a channel that the test fills, on a clock that it moves, and the writes that came out. */
function setUp(t: TestContext, { isRead = true } = {}) {
  const passTime = clock(t)
  const frames = new Channel<Frame>(1_000, () => 1)
  const stream = eventStream(frames, native, RUN, HEARTBEAT_MS)
  const writes: string[] = []
  const read = () => stream.on('data', (bytes) => writes.push(String(bytes)))
  if (isRead) read()
  return {
    frames,
    stream,
    writes,
    read,
    /** Lets everything that is due run, and then time pass. */
    pass: async (ms = 0) => {
      await passTime(0)
      await passTime(ms)
    },
  }
}

/** Whether the stream has said that there is no more. */
const isOver = ({ readableEnded }: Readable) => readableEnded

test('what comes within a turn of the event loop leaves in one write, each frame as an event', async (t) => {
  const { frames, writes, pass } = setUp(t)
  await pass()
  frames.push([token('a'), token('b')])
  frames.push([token('c')])
  await pass()
  frames.push([token('d')])
  await pass()
  assert.deepEqual(writes, [events('a', 'b', 'c'), events('d')])
})

const status: Frame = { type: 'status', message: 'On it.', module: 'm', phase: 'start' }

for (const statuses of [0, 1, 2]) {
  test(`the first text leaves before the turn is over, after ${statuses} statuses: people wait for it`, async (t) => {
    const { frames, writes, pass } = setUp(t)
    await pass()
    for (let nth = 0; nth < statuses; nth++) {
      frames.push([status])
      await Promise.resolve()
      assert.equal(writes.length, nth, 'a status can wait until what it speaks of has been asked for')
      await pass()
    }
    frames.push([token('a')])
    await Promise.resolve()
    assert.deepEqual(writes, [...Array(statuses).fill(encodeFrame(status)), events('a')])

    await pass()
    frames.push([token('b')])
    await Promise.resolve()
    assert.equal(writes.length, statuses + 1, 'the others don’t')
  })
}

test('many that come together leave together, before the turn is over', async (t) => {
  const { frames, writes, pass } = setUp(t)
  await pass()
  const chunks = Array.from({ length: 100 }, (_, nth) => `${nth} `)
  frames.push(chunks.map(token))
  await Promise.resolve()
  assert.deepEqual(writes, [events(...chunks)])
})

test('[DONE] follows the last frame, and nothing follows it', async (t) => {
  const { frames, stream, writes, pass } = setUp(t)
  frames.push([token('a')])
  await pass()
  assert.equal(isOver(stream), false)
  frames.push([token('b')])
  frames.close()
  await pass()
  assert.deepEqual(writes, [events('a'), events('b') + DONE])
  assert.equal(isOver(stream), true)
})

test('[DONE] comes too where the channel closes after its last frame was taken, or had none', async (t) => {
  const { frames, stream, writes, pass } = setUp(t)
  frames.push([token('a')])
  await pass()
  frames.close()
  await pass()
  assert.deepEqual(writes, [events('a'), DONE])
  assert.equal(isOver(stream), true)
})

test('each stretch of silence is broken by a comment, and no frame is lost', async (t) => {
  const { frames, writes, pass } = setUp(t)
  for (let nth = 0; nth < 3; nth++) await pass(HEARTBEAT_MS)
  assert.deepEqual(writes, [KEEP_ALIVE, KEEP_ALIVE, KEEP_ALIVE])
  await pass(HEARTBEAT_MS - 1)
  frames.push([token('a')])
  await pass()
  assert.deepEqual(writes.slice(3), [events('a')])
})

test('a frame starts the silence anew', async (t) => {
  const { frames, writes, pass } = setUp(t)
  for (const chunk of ['a', 'b', 'c']) {
    await pass(HEARTBEAT_MS - 1)
    frames.push([token(chunk)])
    await pass()
  }
  assert.deepEqual(writes, [events('a'), events('b'), events('c')])
})

test('time in which nobody reads is no silence, and takes nothing off the channel', async (t) => {
  const { frames, writes, read, pass } = setUp(t, { isRead: false })
  frames.push([token('a')])
  await pass(5 * HEARTBEAT_MS)
  assert.equal(frames.takeNow().length, 1)
  frames.push([token('b')])
  read()
  await pass()
  assert.deepEqual(writes, [events('b')])
})

test('a reader that stops is not written for, and the channel fills', async (t) => {
  const { frames, stream, writes, pass } = setUp(t)
  await pass()
  stream.pause()
  const chunk = 'x'.repeat(10_000)
  let room: Promise<void> | undefined
  for (let nth = 0; nth < 2_000 && !room; nth++) {
    room = frames.push([token(chunk)])
    await turn()
  }
  assert.ok(room, 'the writer has to wait')
  await pass(5 * HEARTBEAT_MS)
  assert.deepEqual(writes, [])
  assert.ok(stream.readableLength < 200_000, `${stream.readableLength} bytes are held`)
  stream.resume()
  await room
})

test('a stream that is destroyed takes no more and leaves no timer', async (t) => {
  const { frames, stream, writes, pass } = setUp(t)
  await pass()
  stream.destroy()
  frames.push([token('a')])
  await pass(5 * HEARTBEAT_MS)
  assert.deepEqual(writes, [])
  assert.equal(frames.waiting, 1)
})
