import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type ErrorCode, errorCodes, RunError } from '../../../src/core/errors.ts'
import type { CallOptions, Delta } from '../../../src/core/lm.ts'
import { predict } from '../../../src/core/predictor.ts'
import { withRetries } from '../../../src/lm/guards/retries.ts'
import { codeOf, type Deltas, lmOf, saying, stop, text, thought } from '../../support/lm.ts'

const options: CallOptions = {
  signature: predict('question -> answer'),
  adapter: 'chat',
  signal: new AbortController().signal,
  usage: false,
}
const HOUR = 3_600_000

const CURABLE = ['upstream_unreachable', 'upstream_error', 'upstream_rate_limited', 'upstream_truncated']

/** Fails at once, or after some deltas; without a wait before the next request. */
const failing = (code: ErrorCode, ...before: (readonly Delta[])[]) =>
  failingWith(new RunError(code, { retryAfter: 0 }), ...before)

const failingWith = (thrown: unknown, ...before: (readonly Delta[])[]) =>
  async function* (): AsyncGenerator<readonly Delta[]> {
    yield* before
    throw thrown
  }

/** Makes one request after the other, and gives what came and how it ended. */
async function read(
  requests: readonly (() => Deltas)[],
  { retries = 2, deadlineMs = HOUR, signal = options.signal } = {},
) {
  let asked = 0
  const lm = lmOf((_, nth) => {
    asked++
    return requests[nth]?.() ?? assert.fail('one request too many')
  })
  const given: Delta[] = []
  let failure: unknown
  try {
    for await (const deltas of withRetries(lm, { retries, deadlineMs }).stream([], { ...options, signal })) {
      given.push(...deltas)
    }
  } catch (thrown) {
    failure = thrown
  }
  return { asked, given, failure }
}

const fine = () => saying([text('fine')])
const typesOf = (deltas: readonly Delta[]) =>
  deltas.map((one) => (one.type === 'wait' ? one.reason : one.type))

describe('retries', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    if (CURABLE.includes(code)) {
      it(`are made after ${code}, and each is announced`, async () => {
        const { asked, given, failure } = await read([failing(code), failing(code), fine])
        const reason = code === 'upstream_rate_limited' ? 'rate_limit' : 'retry'
        assert.deepEqual(typesOf(given), [reason, reason, 'text', 'finish'])
        assert.equal(asked, 3)
        assert.equal(failure, undefined)
      })
    } else {
      it(`aren't made after ${code}`, async () => {
        const { asked, given, failure } = await read([failing(code)])
        assert.equal(asked, 1)
        assert.deepEqual(given, [])
        assert.equal(codeOf(failure), code)
      })
    }
  }

  it("aren't made after what isn't a run's failure", async () => {
    const bug = new TypeError('x is undefined')
    const { asked, failure } = await read([failingWith(bug)])
    assert.equal(asked, 1)
    assert.equal(failure, bug)
  })

  it('aren’t made where all is well', async () => {
    assert.deepEqual(await read([fine]), { asked: 1, given: [text('fine'), stop], failure: undefined })
  })

  it('are as many as allowed, and then the last failure is the result', async () => {
    const last = new RunError('upstream_error', { retryAfter: 0 })
    const requests = [failing('upstream_unreachable'), failing('upstream_truncated'), failingWith(last)]
    const { asked, failure } = await read(requests, { retries: 2 })
    assert.equal(asked, 3)
    assert.equal(failure, last)
    assert.equal((await read(requests, { retries: 0 })).asked, 1)
  })

  it('are never made after the first text or reasoning', async () => {
    for (const spoken of [text('a'), thought('a')]) {
      for (const before of [[[spoken]], [[], [spoken], []], [[spoken, text('b')]], [[spoken], [text('b')]]]) {
        const { asked, given, failure } = await read([failing('upstream_error', ...before)])
        assert.equal(asked, 1)
        assert.deepEqual(given, before.flat())
        assert.equal(codeOf(failure), 'upstream_error')
      }
    }
    const { asked } = await read([failing('upstream_error'), failing('upstream_error', [text('a')])])
    assert.equal(asked, 2)
  })

  it('are made after waits and empty arrays, which say nothing', async () => {
    const wait: Delta = { type: 'wait', reason: 'turn', message: 'In line.' }
    const { asked, given } = await read([failing('upstream_error', [], [wait]), fine])
    assert.equal(asked, 2)
    assert.deepEqual(typesOf(given), ['turn', 'retry', 'text', 'finish'])
  })

  it('ask the same again', async () => {
    const seen: unknown[] = []
    const lm = lmOf(() => assert.fail())
    const messages = [{ role: 'user', content: 'Why?' }] as const
    lm.stream = (...request) => {
      seen.push(request)
      return seen.length < 3 ? failing('upstream_error')() : fine()
    }
    await Array.fromAsync(withRetries(lm, { retries: 2, deadlineMs: HOUR }).stream(messages, options))
    assert.deepEqual(seen, [
      [messages, options],
      [messages, options],
      [messages, options],
    ])
  })

  it("leave the rest of the LM as it is, and each call's count to itself", async () => {
    const lm = {
      ...lmOf((_, nth) => (nth % 2 === 0 ? failing('upstream_error')() : fine())),
      fits: () => false,
    }
    const retried = withRetries(lm, { retries: 1, deadlineMs: HOUR })
    assert.equal(retried.model, lm.model)
    assert.equal(retried.fits?.([], options), false)
    for (let call = 0; call < 3; call++) {
      const given = (await Array.fromAsync(retried.stream([], options))).flat()
      assert.deepEqual(typesOf(given), ['retry', 'text', 'finish'])
    }
  })
})

