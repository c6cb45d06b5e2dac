import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { follow } from '../../src/async/follow.ts'

test('aborts with the signal, for its reason', () => {
  const leader = new AbortController()
  const { controller } = follow(leader.signal)
  assert.equal(controller.signal.aborted, false)
  const reason = new Error('over')
  leader.abort(reason)
  assert.equal(controller.signal.reason, reason)
  assert.equal(follow(leader.signal).controller.signal.reason, reason, 'one that has aborted before')
})

test('may abort by itself, which the signal does not hear', () => {
  const leader = new AbortController()
  const { controller } = follow(leader.signal)
  const reason = new Error('mine')
  controller.abort(reason)
  leader.abort(new Error('later'))
  assert.equal(controller.signal.reason, reason)
})

test('follows no longer than it is to', () => {
  const leader = new AbortController()
  const { controller, unfollow } = follow(leader.signal)
  unfollow()
  leader.abort()
  assert.equal(controller.signal.aborted, false)
  assert.equal(getEventListeners(leader.signal, 'abort').length, 0)
})
