import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RunError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import { NotAdmitted, Runs } from '../../src/runs/runs.ts'
import { lmOf, silence } from '../support/lm.ts'
import { oneCall } from '../support/programs.ts'

/** Runs whose model never says a word, and a way to start one, which ends with the test. */
function setUp(t: TestContext, { max = 2, timeoutMs = 300_000 } = {}) {
  const runs = new Runs({ lm: lmOf(silence), adapter: 'chat', max, timeoutMs })
  const start = () => {
    const run = runs.start(oneCall, { question: 'Why?' }, { id: 'run-1' })
    t.after(() => {
      run.abort(new RunError('client_closed'))
      return run.finished
    })
    return run
  }
  return { runs, start }
}

const refused = (code: string) => (error: unknown) => {
  assert.ok(error instanceof NotAdmitted)
  assert.equal(error.code, code)
  assert.ok(error.retryAfter > 0)
  return true
}

test('no more runs are admitted than there may be, and each that leaves makes room', (t) => {
  const { runs, start } = setUp(t)
  const first = start()
  start()
  assert.throws(start, refused('too_many_streams'))
  first.leave()
  assert.equal(runs.size, 1)
  start()
})

test('a run that takes too long ends, and one that is aborted ends with the reason', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { start } = setUp(t, { timeoutMs: 1_000 })
  const run = start()
  t.mock.timers.tick(999)
  assert.equal(run.frames.isOver, false)
  t.mock.timers.tick(1)
  assert.equal((await run.finished)?.code, 'run_timeout')
  const [error] = (await Array.fromAsync(run.frames)).flat() as Frame[]
  assert.partialDeepStrictEqual(error, { type: 'error', code: 'run_timeout', request_id: 'run-1' })
})

test('a drain with nothing open is over at once', async (t) => {
  const { runs, start } = setUp(t)
  await runs.drain(60_000)
  assert.ok(runs.isDraining)
  assert.throws(start, refused('shutting_down'))
})

test('a drain waits for the open runs, and ends with the last of them', async (t) => {
  const { runs, start } = setUp(t)
  const open = [start(), start()]
  let isOver = false
  const drained = runs.drain(60_000).then(() => {
    isOver = true
  })
  open[0]?.leave()
  await Promise.resolve()
  assert.equal(isOver, false)
  open[1]?.leave()
  await drained
})

test('after the drain time, what is left is ended, and gets a second to say so', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { runs, start } = setUp(t, { max: 1 })
  const run = start()
  let isOver = false
  const drained = runs.drain(5_000).then(() => {
    isOver = true
  })
  t.mock.timers.tick(4_999)
  await Promise.resolve()
  assert.equal(run.frames.isOver, false)
  t.mock.timers.tick(1)
  assert.equal((await run.finished)?.code, 'shutting_down')
  t.mock.timers.tick(999)
  await Promise.resolve()
  assert.equal(isOver, false)
  t.mock.timers.tick(1)
  await drained
})
