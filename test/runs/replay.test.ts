/** What a run's log says, however it was written and wherever it is read from. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Frame } from '../../src/core/frame.ts'
import { Cursor, framesAfter } from '../../src/runs/cursor.ts'
import { type KeptResult, packed, unpacked } from '../../src/runs/entry.ts'
import { nextEntry } from '../../src/runs/next-entry.ts'
import type { Position } from '../../src/runs/position.ts'
import { appendCommand, entryOf, type StreamEntry } from '../../src/runs/redis/codec.ts'
import { replayOf, snapshot } from '../../src/runs/replay.ts'
import { Said } from '../../src/runs/said-values.ts'
import { Tail } from '../../src/runs/tail.ts'
import { fold } from '../support/run-reader.ts'

/** Some of those that its runs have. */
const LANES = [
  ['ideas.brainstorm', 'a'],
  ['compose', 'b'],
] as const

const HEADER = {
  program: 'p',
  inputs: {},
  include: { reasoning: false, usage: false, values: false },
  createdAt: 0,
  requestId: 'request-1',
  principal: undefined,
  digest: '',
  lanes: LANES,
}

/** Any text, halves of surrogate pairs included. */
const chunk = fc.string({ unit: 'binary', maxLength: 6 }).map((text) => text.slice(0, 5))

const lane = fc.record({
  predictor: fc.constantFrom('ideas.brainstorm', 'evidence.probe', 'compose'),
  call: fc.constantFrom(1, 2),
  field: fc.constantFrom('a', 'b'),
})

type Step =
  | {
      kind: 'token'
      lane: { predictor: string; call: number; field: string }
      chunk: string
      isLast: boolean
    }
  | { kind: 'status'; module: string; phase: 'start' | 'end' | 'waiting' | 'failed' }
  | { kind: 'usage'; predictor: string }
  | { kind: 'reset'; keeps: boolean[]; message: string | undefined }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('token' as const), lane, chunk, isLast: fc.boolean() }),
  },
  fc.record({
    kind: fc.constant('status' as const),
    module: fc.constantFrom('ideas', 'evidence', 'compose'),
    phase: fc.constantFrom('start' as const, 'end' as const, 'waiting' as const, 'failed' as const),
  }),
  fc.record({
    kind: fc.constant('usage' as const),
    predictor: fc.constantFrom('ideas.brainstorm', 'compose'),
  }),
  fc.record({
    kind: fc.constant('reset' as const),
    keeps: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    message: fc.constantFrom('Not that.', undefined),
  }),
)

/** A run's frames as it could have said them: a reset keeps only what has been said, and a closed field says no more. */
function framesOf(steps: readonly Step[]): Frame[] {
  const said = new Map<string, { predictor: string; call: number }>()
  let closed = new Set<string>()
  const frameOf = (one: Step): Frame[] => {
    switch (one.kind) {
      case 'status':
        return [
          { type: 'status', message: `${one.module} ${one.phase}`, module: one.module, phase: one.phase },
        ]
      case 'usage':
        said.set(`${one.predictor} 1`, { predictor: one.predictor, call: 1 })
        return [
          {
            type: 'usage',
            predictor: one.predictor,
            model: 'm',
            input_tokens: 1,
            output_tokens: 2,
            first_token_ms: 3,
            duration_ms: 4,
          },
        ]
      case 'reset': {
        const keep = [...said.values()].filter((_, index) => one.keeps[index] ?? false)
        const kept = new Set(keep.map(({ predictor, call }) => `${predictor} ${call}`))
        for (const key of said.keys()) if (!kept.has(key)) said.delete(key)
        closed = new Set([...closed].filter((key) => kept.has(key.split('|', 1)[0] as string)))
        return [{ type: 'reset', keep, ...(one.message !== undefined && { message: one.message }) }]
      }
      case 'token': {
        const { predictor, call, field } = one.lane
        const key = `${predictor} ${call}|${field}`
        if (closed.has(key)) return []
        said.set(`${predictor} ${call}`, { predictor, call })
        if (one.isLast) closed.add(key)
        const second = call > 1 && { call }
        return [{ type: 'token', field, predictor, ...second, chunk: one.chunk, is_last: one.isLast }]
      }
    }
  }
  return steps.flatMap(frameOf)
}

const frames = fc.array(step, { maxLength: 40 }).map(framesOf)

/** What a reader has of it besides texts. */
function rest(frames: readonly Frame[]) {
  let usage = new Set<string>()
  for (const frame of frames) {
    if (frame.type === 'usage') usage.add(`${frame.predictor} ${frame.call ?? 1}`)
    if (frame.type !== 'reset') continue
    const kept = new Set(frame.keep.map(({ predictor, call }) => `${predictor} ${call}`))
    usage = new Set([...usage].filter((key) => kept.has(key)))
  }
  return [...usage].sort()
}

