import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { withHeartbeat } from '../../src/wire/heartbeat.ts'

/** A source that gives what the test pushes into it, and its heartbeat wrapper on a clock that the test moves. */
function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { readable, writable } = new TransformStream<string, string>({}, { highWaterMark: 100 })
  const source = writable.getWriter()
  const items = withHeartbeat(readable, 1_000, 'beat')
  return {
    source,
    items,
    next: async () => (await items.next()).value,
    /** Lets the wrapper get to where it waits, and time pass. */
    pass: async (ms: number) => {
      await turn()
      t.mock.timers.tick(ms)
    },
  }
}

test('items are passed on as they come', async (t) => {
  const { source, items } = setUp(t)
  for (const item of ['a', 'b', 'c']) source.write(item)
  source.close()
  assert.deepEqual(await Array.fromAsync(items), ['a', 'b', 'c'])
})

test('each stretch of silence is broken by a beat, and no item is lost', async (t) => {
  const { source, next, pass } = setUp(t)
  for (let nth = 0; nth < 3; nth++) {
    const beat = next()
    await pass(1_000)
    assert.equal(await beat, 'beat')
  }
  const item = next()
  await pass(999)
  source.write('a')
  assert.equal(await item, 'a')
})

test('an item starts the silence anew', async (t) => {
  const { source, next, pass } = setUp(t)
  const first = next()
  await pass(999)
  source.write('a')
  assert.equal(await first, 'a')
  const second = next()
  await pass(999)
  source.write('b')
  assert.equal(await second, 'b')
})

test('time in which nobody reads is no silence', async (t) => {
  const { source, next, pass } = setUp(t)
  const first = next()
  source.write('a')
  assert.equal(await first, 'a')
  source.write('b')
  await pass(5_000)
  assert.equal(await next(), 'b')
})

test('a failure of the source is the failure of the whole', async (t) => {
  const { source, next, pass } = setUp(t)
  const beat = next()
  await pass(1_000)
  assert.equal(await beat, 'beat')
  const item = next()
  source.abort(new Error('broken'))
  await assert.rejects(item, { message: 'broken' })
})

test('a consumer that stops reading stops the source, and no timer is left', async () => {
  let returned = 0
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ value: 'a', done: false }),
      return: async () => {
        returned++
        return { value: undefined, done: true as const }
      },
    }),
  }
  for await (const _ of withHeartbeat(source, 1_000, 'beat')) break
  assert.equal(returned, 1)
  assert.ok(!process.getActiveResourcesInfo().includes('Timeout'), 'a timer is left')
})

test('a source that is parked when the consumer stops is not waited for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const never = new Promise<never>(() => {})
  const source = { [Symbol.asyncIterator]: () => ({ next: () => never, return: () => never }) }
  const items = withHeartbeat<string>(source, 1_000, 'beat')
  const beat = items.next()
  await turn()
  t.mock.timers.tick(1_000)
  assert.equal((await beat).value, 'beat')
  assert.deepEqual(await items.return(undefined), { value: undefined, done: true })
})
