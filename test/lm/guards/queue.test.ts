import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RunError } from '../../../src/core/errors.ts'
import type { CallOptions, LM } from '../../../src/core/lm.ts'
import { predict } from '../../../src/core/predictor.ts'
import { withQueue } from '../../../src/lm/guards/queue.ts'
import { abortion, codeOf, lmOf, stop, text } from '../../support/lm.ts'

const options: CallOptions = {
  signature: predict('question -> answer'),
  adapter: 'chat',
  signal: new AbortController().signal,
  usage: false,
}
const waits = (ahead: number) => [
  { type: 'wait', reason: 'turn', message: `Waiting for a turn: ${ahead} ahead…` },
]
const turn = () => new Promise(setImmediate)

/** A queue around a model whose calls go on when the test says so. */
function queue(limits: { slots: number; waiting: number }) {
  const gates: PromiseWithResolvers<void>[] = []
  const lm = withQueue(
    lmOf(async function* ({ signal }, nth) {
      gates[nth] = Promise.withResolvers()
      yield [text('here')]
      await Promise.race([gates[nth].promise, abortion(signal)])
      yield [stop]
    }),
    limits,
  )
  return {
    /** A new call. */
    call: (signal = options.signal) => lm.stream([], { ...options, signal })[Symbol.asyncIterator](),
    /** How many calls have reached the model. */
    get started() {
      return gates.length
    },
    finish: (nth: number) => gates[nth]?.resolve(),
    fail: (nth: number, error: Error) => gates[nth]?.reject(error),
  }
}

const first = async (call: AsyncIterator<unknown>) => (await call.next()).value
const rest = async (call: AsyncIterator<unknown>) => {
  const items: unknown[] = []
  for (let next = await call.next(); !next.done; next = await call.next()) items.push(next.value)
  return items
}

describe('the queue', () => {
  it('lets as many calls through as there are slots, untouched', async () => {
    const { call, finish } = queue({ slots: 2, waiting: 0 })
    const [a, b] = [call(), call()]
    assert.deepEqual(await first(a), [text('here')])
    assert.deepEqual(await first(b), [text('here')])
    finish(0)
    finish(1)
    assert.deepEqual(await rest(a), [[stop]])
    assert.deepEqual(await rest(b), [[stop]])
  })

  it('tells a call once that it waits, and behind how many', async () => {
    const { call, finish } = queue({ slots: 2, waiting: 2 })
    const [a, b, c, d] = [call(), call(), call(), call()]
    await first(a)
    await first(b)
    assert.deepEqual(await first(c), waits(2))
    assert.deepEqual(await first(d), waits(3))
    for (const nth of [0, 1]) finish(nth)
    await rest(a)
    await rest(b)
    assert.deepEqual(await first(c), [text('here')])
    assert.deepEqual(await first(d), [text('here')])
    for (const nth of [2, 3]) finish(nth)
    assert.deepEqual(await rest(c), [[stop]])
    assert.deepEqual(await rest(d), [[stop]])
  })

  it('goes by the order of arrival, also when a newcomer is quicker', async () => {
    const lm = queue({ slots: 1, waiting: 2 })
    const [a, b] = [lm.call(), lm.call()]
    await first(a)
    await first(b)
    lm.finish(0)
    await rest(a)
    const late = lm.call()
    assert.deepEqual(await first(late), waits(1), 'the slot is kept for the call that was next')
    assert.deepEqual(await first(b), [text('here')])
    assert.equal(lm.started, 2)
  })

  it('refuses a call when the line is full, and takes one when there is room again', async () => {
    const lm = queue({ slots: 1, waiting: 1 })
    const [a, b] = [lm.call(), lm.call()]
    await first(a)
    await first(b)
    await assert.rejects(first(lm.call()), (error) => codeOf(error) === 'lm_busy')
    lm.finish(0)
    await rest(a)
    assert.deepEqual(await first(lm.call()), waits(1))
  })

  const endings: Record<
    string,
    (call: AsyncIterator<unknown>, lm: ReturnType<typeof queue>) => Promise<unknown>
  > = {
    'has finished': (call, { finish }) => {
      finish(0)
      return rest(call)
    },
    'has failed': (call, { fail }) => {
      fail(0, new RunError('upstream_error'))
      return assert.rejects(rest(call), (error) => codeOf(error) === 'upstream_error')
    },
    'is read no further': async (call) => call.return?.(),
  }
  for (const [how, end] of Object.entries(endings)) {
    it(`frees the slot of a call that ${how}`, async () => {
      const lm = queue({ slots: 1, waiting: 0 })
      const call = lm.call()
      await first(call)
      await end(call, lm)
      assert.deepEqual(await first(lm.call()), [text('here')])
      await assert.rejects(first(lm.call()), (error) => codeOf(error) === 'lm_busy', 'there is only one slot')
    })
  }

  it('frees the slot of an aborted call at once, even when nobody reads it', async () => {
    const lm = queue({ slots: 1, waiting: 1 })
    const reason = new RunError('client_closed')
    const aborting = new AbortController()
    const [a, b] = [lm.call(aborting.signal), lm.call()]
    await first(a)
    await first(b)
    aborting.abort(reason)
    assert.deepEqual(await first(b), [text('here')])
    await assert.rejects(rest(a), (error) => error === reason)
    assert.deepEqual(await first(lm.call()), waits(1), 'the slot was freed once and not twice')
  })

  it('takes an aborted call out of the line at once, with the reason', async () => {
    const lm = queue({ slots: 1, waiting: 2 })
    const reason = new RunError('client_closed')
    const aborting = new AbortController()
    const [a, read, unread, last] = [lm.call(), lm.call(aborting.signal), lm.call(aborting.signal), lm.call()]
    await first(a)
    await first(read)
    await first(unread)
    const reading = assert.rejects(read.next(), (error) => error === reason)
    aborting.abort(reason)
    await reading
    assert.deepEqual(await first(last), waits(1), 'nobody else is in the line')
    await assert.rejects(first(unread), (error) => error === reason)
    lm.finish(0)
    await rest(a)
    assert.deepEqual(await first(last), [text('here')])
    assert.equal(lm.started, 2, 'the aborted calls never reached the model')
  })

  it('takes a call out of the line whose consumer leaves', async () => {
    const lm = queue({ slots: 1, waiting: 1 })
    const [a, b] = [lm.call(), lm.call()]
    await first(a)
    await first(b)
    await b.return?.()
    assert.deepEqual(await first(lm.call()), waits(1))
    lm.finish(0)
    await rest(a)
    await turn()
    assert.equal(lm.started, 1, 'the call that left got no slot')
  })

  it('does nothing for a call that is aborted from the start', async () => {
    const lm = queue({ slots: 1, waiting: 0 })
    const reason = new RunError('client_closed')
    await assert.rejects(first(lm.call(AbortSignal.abort(reason))), (error) => error === reason)
    assert.deepEqual(await first(lm.call()), [text('here')])
  })

  it('leaves the rest of the model as it is', () => {
    const lm: LM = { ...lmOf(() => assert.fail()), fits: () => false }
    const { model, fits } = withQueue(lm, { slots: 1, waiting: 0 })
    assert.equal(model, lm.model)
    assert.equal(fits, lm.fits)
  })
})
