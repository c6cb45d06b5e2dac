/** What always holds, for any program of predictors and tools that may fail alone, under any clock, reader and abort. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Values } from '../../src/core/adapters/adapter.ts'
import { type ErrorCode, RunError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import type { Delta, LM } from '../../src/core/lm.ts'
import { type Predictor, predict } from '../../src/core/predictor.ts'
import { module, program } from '../../src/core/program.ts'
import { frame as frameSchema } from '../../src/core/schemas.ts'
import { type Tool, ToolError, tool } from '../../src/core/tool.ts'
import { clock } from '../support/clock.ts'
import { lmOf, stop, text } from '../support/lm.ts'
import { fieldOf, start, unhandledRejections } from '../support/runs.ts'

/** What a call does, step by step; each step is a pause, and then a piece. */
type CallPlan = {
  readonly pieces: readonly string[]
  /** Milliseconds before each piece; -1 is no pause at all. */
  readonly pauses: readonly number[]
  readonly failsAt: number | undefined
  /** Of a tool: whether it waits on when it is aborted. */
  readonly isDeaf: boolean
}
type Terms = { readonly required: boolean; readonly deadlineMs?: number }
type Part = {
  readonly kind: 'predictor' | 'emits' | 'lists' | 'returns'
  readonly module: 'first' | 'second' | undefined
  readonly terms: Terms
  readonly order: 'together' | 'in turn'
  readonly calls: readonly CallPlan[]
}

const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })
const terms: fc.Arbitrary<Terms> = fc
  .record({ required: fc.boolean(), deadlineMs: sometimes(fc.constantFrom(1, 20, 100)) })
  .map(({ required, deadlineMs }) => ({ required, ...(deadlineMs !== undefined && { deadlineMs }) }))
const callPlan: fc.Arbitrary<CallPlan> = fc.record({
  pieces: fc.array(
    fc.constantFrom('a', ' b\n', '😀', '\ud83d', '\ude00', '[[ ## x ## ]]', '"', 'x'.repeat(20_000)),
    {
      maxLength: 5,
    },
  ),
  pauses: fc.array(fc.constantFrom(-1, -1, 0, 5, 30), { minLength: 1, maxLength: 4 }),
  failsAt: fc.option(fc.nat(5), { nil: undefined, freq: 6 }),
  isDeaf: fc.boolean(),
})
const part: fc.Arbitrary<Part> = fc.record({
  kind: fc.constantFrom('predictor', 'emits', 'lists', 'returns'),
  module: fc.constantFrom('first', 'second', undefined),
  terms,
  order: fc.constantFrom('together', 'in turn'),
  calls: fc.array(callPlan, { minLength: 1, maxLength: 3 }),
})

const nameOf = ({ module }: Part, nth: number) => (module ? `${module}.part${nth}` : `part${nth}`)
const listIn = ({ pieces }: CallPlan) => pieces.map((piece) => piece.toWellFormed())

/** Waits so long, or until it is aborted if it heeds that. */
async function pause(ms: number, signal: AbortSignal, isDeaf = false): Promise<void> {
  if (!isDeaf) signal.throwIfAborted()
  if (ms < 0) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  if (!isDeaf) signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
  if (!isDeaf) signal.throwIfAborted()
}

