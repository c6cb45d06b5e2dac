import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunError } from '../../src/core/errors.ts'
import { Problem } from '../../src/http/problem.ts'
import { OpenStreams } from '../../src/runs/runs.ts'

const refused = (code: string) => (error: unknown) => {
  assert.ok(error instanceof Problem)
  assert.deepEqual([error.status, error.code], [503, code])
  assert.match(error.headers['retry-after'] ?? '', /^\d+$/)
  return true
}

test('no more streams are let in than there may be, and each that leaves makes room', () => {
  const streams = new OpenStreams(2)
  const first = streams.enter()
  streams.enter()
  assert.throws(() => streams.enter(), refused('too_many_streams'))
  streams.leave(first)
  assert.equal(streams.size, 1)
  streams.enter()
})

test('a drain with nothing open is over at once', async () => {
  const streams = new OpenStreams(2)
  await streams.drain(60_000)
  assert.ok(streams.isDraining)
  assert.throws(() => streams.enter(), refused('shutting_down'))
})

test('a drain waits for the open streams, and ends with the last of them', async () => {
  const streams = new OpenStreams(2)
  const open = [streams.enter(), streams.enter()]
  const drained = streams.drain(60_000)
  for (const controller of open) {
    assert.equal(controller.signal.aborted, false)
    streams.leave(controller)
  }
  await drained
})

test('after the drain time, what is left is ended, and gets a second to say so', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const streams = new OpenStreams(1)
  const { signal } = streams.enter()
  let isOver = false
  const drained = streams.drain(5_000).then(() => {
    isOver = true
  })
  t.mock.timers.tick(4_999)
  assert.equal(signal.aborted, false)
  t.mock.timers.tick(1)
  assert.ok(signal.reason instanceof RunError)
  assert.equal(signal.reason.code, 'shutting_down')
  t.mock.timers.tick(999)
  await Promise.resolve()
  assert.equal(isOver, false)
  t.mock.timers.tick(1)
  await drained
})
