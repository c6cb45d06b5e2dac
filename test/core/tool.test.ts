import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { z } from 'zod'
import { describe as describeProgram } from '../../src/core/describe.ts'
import { RunError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import { predict } from '../../src/core/predictor.ts'
import { module, program } from '../../src/core/program.ts'
import { type Tool, ToolError, tool } from '../../src/core/tool.ts'
import { clock } from '../support/clock.ts'
import { lmOf } from '../support/lm.ts'
import { brief, byField, framesOf, messagesOf, run, start, unhandledRejections } from '../support/runs.ts'

const noModel = lmOf(() => assert.fail('a model was asked'))

/** A program that is nothing but a tool, which is given the question. */
const solo = (one: Tool) => program({ solo: one }, async ({ solo }, asked) => ({ ...(await solo(asked)) }))

const runTool = (one: Tool, include: Parameters<typeof run>[2] = {}) => run(solo(one), noModel, include)
const values = { include: { values: true } }

const joined = (frames: readonly Frame[], field: string) =>
  frames.map((one) => (one.type === 'token' && one.field === field ? one.chunk : '')).join('')

describe('a tool', () => {
  it('gives an object of its outputs: texts as they are, other values as JSON', async () => {
    const Hit = z.object({ title: z.string().transform((title) => title.trim()) })
    const find = tool(
      'question -> note: str, hits: list[Hit], best: Optional[Hit], count: int, seen: dict[str, int]',
      async ({ question }) => ({
        note: `  for ${question} `,
        hits: [{ title: ' a ' }, { title: '"b"\n' }],
        best: null,
        count: 2,
        seen: { a: 1 },
        more: 'is left out',
      }),
      { types: { Hit } },
    )
    const { frames, calls } = await runTool(find, values)
    assert.deepEqual(frames.map(brief), [
      'solo note "  for Why? ".',
      'solo hits "[{\\"title\\":\\"a\\"},{\\"title\\":\\"\\\\\\"b\\\\\\"\\"}]".',
      'value',
      'value',
      'solo best "null".',
      'value',
      'solo count "2".',
      'value',
      'solo seen "{\\"a\\":1}".',
      'value',
      'prediction',
    ])
    assert.deepEqual(
      frames.flatMap((one) => (one.type === 'value' ? [[one.field, one.path, one.value]] : [])),
      [
        ['hits', '/0', { title: 'a' }],
        ['hits', '/1', { title: '"b"' }],
        ['best', '', null],
        ['count', '', 2],
        ['seen', '', { a: 1 }],
      ],
    )
    assert.deepEqual((frames.at(-1) as { data: object }).data, {
      note: '  for Why? ',
      hits: [{ title: 'a' }, { title: '"b"' }],
      best: null,
      count: 2,
      seen: { a: 1 },
    })
    const chars = ['note', 'hits', 'best', 'count', 'seen']
      .map((field) => joined(frames, field))
      .join('').length
    assert.partialDeepStrictEqual(calls, [{ predictor: 'solo', call: 1, chars }])
  })

  it('emits its one text as it comes, and never half of a pair', async () => {
    const say = tool('question -> said: str, count: int', async ({ question }, { emit }) => {
      await emit(question)
      await emit('')
      await emit(' \ud83d')
      emit('\ude00 ')
      emit('\ud83d')
      return { count: 3 }
    })
    const { frames } = await runTool(say, values)
    assert.deepEqual(frames.map(brief), [
      'solo said "Why?"',
      'solo said " "',
      'solo said "😀 "',
      'solo said "\\ud83d".',
      'solo count "3".',
      'value',
      'prediction',
    ])
    assert.deepEqual((frames.at(-1) as { data: object }).data, { said: 'Why? 😀 \ud83d', count: 3 })
  })

  it('returns nothing, or the very text, where it has emitted all', async () => {
    const nothing = tool('question -> said', async (_, { emit }) => emit('x'))
    const same = tool('question -> said', async (_, { emit }) => {
      await emit('x')
      return { said: 'x' }
    })
    const sync = tool('question -> said', () => ({ said: 'x' }))
    const empty = tool('question -> said', async (_, { emit }) => emit(''))
    for (const one of [nothing, same, sync]) {
      const { frames } = await runTool(one)
      assert.deepEqual(
        [joined(frames, 'said'), frames.at(-1)],
        ['x', { type: 'prediction', data: { said: 'x' } }],
      )
    }
    assert.deepEqual((await runTool(empty)).frames.map(brief), ['solo said "".', 'prediction'])
  })

  it('gives the items of its one list as they come', async () => {
    const list = (count: number) =>
      tool('question -> lines: list[str]', async function* ({ question }) {
        for (let nth = 0; nth < count; nth++) yield `${question} ${nth}`
      })
    const { frames } = await runTool(list(2), values)
    assert.deepEqual(frames.map(brief), [
      'solo lines "[\\"Why? 0\\""',
      'value',
      'solo lines ",\\"Why? 1\\""',
      'value',
      'solo lines "]".',
      'prediction',
    ])
    assert.deepEqual(frames.at(-1), { type: 'prediction', data: { lines: ['Why? 0', 'Why? 1'] } })
    assert.deepEqual((await runTool(list(0), values)).frames.map(brief), ['solo lines "[]".', 'prediction'])
  })

  it('says how its work goes; what it says later is nobody’s', async () => {
    let late: ((message: string) => void) | undefined
    const work = tool('question -> a', async ({ question }, { status }) => {
      status('Half.')
      status(question.repeat(1_000))
      late = status
      return { a: 'x' }
    })
    const made = program(
      { group: module({ work }, { start: 'Go.' }), b: predict('a -> b') },
      async ({ group, b }, asked) => {
        const { a } = await group.work(asked)
        late?.('Too late.')
        await group.work(asked)
        return b({ a })
      },
    )
    const { frames } = await run(made, byField())
    assert.deepEqual(
      messagesOf(frames).map((one) => one.length),
      [10, 15, 1_011, 10, 15, 1_011],
    )
    assert.deepEqual(frames[1], {
      type: 'status',
      message: 'Half.',
      module: 'group',
      predictor: 'group.work',
      phase: 'progress',
    })
    assert.deepEqual(frames.filter((one) => one.type === 'status' && one.call === 2).map(brief), [
      'group.work#2 progress',
      'group.work#2 progress',
    ])
  })

  it('that says a lot to a reader that is behind is heard with its newest', async () => {
    const chatty = tool('question -> a', async (_, { status }) => {
      for (let nth = 1; nth <= 100_000; nth++) status(`${nth} done.`)
      return { a: 'x' }
    })
    const { frames } = await runTool(chatty)
    const said = messagesOf(frames)
    assert.ok(said.length < 400, `${said.length} statuses`)
    assert.equal(said.at(-1), 'progress: 100000 done.')
  })

  it('fails of what it throws and of what it doesn’t promise, with a sentence of its own only if it says so', async (t) => {
    const unhandled = unhandledRejections(t)
    const secret = new Error('the password is 1234')
    const wrong: [Tool, RegExp][] = [
      [
        tool('question -> a', async () => {
          throw secret
        }),
        /password/,
      ],
      [
        tool('question -> a', () => {
          throw secret
        }),
        /password/,
      ],
      [
        // biome-ignore lint/correctness/useYield: it throws instead
        tool('question -> a: list[str]', async function* () {
          throw secret
        }),
        /password/,
      ],
      [tool('question -> a: int', (async () => ({ a: '1' })) as never), /\/a: expected number/],
      [tool('question -> a: int', (async () => undefined) as never), /\/a: int is needed/],
      [
        tool('question -> a: list[int]', async function* () {
          yield 1
          yield '2'
        } as never),
        /\/a\/1: /,
      ],
      [
        tool('question -> a, b: list[int]', async function* () {
          yield 1
        } as never),
        /one output is a list/,
      ],
      [
        tool('question -> a, b', (async (_: unknown, { emit }: { emit: (piece: string) => unknown }) => {
          emit('x')
          return { a: '', b: '' }
        }) as never),
        /one `str` output/,
      ],
      [
        tool('question -> a', async (_, { emit }) => {
          emit('x')
          return { a: 'y' }
        }),
        /another a/,
      ],
      [
        tool('question -> a', (async (_: unknown, { emit }: { emit: (piece: unknown) => unknown }) =>
          emit(7)) as never),
        /texts/,
      ],
    ]
    for (const [one, cause] of wrong) {
      const { frames, failure } = await runTool(one)
      assert.deepEqual(
        [frames.at(-1)].map(
          (last) => last?.type === 'error' && [last.code, last.message, last.predictor, last.retryable],
        ),
        [['tool_failed', 'A tool of the program failed.', 'solo', false]],
      )
      assert.match(String(failure?.cause), cause)
      // No field that came is closed unless all of it was.
      assert.ok(!frames.some((frame) => frame.type === 'token' && frame.is_last))
    }
    const said = tool('question -> a', async () => {
      throw new ToolError(`The weather service is closed. ${'x'.repeat(1_000)}`)
    })
    const { frames } = await runTool(said)
    const { message } = frames.at(-1) as { message: string }
    assert.match(message, /^The weather service is closed\. x+…$/)
    assert.equal(message.length, 301)
    await turn()
    assert.deepEqual(unhandled, [])
  })

  it('that is given what it doesn’t take is `internal`, and isn’t run', async () => {
    const picky = tool('n: int -> a', () => assert.fail('it ran'))
    const made = program({ picky }, async ({ picky }) => picky({ n: '1' } as never))
    const { frames, failure } = await run(made, noModel)
    assert.deepEqual(frames.map(brief), ['error internal'])
    assert.match(String(failure?.cause), /what the tool picky takes: \/n: /)
  })

  it('writes no more than it may', async () => {
    const emits = tool('question -> a', async (_, { emit }) => {
      for (let nth = 0; nth < 20; nth++) await emit('xxxxx')
    })
    const forgets = tool('question -> a', async (_, { emit }) => {
      for (let nth = 0; nth < 20; nth++) emit('xxxxx')
    })
    const returns = tool('question -> a', async () => ({ a: 'x'.repeat(100) }))
    const yields = tool('question -> a: list[str]', async function* () {
      for (;;) yield 'xxxxx'
    })
    for (const one of [emits, forgets, returns, yields] as Tool[]) {
      const { frames } = await runTool(one, { maxToolChars: 50 })
      assert.ok(joined(frames, 'a').length <= 50)
      assert.equal(
        (frames.at(-1) as { message?: string }).message,
        'The tool wrote more than the service allows.',
      )
      assert.equal(brief(frames.at(-1) as Frame), 'error tool_failed')
    }
  })

  it('is held up by a reader that is behind', async () => {
    let pieces = 0
    const abort = new AbortController()
    const endless = tool('question -> a', async (_, { emit }) => {
      for (;;) {
        await emit('x'.repeat(10_000))
        pieces++
      }
    })
    const running = start(solo(endless), noModel, { signal: abort.signal })
    for (let nth = 0; nth < 50; nth++) await turn()
    assert.equal(pieces, 3)
    await running.frames[Symbol.asyncIterator]().next()
    for (let nth = 0; nth < 50; nth++) await turn()
    assert.equal(pieces, 7)
    abort.abort(new RunError('client_stalled'))
    assert.equal((await running.finished)?.code, 'client_stalled')
  })

  it('gets the signal, and holds up nothing where it doesn’t heed it', async (t) => {
    const unhandled = unhandledRejections(t)
    let reason: unknown
    let isReturned = false
    const late = Promise.withResolvers<unknown>()
    const heeds = tool('question -> a', async (_, { signal }) => {
      await once(signal, 'abort')
      reason = signal.reason
      throw new Error('something else')
    })
    const ignores = tool('question -> b', async (_, { signal, emit, status }) => {
      await once(signal, 'abort')
      status('Still here.')
      await emit('x').catch(late.resolve)
      return new Promise(() => {})
    })
    const generates = tool('question -> c: list[str]', async function* () {
      try {
        for (;;) {
          await turn()
          yield 'x'
        }
      } finally {
        isReturned = true
      }
    })
    const abort = new AbortController()
    const made = program({ heeds, ignores, generates }, async ({ heeds, ignores, generates }, asked) => {
      await Promise.all([heeds(asked), ignores(asked), generates(asked)])
      return { a: '' }
    })
    const running = start(made, noModel, { signal: abort.signal })
    for (let nth = 0; nth < 5; nth++) await turn()
    const gone = new RunError('run_timeout')
    abort.abort(gone)
    assert.equal(await running.finished, gone)
    assert.deepEqual([reason, await late.promise], [gone, gone])
    const frames = await framesOf(running)
    assert.deepEqual(messagesOf(frames), [])
    assert.equal(brief(frames.at(-1) as Frame), 'error run_timeout')
    for (let nth = 0; nth < 5; nth++) await turn()
    assert.equal(isReturned, true)
    assert.deepEqual(unhandled, [])
  })

  it('may fail alone, of its deadline too, while others go on', async (t) => {
    const tick = clock(t)
    const stuck = tool(
      'question -> found: list[str]',
      async function* () {
        yield 'first'
        await new Promise(() => {})
      },
      { required: false, deadlineMs: 100 },
    )
    const broken = tool(
      'question -> c',
      async () => {
        throw new ToolError('Closed today.')
      },
      { required: false },
    )
    const made = program(
      { stuck, broken, b: predict('question -> b') },
      async ({ stuck, broken, b }, asked) => {
        const [found, c] = await Promise.all([stuck(asked), broken(asked)])
        // @ts-expect-error: it may have failed
        assert.throws(() => found.found)
        assert.deepEqual([found, c], [undefined, undefined])
        return b(asked)
      },
    )
    const running = start(made, byField())
    await tick(0)
    await tick(100)
    const frames = await framesOf(running)
    assert.deepEqual(
      frames.map(brief),
      ['stuck found "[\\"first\\""', 'broken failed', 'stuck failed', 'b b "b".', 'prediction'].map(String),
    )
    assert.deepEqual(messagesOf(frames), [
      'failed: Closed today.',
      'failed: A part of the program took longer than it may.',
    ])
    assert.deepEqual((frames.at(-1) as { degraded?: string[] }).degraded, ['broken', 'stuck'])
  })

  it('is a lane in the description, and what it gives is waited for', () => {
    const search = tool('query -> passages: list[str]', async () => ({ passages: [] }), {
      description: 'Finds.',
    })
    const made = program(
      {
        find: module({ search }, { start: 'Looking.' }),
        write: predict('question, passages: list[str] -> answer'),
      },
      async ({ find, write }, { question }) =>
        write({ question, ...(await find.search({ query: question })) }),
    )
    const { predictors, answer } = describeProgram('x', made, { maxChars: 1, maxHistoryChars: 1 })
    assert.deepEqual(predictors, [
      {
        predictor: 'find.search',
        kind: 'tool',
        description: 'Finds.',
        module: 'find',
        fields: ['passages'],
        types: { passages: 'list[str]' },
        reasons: false,
        waits_for: [],
        status: { start: 'Looking.' },
      },
      {
        predictor: 'write',
        module: 'write',
        fields: ['answer'],
        types: { answer: 'str' },
        reasons: false,
        waits_for: ['find.search'],
      },
    ])
    assert.deepEqual(answer, { predictor: 'write', field: 'answer' })
  })

  it('is typed by its signature', () => {
    tool('query: str, k: int -> passages: list[str]', async function* ({ query, k }, { emit }) {
      yield query.repeat(k)
      // @ts-expect-error: it has no text to emit
      emit('x')
    })
    tool('a -> b: int, c: str', async ({ a }, { emit }) => {
      await emit(a)
      return { b: 1 }
    })
    // @ts-expect-error: `k` is no input
    tool('query -> b: int', async ({ k }) => ({ b: k }))
    // @ts-expect-error: `b` is an int
    tool('a -> b: int', async ({ a }) => ({ b: a }))
    // @ts-expect-error: `b` is missing
    tool('a -> b: int, c: str', async () => ({ c: 'x' }))
    // @ts-expect-error: a tool with an output that isn't a text gives something
    tool('a -> b: int', async () => {})
    // @ts-expect-error: an item is a text
    tool('a -> b: list[str]', async function* () {
      yield 1
    })
    // @ts-expect-error: two outputs are no list of items
    tool('a -> b: list[str], c: int', async function* () {
      yield 'x'
    })
    // @ts-expect-error: no such type
    assert.throws(() => tool('a: strr -> b', async () => ({ b: '' })), TypeError)
    assert.throws(() => tool('a -> b', async () => ({ b: '' }), { deadlineMs: 0 }), TypeError)
    // @ts-expect-error: a tool is a function
    assert.throws(() => tool('a -> b', {}), { name: 'TypeError', message: /a function/ })
    const twice = tool('n: float -> doubled: float', async ({ n }) => ({ doubled: 2 * n }))
    program('n: float -> doubled: float', { twice }, async ({ twice }, { n }) => {
      // @ts-expect-error: a number is needed
      await twice({ n: '1' })
      const { doubled } = await twice({ n })
      return { doubled }
    })
  })
})
