import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Silence } from '../../src/async/silence.ts'
import { clock } from '../support/clock.ts'

function setUp(t: TestContext) {
  const pass = clock(t)
  const state = { expiries: 0 }
  const silence = new Silence(() => {
    state.expiries++
  })
  return { pass, silence, state }
}

test('expires once when the time is up, not before', async (t) => {
  const { pass, silence, state } = setUp(t)
  silence.start(100)
  await pass(99)
  assert.equal(state.expiries, 0)
  await pass(1)
  assert.equal(state.expiries, 1)
  await pass(10_000)
  assert.equal(state.expiries, 1)
})

test('a start grants the whole time anew, be it longer or shorter than what was left', async (t) => {
  const { pass, silence, state } = setUp(t)
  silence.start(100)
  await pass(50)
  silence.start(1_000)
  await pass(999)
  assert.equal(state.expiries, 0)
  silence.start(10)
  await pass(9)
  assert.equal(state.expiries, 0)
  await pass(1)
  assert.equal(state.expiries, 1)
})

test('signs of life set no timer each', async (t) => {
  const { pass, silence, state } = setUp(t)
  const timers = t.mock.method(globalThis, 'setTimeout')
  for (let nth = 0; nth < 1_000; nth++) {
    silence.start(1_000)
    await pass(10)
  }
  assert.equal(state.expiries, 0)
  assert.ok(timers.mock.callCount() <= 20, `${timers.mock.callCount()} timers in 10 times the silence`)
})

test('paused after its time, before the timer has fired, it asks for no time that is past', (t) => {
  const readings = [0, 0.5] // of a clock that goes on between two looks at it
  t.mock.method(performance, 'now', () => readings.shift() ?? 150)
  const timers = t.mock.method(globalThis, 'setTimeout')
  const silence = new Silence(() => {})
  silence.start(100)
  silence.pause()
  silence.resume()
  silence.end()
  const past = timers.mock.calls.filter(({ arguments: [, ms] }) => (ms ?? 0) < 0)
  assert.deepEqual([timers.mock.callCount() > 0, past], [true, []])
})

test('nothing expires while it stands still, and no time is lost or gained', async (t) => {
  const { pass, silence, state } = setUp(t)
  silence.start(100)
  await pass(60)
  silence.pause()
  silence.pause()
  await pass(10_000)
  silence.resume()
  await pass(39)
  assert.equal(state.expiries, 0)
  await pass(1)
  assert.equal(state.expiries, 1)
})

test('a sign of life that was waiting while the event loop was blocked is still in time', async (t) => {
  const { silence, state } = setUp(t)
  silence.start(100)
  t.mock.method(performance, 'now', () => 100)
  t.mock.timers.tick(100) // its immediate comes after the sockets
  silence.pause()
  await new Promise(setImmediate)
  assert.equal(state.expiries, 0)
})

test('nothing is left after its end', async (t) => {
  const { pass, silence, state } = setUp(t)
  silence.start(100)
  silence.end()
  await pass(10_000)
  assert.equal(state.expiries, 0)
})

test('expires exactly when the running time since the last start is up, whatever is done to it', async (t) => {
  const step = fc.oneof(
    fc.record({ start: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ pass: fc.integer({ min: 0, max: 20 }) }),
    fc.constantFrom('pause' as const, 'resume' as const),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step), async (steps) => {
      const { pass, silence, state } = setUp(t)
      let leftMs = Number.POSITIVE_INFINITY
      let isRunning = false
      let expected = 0
      for (const one of steps) {
        if (one === 'pause') {
          silence.pause()
          isRunning = false
        } else if (one === 'resume') {
          if (leftMs === Number.POSITIVE_INFINITY || isRunning) continue
          silence.resume()
          isRunning = true
        } else if ('start' in one) {
          silence.start(one.start)
          leftMs = one.start
          isRunning = true
        } else {
          await pass(one.pass)
          if (!isRunning) continue
          leftMs -= one.pass
          if (leftMs > 0) continue
          expected++
          isRunning = false
          leftMs = Number.POSITIVE_INFINITY
        }
        assert.equal(state.expiries, expected)
      }
      silence.end()
      t.mock.reset()
    }),
  )
})