test('frames come back from a log as they were, byte for byte', () => {
  fc.assert(
    fc.property(frames, (frames) => {
      for (const lanes of [undefined, LANES, LANES.slice(1)]) {
        assert.equal(JSON.stringify(unpacked(packed(frames, lanes), lanes)), JSON.stringify(frames))
      }
    }),
  )
})

test('in short, a run leaves its reader with the same as all of it', () => {
  fc.assert(
    fc.property(frames, (frames) => {
      const short = snapshot(frames)
      assert.deepEqual(fold(short), fold(frames))
      assert.deepEqual(rest(short), rest(frames))
      const tokens = short.filter((one) => one.type === 'token')
      assert.equal(
        new Set(tokens.map(({ predictor, call, field }) => `${predictor} ${call} ${field}`)).size,
        tokens.length,
      )
      assert.equal(short.filter(({ type }) => type === 'reset').length, 0)
    }),
  )
})

test('in short, a module starts before what it says and ends after it', () => {
  const said: Frame[] = [
    { type: 'status', message: 's', module: 'ideas', phase: 'start' },
    { type: 'token', field: 'a', predictor: 'ideas.one', chunk: '1', is_last: false },
    { type: 'status', message: 's', module: 'evidence', phase: 'start' },
    { type: 'token', field: 'a', predictor: 'evidence.two', chunk: '2', is_last: true },
    { type: 'token', field: 'a', predictor: 'ideas.one', chunk: '3', is_last: true },
    { type: 'status', message: 'e', module: 'ideas', phase: 'end' },
    { type: 'reset', keep: [{ predictor: 'ideas.one', call: 1 }] },
  ]
  assert.deepEqual(snapshot(said), [
    said[0],
    { type: 'token', field: 'a', predictor: 'ideas.one', chunk: '13', is_last: true },
    said[5],
  ])
})

test('in short, a call that is asked again takes no status with it, and a run that is told anew does', () => {
  const status = (module: string, phase: 'start' | 'progress' | 'failed', predictor?: string): Frame => ({
    type: 'status',
    message: `${predictor ?? module} ${phase}`,
    module,
    phase,
    ...(predictor !== undefined && { predictor }),
  })
  const token = (predictor: string): Frame => ({
    type: 'token',
    field: 'a',
    predictor,
    chunk: 'x',
    is_last: true,
  })
  const started = status('ideas', 'start')
  const [kept, other] = [token('ideas.one'), token('evidence.two')]
  const statuses = [
    status('evidence', 'start'),
    status('ideas', 'progress', 'ideas.three'),
    status('ideas', 'failed', 'ideas.three'),
    status('ideas', 'failed'),
    status('compose', 'failed'),
  ]
  const said: Frame[] = [started, kept, other, ...statuses]
  const keep = [{ predictor: 'ideas.one', call: 1 }]
  assert.deepEqual(snapshot([...said, { type: 'reset', keep, message: 'Not that.' }]), [
    started,
    kept,
    ...statuses,
  ])
  assert.deepEqual(snapshot([...said, { type: 'reset', keep }]), [started, kept])
  assert.deepEqual(snapshot([...said, { type: 'reset', keep: [] }]), [])
})

/** Writes frames to a log in entries of these sizes, by owners that take over where they are cut. */
function logOf(frames: readonly Frame[], sizes: readonly number[], takeovers: ReadonlySet<number>): Tail {
  const tail = new Tail('run', HEADER)
  let attempt = 1
  let at = 0
  for (let nth = 0; at < frames.length; nth++) {
    const size = sizes[nth % sizes.length] as number
    if (takeovers.has(nth)) attempt++
    tail.append(
      nextEntry(tail, attempt, frames.slice(at, at + size), [], at + size >= frames.length ? 1 : undefined),
    )
    at += size
  }
  return tail
}

const log = fc
  .tuple(
    frames.filter(({ length }) => length > 0),
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
    fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 2 }),
  )
  .map(([frames, sizes, takeovers]) => ({ frames, tail: logOf(frames, sizes, new Set(takeovers)) }))

/** The position of each frame. */
const positions = ({ entries }: Tail): Position[] =>
  entries.flatMap(({ at, frames, endedAt }) =>
    Array.from({ length: frames }, (_, index) => ({
      attempt: at.attempt,
      count: at.count - (endedAt === undefined ? 0 : 1) - frames + 1 + index,
    })),
  )

const readFrom = (tail: Tail, after: Position | undefined): Frame[] => {
  const cursor = new Cursor(tail, after)
  const frames: Frame[] = []
  for (let taken = cursor.take(); taken; taken = cursor.take()) frames.push(...framesAfter(taken))
  return frames
}

