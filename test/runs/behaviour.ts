/**
 * What holds of every run that outlives its connection, whatever keeps it and whichever instance is asked. Each test
 * gets the instance that is asked to start it and one that is asked about it, which may be the same.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { type TestContext } from 'node:test'
import { cancel, fold, RunReader, stateOf } from '../support/run-reader.ts'
import type { Service } from '../support/service.ts'
import { type Exchange, only, type Script } from '../support/upstream.ts'

export type Setting = {
  readonly name: string
  /** @param env variables over those of the setting */
  readonly start: (
    t: TestContext,
    options: { script?: Script; env?: Record<string, string> },
  ) => Promise<{ owner: Service; other: Service }>
}

const ANSWER = { reasoning: 'reasoning on Why?', answer: 'answer on Why?' }

/** Answers all but `compose`, which the test writes itself. */
function writing(): { script: Script; answer: Promise<Exchange> } {
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  return { script: only('answer', (exchange) => resolve(exchange.open())), answer: promise }
}

const BEGUN = '[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n'

export function behavesWell({ name, start }: Setting): void {
  test(`${name}: a run`, async (t) => {
    await t.test('is told in events with ids, and again to whoever asks from any of them on', async (t) => {
      const { owner, other } = await start(t, {})
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      assert.ok(await first.until())
      const ids = first.events.map(({ id }) => id)
      assert.deepEqual(
        ids,
        ids.map((_, index) => `1-${index + 1}`),
      )
      assert.deepEqual(fold(first.frames).end, ANSWER)
      for (const [index, { id }] of first.events.slice(0, -1).entries()) {
        const again = await RunReader.get(other.url, first.id, id)
        assert.ok(await again.until())
        assert.deepEqual(again.events, first.events.slice(index + 1))
      }
      const { program, status, prediction, position } = await stateOf(other.url, first.id)
      assert.deepEqual(
        [program, status, prediction?.data, position],
        ['parallel-composer', 'done', ANSWER, ids.at(-1)],
      )
    })

    await t.test('goes on without its reader', async (t) => {
      const { script, answer } = writing()
      const { owner, other } = await start(t, { script })
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      const exchange = (await answer).delta(`${BEGUN}it`)
      await first.until('"it"')
      first.leave()
      exchange.delta(' goes on').delta('\n\n[[ ## completed ## ]]').finish()
      const rest = await RunReader.get(other.url, first.id, first.lastId)
      assert.ok(await rest.until())
      assert.deepEqual(fold([...first.frames, ...rest.frames]), {
        lanes: {
          'compose#1 answer': 'it goes on',
          'evidence.probe#1 evidence': 'evidence on Why?',
          'ideas.brainstorm#1 brainstorm': 'brainstorm on Why?',
        },
        end: { reasoning: 'r', answer: 'it goes on' },
      })
      assert.deepEqual(
        rest.frames.find(({ type }) => type === 'reset'),
        undefined,
      )
      await owner.assertQuiet('ok')
    })

    await t.test('has any number of readers, each where it is', async (t) => {
      const { script, answer } = writing()
      const { owner, other } = await start(t, { script })
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      const exchange = (await answer).delta(`${BEGUN}one`)
      await first.until('"one"')
      const readers = await Promise.all([
        RunReader.get(other.url, first.id),
        RunReader.get(other.url, first.id, first.lastId),
        RunReader.get(owner.url, first.id, '1-3'),
      ])
      exchange.delta(' two').delta('\n\n[[ ## completed ## ]]').finish()
      for (const reader of [first, ...readers]) assert.ok(await reader.until())
      const [snapshot, rest, late] = readers as [RunReader, RunReader, RunReader]
      const whole = fold(first.frames)
      assert.deepEqual(fold(snapshot.frames), whole)
      assert.deepEqual(snapshot.frames[0], { type: 'reset', keep: [] })
      assert.deepEqual(late.events, first.events.slice(3))
      assert.deepEqual(first.events.slice(-rest.events.length), rest.events)
    })

    await t.test('is over for an event source with the id of its end', async (t) => {
      const { owner, other } = await start(t, {})
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      await first.until()
      const headers = { 'last-event-id': first.lastId as string }
      const response = await fetch(`${other.url}/v1/runs/${first.id}/stream`, { headers })
      assert.deepEqual([response.status, await response.text()], [204, ''])
    })

    await t.test('ends for all when somebody cancels it, with one end', async (t) => {
      const { script, answer } = writing()
      const { owner, other } = await start(t, { script })
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      const exchange = await answer
      exchange.delta(`${BEGUN}begun`)
      await first.until('begun')
      const second = await RunReader.get(other.url, first.id)
      const response = await cancel(other.url, first.id)
      assert.equal(response.status, 200)
      const { status, error } = (await response.json()) as { status: string; error: { code: string } }
      assert.deepEqual([status, error.code], ['cancelled', 'cancelled'])
      await exchange.closed
      assert.ok(exchange.wasAborted)
      for (const reader of [first, second]) {
        assert.ok(await reader.until())
        assert.equal(fold(reader.frames).end, 'cancelled')
      }
      const again = await cancel(owner.url, first.id)
      assert.deepEqual(((await again.json()) as { status: string }).status, 'cancelled')
      await owner.assertQuiet('cancelled')
    })

    await t.test('that is over stays as it is when it is cancelled', async (t) => {
      const { owner, other } = await start(t, {})
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      await first.until()
      const state = await stateOf(owner.url, first.id)
      assert.deepEqual(await (await cancel(other.url, first.id)).json(), state)
    })

    await t.test('is forgotten when it is deleted, and ended before', async (t) => {
      const { script, answer } = writing()
      const { owner, other } = await start(t, { script })
      const key = { 'idempotency-key': randomUUID() }
      const first = await RunReader.post(owner.url, { question: 'Why?' }, key)
      const exchange = await answer
      const response = await fetch(`${other.url}/v1/runs/${first.id}`, { method: 'DELETE' })
      assert.equal(response.status, 204)
      await exchange.closed
      await first.until()
      assert.equal(fold(first.frames).end, 'cancelled')
      for (const { url } of [owner, other]) {
        const gone = await fetch(`${url}/v1/runs/${first.id}`)
        assert.deepEqual(
          [gone.status, ((await gone.json()) as { code: string }).code],
          [404, 'run_not_found'],
        )
      }
      const next = await RunReader.post(owner.url, { question: 'Why?' }, key)
      assert.notEqual(next.id, first.id)
      await cancel(owner.url, next.id)
    })

    await t.test('is the same one for the same key, and no other question', async (t) => {
      const { owner, other } = await start(t, {})
      const key = { 'idempotency-key': randomUUID() }
      const first = await RunReader.post(owner.url, { question: 'Why?' }, key)
      await first.until('"phase":"start"')
      const [second, third] = await Promise.all([
        RunReader.post(other.url, { question: 'Why?' }, { ...key, 'last-event-id': '1-1' }),
        RunReader.post(other.url, { question: 'Why?' }, key),
      ])
      for (const reader of [first, second, third]) assert.ok(await reader.until())
      assert.deepEqual([second.id, third.id], [first.id, first.id])
      assert.deepEqual(second.events, first.events.slice(1))
      assert.deepEqual(fold(third.frames), fold(first.frames))
      assert.equal(
        owner.upstream.exchanges.length + (other === owner ? 0 : other.upstream.exchanges.length),
        3,
      )
      const response = await fetch(`${other.url}/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...key },
        body: JSON.stringify({ question: 'Why not?' }),
      })
      const { code } = (await response.json()) as { code: string }
      assert.deepEqual([response.status, code], [422, 'idempotency_mismatch'])
    })

    await t.test('that fails is told and kept like any other', async (t) => {
      const script = only('answer', (exchange) => exchange.refuse(400))
      const { owner, other } = await start(t, { script })
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      assert.ok(await first.until())
      const { status, error } = await stateOf(other.url, first.id)
      assert.equal(status, 'failed')
      assert.equal(error?.code, fold(first.frames).end)
    })

    await t.test('ends when it has written more than it may', async (t) => {
      const script = only('answer', (exchange) => {
        exchange.open().delta(BEGUN)
        for (let at = 0; at < 200; at++) exchange.delta('many words ')
      })
      const { owner, other } = await start(t, { script, env: { MAX_RUN_BYTES: '1024' } })
      const first = await RunReader.post(owner.url, { question: 'Why?' })
      assert.ok(await first.until())
      assert.equal(fold(first.frames).end, 'run_too_large')
      assert.equal((await stateOf(other.url, first.id)).status, 'failed')
      await owner.assertQuiet('run_too_large')
    })

    await t.test('is its key’s alone', async (t) => {
      const { owner, other } = await start(t, { env: { API_KEYS: 'a=key-of-a-0123,b=key-of-b-0123' } })
      const [a, b] = ['key-of-a-0123', 'key-of-b-0123'].map((key) => ({ authorization: `Bearer ${key}` }))
      const first = await RunReader.post(owner.url, { question: 'Why?' }, a)
      await first.until()
      const statusFor = async (headers: Record<string, string> | undefined, method = 'GET', path = '') =>
        (await fetch(`${other.url}/v1/runs/${first.id}${path}`, { method, ...(headers && { headers }) }))
          .status
      assert.equal(await statusFor(undefined), 401)
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/stream'],
        ['POST', '/cancel'],
        ['DELETE', ''],
      ]) {
        assert.equal(await statusFor(b, method, path), 404, `${method} ${path}`)
      }
      assert.equal(await statusFor(a), 200)
    })
  })
}
