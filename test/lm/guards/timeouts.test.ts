import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { RunError } from '../../../src/core/errors.ts'
import type { CallOptions, Delta } from '../../../src/core/lm.ts'
import { predict } from '../../../src/core/predictor.ts'
import { withTimeouts } from '../../../src/lm/guards/timeouts.ts'
import { clock } from '../../support/clock.ts'
import { abortion, codeOf, lmOf, saying, silence, stop, text, thought } from '../../support/lm.ts'

const options: CallOptions = {
  signature: predict('question -> answer'),
  adapter: 'chat',
  signal: new AbortController().signal,
  usage: false,
}
const limits = { firstTokenMs: 100, idleMs: 10 }
const wait: Delta = { type: 'wait', reason: 'rate_limit', message: 'Hold on.' }

/** A call of an LM that says what the test hands it, once it was asked. */
function call(signal = options.signal) {
  let next = Promise.withResolvers<readonly Delta[]>()
  let seen: AbortSignal | undefined
  const lm = lmOf(async function* (given) {
    seen = given.signal
    for (;;) {
      const deltas = await Promise.race([next.promise, abortion(given.signal)])
      next = Promise.withResolvers()
      yield deltas
      if (deltas.includes(stop)) return
    }
  })
  const deltas = withTimeouts(lm, limits)
    .stream([], { ...options, signal })
    [Symbol.asyncIterator]()
  return {
    /** Asks for the next deltas; tells how that stands. */
    ask() {
      const state = { given: undefined as unknown, failure: undefined as unknown, isOpen: true }
      deltas.next().then(
        ({ value, done }) => Object.assign(state, { given: done ? 'done' : value, isOpen: false }),
        (failure) => Object.assign(state, { failure, isOpen: false }),
      )
      return state
    },
    async say(...said: Delta[]) {
      next.resolve(said)
      await new Promise(setImmediate)
    },
    leave: () => deltas.return?.(),
    get signal() {
      return seen as AbortSignal
    },
  }
}

describe('the first token', () => {
  it('has to come in time', async (t) => {
    const pass = clock(t)
    const asked = call().ask()
    await pass(99)
    assert.ok(asked.isOpen)
    await pass(1)
    assert.equal(codeOf(asked.failure), 'upstream_timeout')
  })

  it('ends the call by its signal, with the failure as the reason', async (t) => {
    const pass = clock(t)
    const one = call()
    const asked = one.ask()
    await pass(100)
    assert.equal(one.signal.reason, asked.failure)
  })

  it('may be text or reasoning', async (t) => {
    for (const sign of [text('a'), thought('a')]) {
      const pass = clock(t)
      const { ask, say } = call()
      let asked = ask()
      await pass(99)
      await say(wait, sign)
      assert.deepEqual(asked.given, [wait, sign])
      asked = ask()
      await pass(9)
      assert.ok(asked.isOpen)
      await pass(1)
      assert.equal(codeOf(asked.failure), 'upstream_stalled')
      t.mock.reset()
    }
  })

  it('is nothing that waits and empty arrays put off', async (t) => {
    const pass = clock(t)
    const { ask, say } = call()
    let asked = ask()
    for (const said of [[wait], [], [wait, wait]]) {
      await pass(30)
      await say(...said)
      assert.deepEqual(asked.given, said)
      asked = ask()
    }
    await pass(9)
    assert.ok(asked.isOpen)
    await pass(1)
    assert.equal(codeOf(asked.failure), 'upstream_timeout')
  })
})

describe('the time between signs of life', () => {
  it('is measured anew from each', async (t) => {
    const pass = clock(t)
    const { ask, say } = call()
    let asked = ask()
    for (const sign of [text('a'), thought('b'), text('c'), thought('d')]) {
      await say(sign)
      assert.deepEqual(asked.given, [sign])
      asked = ask()
      await pass(9)
    }
    assert.ok(asked.isOpen)
    await pass(1)
    assert.equal(codeOf(asked.failure), 'upstream_stalled')
  })

  it('goes on through waits and empty arrays', async (t) => {
    const pass = clock(t)
    const { ask, say } = call()
    ask()
    await say(text('a'))
    let asked = ask()
    for (const said of [[], [wait], []]) {
      await pass(3)
      await say(...said)
      asked = ask()
    }
    await pass(1)
    assert.equal(codeOf(asked.failure), 'upstream_stalled')
  })
})