test('a reader that is cut anywhere goes on exactly there', () => {
  fc.assert(
    fc.property(log, ({ frames, tail }) => {
      assert.deepEqual(readFrom(tail, undefined), frames)
      for (const [index, at] of positions(tail).entries()) {
        assert.deepEqual(readFrom(tail, at), frames.slice(index + 1))
      }
    }),
  )
})

test('a reader that is ahead of the log waits, and misses nothing of what comes then', () => {
  fc.assert(
    fc.property(log, fc.nat(), ({ frames, tail }, cut) => {
      const all = positions(tail)
      const ahead = cut % all.length
      // Of this process' log, only what came before: the reader has seen more elsewhere.
      const late = new Tail('run', HEADER)
      const cursor = new Cursor(late, all[ahead])
      const got: Frame[] = []
      for (const entry of tail.entries) {
        late.append(entry)
        for (let taken = cursor.take(); taken; taken = cursor.take()) got.push(...framesAfter(taken))
      }
      assert.deepEqual(got, frames.slice(ahead + 1))
    }),
  )
})

test('entries that are written together, and again in other pieces, are read as what they were', () => {
  fc.assert(
    fc.property(
      log,
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (log, sizes, back) => {
        const { frames, tail } = log
        const copy = new Tail('run', HEADER)
        const { entries } = tail
        let at = 0
        for (let nth = 0; at < entries.length; nth++) {
          // Some of it again: the server had lost it, and this reader hadn't.
          const from = nth > 0 ? Math.max(0, at - (back % 3)) : at
          const next = entries.slice(from, at + (sizes[nth % sizes.length] as number))
          const last = next.at(-1)?.at.attempt
          const batch = next.filter((entry) => entry.at.attempt === last)
          const [, , , id, ...fields] = appendCommand('run', batch) as [
            string,
            string,
            string,
            string,
            ...string[],
          ]
          const entry = entryOf([id, fields] satisfies StreamEntry, copy.position, LANES)
          if (entry) copy.append(entry)
          at = from + next.length
          if (batch.length < next.length) {
            // Owners write apart: what belongs to the earlier one is lost to this test, so start anew from the log.
            return
          }
        }
        assert.deepEqual(readFrom(copy, undefined), frames)
        assert.equal(copy.endedAt, tail.endedAt)
      },
    ),
  )
})

test('a call whose text is void is made again, and one that said nothing isn’t kept', () => {
  const result = (predictor: string) => ({
    predictor,
    call: 1,
    values: { a: 1 },
    truncated: false,
    hash: 'h',
  })
  const token = (predictor: string): Frame => ({
    type: 'token',
    field: 'a',
    predictor,
    chunk: 'x',
    is_last: true,
  })
  const tail = new Tail('run', HEADER)
  tail.append(nextEntry(tail, 1, [token('one')], [result('one')]))
  tail.append(nextEntry(tail, 1, [token('two')], [result('two'), result('silent')]))
  assert.deepEqual(replayOf(tail), {
    results: [result('one'), result('two'), result('silent')],
    kept: [
      { predictor: 'one', call: 1 },
      { predictor: 'two', call: 1 },
    ],
  })
  tail.append(nextEntry(tail, 1, [{ type: 'reset', keep: [{ predictor: 'two', call: 1 }] }], []))
  assert.deepEqual(replayOf(tail), {
    results: [result('two')],
    kept: [{ predictor: 'two', call: 1 }],
  })
})

test('a result has what its call has said from the log, and everything else as it was, in its place', () => {
  const token = (field: string, chunk: string): Frame => ({
    type: 'token',
    field,
    predictor: 'compose',
    chunk,
    is_last: false,
  })
  const values = { reasoning: 'r', b: 'said in two', c: 'sai', d: null, e: ['said'] }
  const result = { predictor: 'compose', call: 1, values, truncated: false, hash: 'h' }
  const tail = new Tail('run', HEADER)
  const said = new Said()
  const write = (frames: readonly Frame[], results: readonly KeptResult[]) => {
    said.add(frames)
    tail.append(
      nextEntry(
        tail,
        1,
        frames,
        results.map((one) => said.take(one)),
      ),
    )
  }
  // What was said before a reset is no part of it.
  write([token('b', 'never'), { type: 'reset', keep: [], message: 'Not that.' }], [])
  write([token('b', 'said in '), token('c', 'said'), token('b', 'two')], [result])
  const [kept] = tail.entries.at(-1)?.results ?? []
  assert.deepEqual([kept?.said, kept?.values.b, kept?.values.c], [['b'], null, 'sai'])
  const [whole] = replayOf(tail).results
  assert.equal(JSON.stringify(whole), JSON.stringify(result))
})
