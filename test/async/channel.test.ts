import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Channel } from '../../src/async/channel.ts'

/** Whether a promise has settled once every microtask that is due has run. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(() => {
    settled = true
  })
  await new Promise(setImmediate)
  return settled
}

const ofLengths = (capacity: number) => new Channel<string>(capacity, (text) => text.length)

describe('the channel', () => {
  it('gives the reader all there is at once, in order', async () => {
    const channel = ofLengths(100)
    channel.push(['a', 'b'])
    channel.push([])
    channel.push(['c'])
    assert.deepEqual(await channel.take(), ['a', 'b', 'c'])
    channel.push(['d'])
    assert.deepEqual(await channel.take(), ['d'])
  })

  it('lets the reader wait until something comes', async () => {
    const channel = ofLengths(100)
    const taken = channel.take()
    assert.equal(await hasSettled(taken), false)
    channel.push([])
    assert.equal(await hasSettled(taken), false)
    channel.push(['a'])
    channel.push(['b'])
    assert.deepEqual(await taken, ['a', 'b'])
  })

  it('asks writers to wait only when more waits than there is room for', async () => {
    const channel = ofLengths(3)
    assert.equal(channel.push(['ab']), undefined)
    assert.equal(channel.push(['c']), undefined, 'full is not too full')
    const room = channel.push(['d'])
    assert.ok(room instanceof Promise)
    const more = channel.push([])
    assert.ok(more instanceof Promise, 'a second writer waits as well')
    assert.equal(await hasSettled(room), false)
    assert.deepEqual(await channel.take(), ['ab', 'c', 'd'])
    await room
    await more
    assert.equal(channel.push(['abc']), undefined, 'there is room again')
    assert.equal(await hasSettled(channel.push(['d']) as Promise<void>), false, 'and then no more')
  })

  it('takes one push of any size', async () => {
    const channel = ofLengths(3)
    const room = channel.push(['a'.repeat(10)])
    assert.ok(room)
    assert.equal((await channel.take())?.length, 1)
    await room
  })

  it('gives what waits after it was closed, and then undefined again and again', async () => {
    const channel = ofLengths(3)
    channel.push(['a', 'b'])
    channel.close()
    channel.close()
    assert.deepEqual(await channel.take(), ['a', 'b'])
    assert.equal(await channel.take(), undefined)
    assert.equal(await channel.take(), undefined)
  })

  it('releases writers and the reader when it closes', async () => {
    const full = ofLengths(1)
    const rooms = [full.push(['ab']), full.push(['c'])]
    full.close()
    await Promise.all(rooms)

    const empty = ofLengths(1)
    const taken = empty.take()
    empty.close()
    assert.equal(await taken, undefined)
  })

  it('drops what is pushed after it was closed', async () => {
    const channel = ofLengths(1)
    channel.push(['a'])
    channel.close()
    assert.equal(channel.push(['late and long']), undefined)
    assert.deepEqual(await channel.take(), ['a'])
    assert.equal(await channel.take(), undefined)
  })

  it('takes items one at a time as well', async () => {
    const channel = ofLengths(2)
    assert.equal(channel.pushOne('a'), undefined)
    assert.equal(channel.pushOne('b'), undefined)
    const room = channel.pushOne('c')
    assert.ok(room)
    assert.deepEqual(await channel.take(), ['a', 'b', 'c'])
    await room
    channel.close()
    assert.equal(channel.pushOne('d'), undefined)
    assert.equal(await channel.take(), undefined)
  })

  it('can be read without a promise: what is there now, and a call once there is more', () => {
    const channel = ofLengths(2)
    let calls = 0
    const call = () => {
      calls++
    }
    assert.deepEqual(channel.takeNow(), [])
    channel.whenMore(call)
    channel.push([])
    assert.equal(calls, 0)
    channel.push(['a'])
    channel.push(['b'])
    assert.equal(calls, 1, 'one call for each time it was asked for')
    assert.equal(channel.waiting, 2)
    assert.deepEqual(channel.takeNow(), ['a', 'b'])
    assert.deepEqual(channel.takeNow(), [])
    channel.whenMore(call)
    assert.equal(channel.isOver, false)
    channel.close()
    assert.equal(calls, 2)
    assert.deepEqual([channel.isOver, channel.takeNow()], [true, []])
  })

  it('keeps the order and loses nothing, however pushes and takes come', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }) },
      { weight: 2, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('turn' as const) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step), fc.nat(10), async (steps, capacity) => {
        const channel = new Channel<{ readonly nth: number; readonly size: number }>(
          capacity,
          ({ size }) => size,
        )
        const taken: number[] = []
        let waiting = 0
        let reading: Promise<void> | undefined
        const rooms: Promise<void>[] = []
        const read = async () => {
          const items = await channel.take()
          assert.ok(items === undefined || items.length > 0)
          for (const { nth } of items ?? []) taken.push(nth)
          waiting -= (items ?? []).reduce((sum, { size }) => sum + size, 0)
          reading = undefined
        }
        let pushed = 0
        for (const one of steps) {
          if (one === 'take') reading ??= read()
          else if (one === 'turn') await Promise.resolve()
          else {
            const room = channel.push(one.map((size) => ({ nth: pushed++, size })))
            waiting += one.reduce((sum, size) => sum + size, 0)
            if (room) rooms.push(room)
            if (!reading) assert.equal(room !== undefined, waiting > capacity)
          }
        }
        channel.close()
        await reading
        await read()
        await Promise.all(rooms)
        assert.equal(await channel.take(), undefined)
        assert.deepEqual(
          taken,
          Array.from({ length: pushed }, (_, nth) => nth),
        )
      }),
      { numRuns: 500 },
    )
  })
})