describe('the wait before a retry', () => {
  /** A clock that stands still but for what the test adds to it. */
  const clock = (t: TestContext) => {
    let now = 0
    t.mock.method(performance, 'now', () => now)
    return (ms: number) => {
      now += ms
    }
  }

  const limited = (retryAfter: number) => failingWith(new RunError('upstream_rate_limited', { retryAfter }))

  it('is the one that the endpoint asks for, if the deadline allows it', async (t) => {
    clock(t)
    const { given } = await read([limited(0.02), fine], { deadlineMs: 20 })
    assert.deepEqual(typesOf(given), ['rate_limit', 'text', 'finish'])
    const { asked, given: none, failure } = await read([limited(0.021)], { deadlineMs: 20 })
    assert.equal(asked, 1)
    assert.deepEqual(none, [])
    assert.equal(codeOf(failure), 'upstream_rate_limited')
  })

  it('counts against the deadline with all that came before it in the call', async (t) => {
    const pass = clock(t)
    const slow = async function* (): AsyncGenerator<readonly Delta[]> {
      yield []
      pass(70)
      throw new RunError('upstream_error', { retryAfter: 0.01 })
    }
    const { asked, failure } = await read([slow, slow], { retries: 5, deadlineMs: 100 })
    assert.equal(asked, 2)
    assert.equal(codeOf(failure), 'upstream_error')
  })

  it('is half a second where the endpoint says nothing, doubled each time, and up to half less', async (t) => {
    clock(t)
    const silent = failingWith(new RunError('upstream_error'))
    const firstDelta = async (attempt: number, deadlineMs: number) => {
      const requests = [...Array.from({ length: attempt }, () => failing('upstream_error')), silent]
      const lm = lmOf((_, nth) => requests[nth]?.() ?? fine())
      let waits = 0
      for await (const _ of withRetries(lm, { retries: 10, deadlineMs }).stream([], options)) {
        if (waits++ === attempt) return true // the long wait is announced, so it is allowed
      }
      return assert.fail('no wait')
    }
    for (const [random, factor] of [
      [0, 1],
      [0.5, 0.75],
      [1, 0.5],
    ] as const) {
      t.mock.method(Math, 'random', () => random)
      for (const attempt of [0, 1, 2, 5]) {
        const ms = 500 * 2 ** attempt * factor
        assert.equal(await firstDelta(attempt, ms), true)
        await assert.rejects(firstDelta(attempt, ms - 1), { code: 'upstream_error' })
      }
    }
  })

  it('is announced in seconds, with what a person has to know', async () => {
    const stream = withRetries(lmOf(limited(12.4)), { retries: 1, deadlineMs: HOUR }).stream([], options)
    const { value } = await stream[Symbol.asyncIterator]().next()
    const message = "The model's endpoint is busy. Asking again in 12 s."
    assert.deepEqual(value, [{ type: 'wait', reason: 'rate_limit', message }])
  })

  it('ends at once with the reason when the call is aborted', async () => {
    const abort = new AbortController()
    const gone = new RunError('client_closed')
    const lm = lmOf((_, nth) => (nth === 0 ? limited(1_000)() : assert.fail('asked again')))
    const call = { ...options, signal: abort.signal }
    const deltas = withRetries(lm, { retries: 3, deadlineMs: HOUR }).stream([], call)[Symbol.asyncIterator]()
    assert.deepEqual(typesOf((await deltas.next()).value), ['rate_limit'])
    const next = deltas.next()
    await new Promise(setImmediate)
    abort.abort(gone)
    await assert.rejects(next, (thrown) => thrown === gone)
    assert.equal((await deltas.next()).done, true)
  })

  it('is none when the call was aborted as it was announced', async () => {
    const abort = new AbortController()
    const gone = new Error('gone')
    const lm = lmOf((_, nth) => (nth === 0 ? limited(1_000)() : assert.fail('asked again')))
    const call = { ...options, signal: abort.signal }
    const deltas = withRetries(lm, { retries: 3, deadlineMs: HOUR }).stream([], call)[Symbol.asyncIterator]()
    await deltas.next()
    abort.abort(gone)
    await assert.rejects(deltas.next(), (thrown) => thrown === gone)
  })

  it('is none when the request failed because the call was aborted', async () => {
    const abort = new AbortController()
    const gone = new RunError('run_timeout')
    const request = async function* (): AsyncGenerator<readonly Delta[]> {
      yield []
      abort.abort(gone)
      throw new RunError('upstream_unreachable', { cause: 'the socket was closed' })
    }
    const { asked, given, failure } = await read([request], { signal: abort.signal })
    assert.equal(asked, 1)
    assert.deepEqual(given, [])
    assert.equal(failure, gone)
  })

  it('is none when nobody reads on', async () => {
    const lm = lmOf((_, nth) => (nth === 0 ? limited(1_000)() : assert.fail('asked again')))
    for await (const deltas of withRetries(lm, { retries: 3, deadlineMs: HOUR }).stream([], options)) {
      assert.deepEqual(typesOf(deltas), ['rate_limit'])
      break
    }
  })
})