describe('the clock', () => {
  it('stands still while nobody asks for more', async (t) => {
    const pass = clock(t)
    const { ask, say } = call()
    let asked = ask()
    await pass(60)
    await say()
    assert.deepEqual(asked.given, [])
    await pass(10_000)
    asked = ask()
    await pass(39)
    assert.ok(asked.isOpen, 'what was left of the time for the first token is still left')
    await say(text('a'))
    await pass(10_000)
    asked = ask()
    await pass(9)
    assert.ok(asked.isOpen)
    await say(text('b'))
    await pass(10_000)
    assert.deepEqual(asked.given, [text('b')])
    asked = ask()
    await pass(10)
    assert.equal(codeOf(asked.failure), 'upstream_stalled')
  })

  it('stops when the call is over, however it ended', async (t) => {
    const pass = clock(t)
    const finished = call()
    finished.ask()
    await finished.say(text('a'), stop)
    assert.equal(finished.signal.aborted, false)
    const end = finished.ask()
    await pass(0)
    assert.equal(end.given, 'done')

    const left = call()
    left.ask()
    await left.say(text('a'))
    await left.leave()

    const broken = new RunError('upstream_truncated')
    let signal: AbortSignal | undefined
    const lm = lmOf(async function* (given) {
      signal = given.signal
      yield [text('a')]
      throw broken
    })
    const read = Array.fromAsync(withTimeouts(lm, limits).stream([], options))
    await assert.rejects(read, (thrown) => thrown === broken)

    await pass(10_000)
    for (const one of [finished.signal, left.signal, signal]) assert.equal(one?.aborted, false)
  })

  it("isn't shared between calls", async (t) => {
    const pass = clock(t)
    const lm = withTimeouts(lmOf(silence), limits)
    const first = lm.stream([], options)[Symbol.asyncIterator]().next()
    await pass(60)
    const second = lm.stream([], options)[Symbol.asyncIterator]().next()
    let isOver = false
    second.catch(() => {
      isOver = true
    })
    const firstFails = assert.rejects(first, { code: 'upstream_timeout' })
    await pass(40)
    await firstFails
    assert.equal(isOver, false)
    await pass(60)
    await assert.rejects(second, { code: 'upstream_timeout' })
  })
})

describe('a call with timeouts', () => {
  it('is aborted by its caller with the reason of the caller', async (t) => {
    const pass = clock(t)
    const abort = new AbortController()
    const gone = new RunError('client_closed')
    const one = call(abort.signal)
    const asked = one.ask()
    await pass(0)
    abort.abort(gone)
    await pass(0)
    assert.equal(asked.failure, gone)
    await pass(10_000)
    assert.equal(one.signal.reason, gone)
  })

  it('gives just what the LM gives', async () => {
    const batches = [[wait], [], [thought('a'), text('b')], [text('c')]]
    const lm = { ...lmOf(() => saying(...batches)), fits: () => false }
    const timed = withTimeouts(lm, limits)
    assert.deepEqual(await Array.fromAsync(timed.stream([], options)), [...batches, [stop]])
    assert.equal(timed.model, lm.model)
    assert.equal(timed.fits?.([], options), false)
  })
})

describe('when the event loop was blocked', () => {
  /** An LM at the other end of a real socket: each write of the test's end is one piece of text. */
  async function overSocket(t: TestContext) {
    const server = createServer({ noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [peer] = (await once(server, 'connection')) as [Socket]
    t.after(() => {
      socket.destroy()
      peer.destroy()
      server.close()
    })
    const lm = lmOf(async function* ({ signal }) {
      signal.addEventListener('abort', () => socket.destroy(signal.reason))
      for await (const bytes of socket.setEncoding('utf8')) yield [text(bytes)]
    })
    const timed = withTimeouts(lm, { firstTokenMs: 20, idleMs: 20 })
    return { peer, deltas: timed.stream([], options)[Symbol.asyncIterator]() }
  }

  const block = (ms: number) => {
    const until = performance.now() + ms
    while (performance.now() < until);
  }

  it('what had come in time is no silence', async (t) => {
    const { peer, deltas } = await overSocket(t)
    for (let nth = 0; nth < 10; nth++) {
      const next = deltas.next()
      peer.write(`${nth}`)
      block(50)
      assert.deepEqual((await next).value, [text(`${nth}`)])
    }
  })

  it('silence is still silence', async (t) => {
    const { peer, deltas } = await overSocket(t)
    const first = deltas.next()
    peer.write('a')
    await first
    const next = deltas.next()
    block(50)
    await assert.rejects(next, { code: 'upstream_stalled' })
  })
})
