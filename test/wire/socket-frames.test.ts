import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { Channel } from '../../src/async/channel.ts'
import type { Frame } from '../../src/core/frame.ts'
import { type CorkableConnection, type MessageSocket, sendToSocket } from '../../src/wire/socket-frames.ts'
import { clock } from '../support/clock.ts'
import { retold } from '../support/interleaved.ts'
import { batches, batchSizes } from '../support/told-run.ts'

type Taken = (error?: Error | null) => void

/** A WebSocket and its connection, whose network has what it was given some turns of the event loop later. */
class Double implements MessageSocket, CorkableConnection {
  readonly messages: string[] = []
  pings = 0
  /** What a sender mustn't do. */
  readonly faults: string[] = []
  readonly #turns: number
  #isCorked = false
  #taken: Taken | undefined
  #onClose: (() => void) | undefined

  constructor(turns: number) {
    this.#turns = turns
  }

  cork(): void {
    this.#isCorked = true
  }

  uncork(): void {
    this.#isCorked = false
    if (this.#taken) this.#hand(this.#taken)
  }

  send(text: string, taken?: Taken): void {
    if (!this.#isCorked) this.faults.push('a write for each message')
    if (this.#taken) this.faults.push('more was taken before the network had the last')
    this.messages.push(text)
    this.#taken = taken
  }

  ping(): void {
    this.pings++
  }

  once(_event: 'close', listener: () => void): void {
    this.#onClose = listener
  }

  close(): void {
    this.#onClose?.()
  }

  async #hand(taken: Taken): Promise<void> {
    for (let nth = 0; nth < this.#turns; nth++) await turn()
    this.#taken = undefined
    taken()
  }
}

const FOREVER = 60_000

const channel = () => new Channel<Frame>(1_000, () => 1)

type Send = typeof sendToSocket

/** What holds for any run, of any function that is this one. */
const holds = (send: Send) =>
  fc.asyncProperty(retold, batchSizes, fc.nat(3), async (frames, sizes, turns) => {
    const socket = new Double(turns)
    const outlet = channel()
    let sent = 0
    send(socket, socket, outlet, {
      heartbeatMs: FOREVER,
      onSent: () => sent++,
      onLost: () => assert.fail('nothing was lost'),
    })
    for (const batch of batches(frames, sizes)) {
      outlet.push(batch)
      await turn()
    }
    outlet.close()
    // Each frame may have been handed over by itself, and ended with the close of the channel.
    for (let left = (frames.length + 1) * (turns + 3); left > 0 && sent === 0; left--) await turn()
    socket.close()
    assert.equal(sent, 1)
    assert.deepEqual(socket.faults, [])
    assert.deepEqual(
      socket.messages.map((message) => JSON.parse(message)),
      JSON.parse(JSON.stringify(frames)),
    )
  })

test('for any run, each frame is a message, and no more is taken than the network takes', async () => {
  await fc.assert(holds(sendToSocket), { numRuns: 300 })
})

/** One that changes messages, all of them together or the one of a kind, or the frames before. */
const mistaken =
  (
    onMessage: (message: string) => readonly string[],
    onFrame: (frame: Frame) => Frame[] = (one) => [one],
  ): Send =>
  (socket, connection, frames, options) => {
    const changed: MessageSocket = {
      ping: () => socket.ping(),
      once: (event, listener) => socket.once(event, listener),
      send: (text, taken) => {
        const [last, ...others] = [...onMessage(text)].reverse()
        for (const other of others.reverse()) socket.send(other)
        if (last === undefined) taken?.()
        else socket.send(last, taken)
      },
    }
    const outlet: typeof frames = {
      get waiting() {
        return frames.waiting
      },
      get isOver() {
        return frames.isOver
      },
      holds: (isLikeThis) => frames.holds(isLikeThis),
      takeNow: () => frames.takeNow().flatMap(onFrame),
      whenMore: (callback) => frames.whenMore(callback),
      [Symbol.asyncIterator]: () => frames[Symbol.asyncIterator](),
    }
    sendToSocket(changed, connection, outlet, options)
  }

const without = (isLost: (frame: Frame) => boolean): Send =>
  mistaken(
    (message) => [message],
    (frame) => (isLost(frame) ? [] : [frame]),
  )

const changed = (onText: (message: string) => string): Send => mistaken((message) => [onText(message)])

const mutations: Readonly<Record<string, Send>> = {
  'ends of fields unsaid': without((one) => one.type === 'token' && one.is_last && one.chunk === ''),
  'values unsaid': without(({ type }) => type === 'value'),
  'resets unsaid': without(({ type }) => type === 'reset'),
  'failures unsaid': without((one) => one.type === 'status' && one.phase === 'failed'),
  'no end': without(({ type }) => type === 'prediction' || type === 'error'),
  'a message twice': mistaken((message) => [message, message]),
  'events in place of frames': changed((message) => `data: ${message}\n\n`),
  'an end of its own': mistaken((message) =>
    message.includes('"prediction"') ? [message, '[DONE]'] : [message],
  ),
  'calls mixed': changed((message) => message.replace('"call":2,', '')),
  'chunks trimmed': changed((message) => message.replace('"chunk":"\\n', '"chunk":"')),
  'lanes that never end': changed((message) => message.replace('"is_last":true', '"is_last":false')),
  'a cut answer as a whole one': changed((message) => message.replace(/,"truncated":\[[^\]]*\]/, '')),
  'a write for each message': (socket, connection, frames, options) =>
    sendToSocket(socket, { cork() {}, uncork: () => connection.uncork() }, frames, options),
  'a reader that isn’t waited for': (socket, connection, frames, options) => {
    const impatient: MessageSocket = {
      ping: () => socket.ping(),
      once: (event, listener) => socket.once(event, listener),
      send: (text, taken) => {
        socket.send(text, taken && (() => {}))
        taken?.()
      },
    }
    sendToSocket(impatient, connection, frames, options)
  },
}

test('the check sees nothing where nothing is changed', async () => {
  await fc.assert(holds(changed((message) => message)), { numRuns: 50 })
})

for (const [name, send] of Object.entries(mutations)) {
  test(`the check sees: ${name}`, async () => {
    assert.ok((await fc.check(holds(send), { numRuns: 500, endOnFailure: true })).failed)
  })
}

test('a silence has pings, and no messages', async (t) => {
  const pass = clock(t)
  const socket = new Double(0)
  const frames = channel()
  sendToSocket(socket, socket, frames, { heartbeatMs: 1_000, onSent() {}, onLost() {} })
  await pass(0)
  for (let nth = 1; nth <= 3; nth++) {
    await pass(1_000)
    assert.equal(socket.pings, nth)
  }
  frames.push([{ type: 'prediction', data: {} }])
  await pass(999)
  assert.deepEqual([socket.pings, socket.messages.length], [3, 1])
  socket.close()
  await pass(5_000)
  assert.equal(socket.pings, 3, 'a socket that is closed gets none')
})

test('where a message can’t be sent, that is said, and nothing more is taken', async () => {
  const socket = new Double(0)
  const frames = channel()
  let lost = 0
  const broken: MessageSocket = {
    ping: () => socket.ping(),
    once: (event, listener) => socket.once(event, listener),
    send: (_text, taken) => taken?.(new Error('closed')),
  }
  sendToSocket(broken, socket, frames, {
    heartbeatMs: FOREVER,
    onSent: () => assert.fail('it was never sent'),
    onLost: () => lost++,
  })
  const prediction: Frame = { type: 'prediction', data: {} }
  for (let nth = 0; nth < 3; nth++) {
    frames.push([prediction])
    await turn()
    await turn()
  }
  assert.deepEqual([lost, frames.waiting], [1, 2])
  socket.close()
})