test('tools and branches that fail alone: exact, closed, ordered, terminated, and nothing is left', async (t) => {
  const tick = clock(t)
  const unhandled = unhandledRejections(t)
  const seen = { predictions: 0, errors: 0, degraded: 0, timeouts: 0 }
  /** Calls that are at work and heed their signal. */
  let atWork = 0

  const plans = new Map<string, { part: Part; begun: number }>()
  const next = (field: string): CallPlan => {
    const plan = plans.get(field) as { part: Part; begun: number }
    return plan.part.calls[plan.begun++] as CallPlan
  }
  async function* steps(plan: CallPlan, signal: AbortSignal, isDeaf: boolean): AsyncGenerator<string> {
    for (const [at, piece] of plan.pieces.entries()) {
      await pause(plan.pauses[at % plan.pauses.length] as number, signal, isDeaf)
      if (at === plan.failsAt) throw new ToolError('It broke.')
      yield piece
    }
  }

  const lm: LM = lmOf(async function* (options): AsyncGenerator<readonly Delta[]> {
    const field = fieldOf(options)
    if (field === 'last') return yield [text('[[ ## last ## ]]\nx\n[[ ## completed ## ]]'), stop]
    atWork++
    try {
      const plan = next(field)
      options.signal.throwIfAborted()
      yield [text(`[[ ## ${field} ## ]]\n`)]
      try {
        for await (const piece of steps(plan, options.signal, false)) {
          options.signal.throwIfAborted()
          yield [text(piece)]
        }
      } catch (thrown) {
        throw thrown instanceof ToolError ? new RunError('upstream_truncated') : thrown
      }
      options.signal.throwIfAborted()
      yield [text('\n[[ ## completed ## ]]'), stop]
    } finally {
      atWork--
    }
  })

  const partOf = ({ kind, terms }: Part, field: string): Predictor | Tool => {
    const signature = `question -> ${field}` as string
    switch (kind) {
      case 'predictor':
        return predict(signature, terms) as Predictor
      case 'emits':
        return tool(
          signature,
          async (_, { emit, status, signal }) => {
            const plan = next(field)
            if (!plan.isDeaf) atWork++
            try {
              for await (const piece of steps(plan, signal, plan.isDeaf)) {
                status('On it.')
                const room = emit(piece)
                if (piece !== 'a') await room // one in a while forgets to
              }
            } finally {
              if (!plan.isDeaf) atWork--
            }
            if (plan.pieces.length === 0) await emit('')
            return {}
          },
          terms,
        ) as Tool
      case 'lists':
        return tool(
          `question -> ${field}: list[str]` as string,
          async function* (_, { signal }) {
            const plan = next(field)
            for await (const piece of steps(plan, signal, plan.isDeaf)) yield piece.toWellFormed()
          },
          terms,
        ) as Tool
      case 'returns':
        return tool(
          `question -> ${field}: list[str]` as string,
          async (_, { signal }) => {
            const plan = next(field)
            await Array.fromAsync(steps(plan, signal, plan.isDeaf))
            return { [field]: listIn(plan) }
          },
          terms,
        ) as Tool
    }
  }

  const property = async (
    all: readonly Part[],
    groups: { readonly first: Terms; readonly second: Terms },
    reader: readonly number[],
    abort: { readonly at: number; readonly code: ErrorCode } | undefined,
  ) => {
    plans.clear()
    const parts: Record<string, Predictor | Tool | ReturnType<typeof module>> = {}
    for (const [nth, one] of all.entries()) {
      plans.set(`field${nth}`, { part: one, begun: 0 })
      const made = partOf(one, `field${nth}`)
      const group = one.module && parts[one.module]
      if (!one.module) parts[`part${nth}`] = made
      else {
        const others = group && group.kind === 'module' ? group.parts : {}
        parts[one.module] = module(
          { ...others, [`part${nth}`]: made },
          { start: 'Go.', end: 'Done.', ...groups[one.module] },
        )
      }
    }
    parts.last = predict('question -> last')

    const given = new Map<string, Values>()
    const missed = new Set<string>()
    let thrown: unknown
    type AnyCall = (inputs: Values) => Promise<Values | undefined>
    const made = program(parts, async (bound, asked) => {
      const call = async (name: string, nth: number) => {
        const [outer = '', inner] = name.split('.')
        const one = bound[outer] as unknown as AnyCall & Record<string, AnyCall>
        const values = await ((inner === undefined ? one : one[inner]) as AnyCall)(asked)
        if (values) given.set(`${name}#${nth + 1}`, values)
        else missed.add(name)
        return values
      }
      try {
        await Promise.all(
          all.map(async (one, nth) => {
            const name = nameOf(one, nth)
            if (one.order === 'together') await Promise.all(one.calls.map((_, plan) => call(name, plan)))
            else for (const plan of one.calls.keys()) await call(name, plan)
          }),
        )
        return (await call('last', 0)) as Values
      } catch (reason) {
        thrown = reason
        throw reason
      }
    })

    const aborting = new AbortController()
    const running = start(made, lm, { include: { values: true }, signal: aborting.signal })
    const frames: Frame[] = []
    let isRead = false
    const read = async () => {
      let reads = 0
      for await (const batch of running.frames) {
        frames.push(...batch)
        for (let turns = reader[reads++ % reader.length] as number; turns > 0; turns--)
          await new Promise(setImmediate)
      }
      isRead = true
    }
    read()
    for (let ticks = 0; !isRead; ticks++) {
      assert.ok(ticks < 1_000, 'it never ends')
      if (abort && ticks === abort.at) aborting.abort(new RunError(abort.code))
      await tick(7)
    }
    const failure = await running.finished
    assert.equal(atWork, 0, 'something is left running')

    // Terminated: one prediction or one error, and nothing follows.
    const last = frames.at(-1)
    for (const one of frames) frameSchema.parse(one)
    assert.deepEqual(
      frames.filter(({ type }) => type === 'prediction' || type === 'error'),
      [last],
    )
    if (last?.type === 'error') {
      seen.errors++
      assert.equal(last.code, failure?.code)
      assert.ok(failure === thrown || aborting.signal.aborted)
    } else {
      seen.predictions++
      assert.equal(failure, undefined)
    }

    // Exact, and closed.
    const lanes = new Map<string, { joined: string; isClosed: boolean; items: unknown[] }>()
    const failed = new Set<string>()
    const failedCalls = new Set<string>()
    const open = new Set<string>()
    for (const one of frames) {
      if (one.type === 'status') {
        const name = one.predictor ?? one.module
        if (one.phase === 'failed') {
          failed.add(name)
          if (one.code === 'branch_timeout') seen.timeouts++
          if (one.predictor) failedCalls.add(`${one.predictor}#${one.call ?? 1}`)
        }
        // Ordered: every token of a module stands between a start and an end.
        if (one.phase === 'start') open.add(one.module)
        if (one.phase === 'end' || (one.phase === 'failed' && !one.predictor)) {
          assert.ok(open.delete(one.module), `${one.module} ends twice`)
        }
      }
      if (one.type !== 'token' && one.type !== 'value') continue
      const id = `${one.predictor}#${one.call ?? 1}`
      assert.ok(!failedCalls.has(id), `${id} goes on after it has failed`)
      const [group = ''] = one.predictor.split('.')
      if (group !== one.predictor) assert.ok(open.has(group), `${id} speaks outside of its module`)
      const lane = lanes.get(id) ?? { joined: '', isClosed: false, items: [] }
      lanes.set(id, lane)
      if (one.type === 'value') {
        assert.equal(one.path, `/${lane.items.push(one.value) - 1}`)
        continue
      }
      assert.ok(!lane.isClosed, `${id} goes on after its last chunk`)
      assert.ok(one.is_last || !/[\ud800-\udbff]$/.test(one.chunk), 'a chunk ends in half of a pair')
      lane.joined += one.chunk
      lane.isClosed = one.is_last
    }
    for (const [id, values] of given) {
      const [value] = Object.values(values)
      const { joined, isClosed, items } = lanes.get(id) ?? { joined: '', isClosed: false, items: [] }
      const whole = typeof value === 'string' ? value : JSON.stringify(value)
      if (failure && !isClosed) assert.ok(whole.startsWith(joined), id)
      else assert.deepEqual([joined, isClosed], [whole, true], id)
      if (Array.isArray(value) && !failure) assert.deepEqual(items, value)
      lanes.delete(id)
    }
    if (last?.type === 'prediction') {
      for (const id of lanes.keys()) {
        assert.ok(missed.has(id.split('#')[0] as string), `${id} belongs to no call`)
        assert.ok(
          !lanes.get(id)?.isClosed || id.startsWith('first') || id.startsWith('second'),
          `${id} is closed`,
        )
      }
      assert.deepEqual(new Set(last.degraded ?? []), failed)
      if (failed.size > 0) seen.degraded++
      for (const name of missed) assert.ok(failed.has(name) || failed.has(name.split('.')[0] as string), name)
      // A module of which everything has failed alone has no end.
      for (const name of open)
        assert.ok(
          [...missed].some((one) => one.startsWith(`${name}.`)),
          name,
        )
    }
    // Whatever still waits, nobody hears of it.
    const count = frames.length
    await tick(1_000)
    assert.equal(frames.length, count)
  }

  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 4 }),
      fc.record({ first: terms, second: terms }),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
      fc.option(
        fc.record({
          at: fc.nat(12),
          code: fc.constantFrom<ErrorCode>('run_timeout', 'shutting_down'),
        }),
        { nil: undefined, freq: 4 },
      ),
      property,
    ),
    { numRuns: 400 },
  )
  assert.deepEqual(unhandled, [])
  const counts = JSON.stringify(seen)
  for (const count of Object.values(seen)) assert.ok(count > 20, counts)
})
