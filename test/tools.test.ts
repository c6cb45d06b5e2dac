/** Tools, a tool loop, branches that fail alone and earlier turns, from the request to the last frame. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import type { Frame } from '../src/core/frame.ts'
import { chainOfThought, predict } from '../src/core/predictor.ts'
import { module, type Program, program } from '../src/core/program.ts'
import { react } from '../src/core/react.ts'
import { tool } from '../src/core/tool.ts'
import { RawClient } from './support/raw-client.ts'
import { refusalOf } from './support/refusals.ts'
import { errorOf, predictionOf, Reading, rawQuestion, Service, text } from './support/service.ts'
import { echo, only } from './support/upstream.ts'

const search = tool('query: str, k: int -> passages: list[str]', async function* ({ query, k }, { status }) {
  for (let nth = 0; nth < k; nth++) yield `${query} ${nth}`
  status(`${k} passages read.`)
})

const rag = program(
  'question: str, history: History -> answer: str, sources: list[str]',
  {
    retrieve: module({ search }, { start: ({ inputs }) => `Looking for “${inputs.query}”…` }),
    ideas: module(
      { brainstorm: chainOfThought('question, history: History -> brainstorm') },
      { start: 'Spinning ideas...' },
    ),
    evidence: module(
      { probe: chainOfThought('question, passages: list[str] -> evidence, cited: list[int]') },
      {
        end: ({ outputs }) => `${outputs.cited.length} sources.`,
        fail: ({ code }) => `No evidence (${code}).`,
        required: false,
        deadlineMs: 2_000,
      },
    ),
    compose: chainOfThought('question, brainstorm, evidence -> answer'),
  },
  async ({ retrieve, ideas, evidence, compose }, { question, history }) => {
    const thinking = ideas.brainstorm({ question, history })
    const { passages } = await retrieve.search({ query: question, k: 3 })
    const [{ brainstorm }, probed] = await Promise.all([thinking, evidence.probe({ question, passages })])
    const { answer } = await compose({ question, brainstorm, evidence: probed?.evidence ?? 'none found' })
    return { answer, sources: (probed?.cited ?? []).flatMap((at) => passages[at] ?? []) }
  },
)

const citing = only('cited', (exchange) =>
  exchange.answer({ reasoning: 'Hm.', evidence: 'E', cited: '[2, 0]' }),
)

const post = (service: Service, body: object, signal?: AbortSignal) =>
  fetch(`${service.url}/v1/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })

async function ask(service: Service, body: object): Promise<Frame[]> {
  const response = await post(service, body)
  if (response.status !== 200) assert.fail(await response.text())
  return new Reading(response).frames()
}

const statuses = (frames: readonly Frame[]) =>
  frames.flatMap((one) =>
    one.type === 'status' ? [`${one.predictor ?? one.module} ${one.phase}: ${one.message}`] : [],
  )

const start = (t: TestContext, made: Program, script = citing, env = {}) =>
  Service.start(t, { program: made, script, env })

describe('a program with a tool and a branch that may fail', () => {
  it('streams the tool’s items, its status, and values that the page can use', async (t) => {
    const service = await start(t, rag)
    const frames = await ask(service, { question: 'Q', include: ['values'] })
    assert.equal(text(frames, 'retrieve.search', 'passages'), '["Q 0","Q 1","Q 2"]')
    assert.deepEqual(
      frames.flatMap((one) =>
        one.type === 'value' && one.predictor === 'retrieve.search' ? [[one.path, one.value]] : [],
      ),
      [
        ['/0', 'Q 0'],
        ['/1', 'Q 1'],
        ['/2', 'Q 2'],
      ],
    )
    assert.deepEqual(statuses(frames).sort(), [
      'evidence end: 2 sources.',
      'ideas start: Spinning ideas...',
      'retrieve start: Looking for “Q”…',
      'retrieve.search progress: 3 passages read.',
    ])
    const { data, degraded } = predictionOf(frames)
    assert.deepEqual(data.sources, ['Q 2', 'Q 0'])
    assert.equal(degraded, undefined)
    assert.match(service.upstream.asking('cited')[0]?.input('passages') ?? '', /^\["Q 0","Q 1","Q 2"\]$/)
    const [line] = await service.assertQuiet('ok')
    assert.partialDeepStrictEqual(line?.calls, [
      { predictor: 'ideas.brainstorm' },
      { predictor: 'retrieve.search', chars: 19 },
    ])
  })

  it('goes on without the branch, says so, and logs why', async (t) => {
    const service = await start(
      t,
      rag,
      only('cited', (exchange) => exchange.refuse(401)),
    )
    const frames = await ask(service, { question: 'Q' })
    assert.ok(statuses(frames).includes('evidence failed: No evidence (upstream_auth).'))
    const { data, degraded } = predictionOf(frames)
    assert.deepEqual([data.sources, degraded], [[], ['evidence']])
    assert.equal(service.upstream.asking('answer')[0]?.input('evidence'), 'none found')
    const [line] = await service.assertQuiet('ok')
    assert.partialDeepStrictEqual(line?.degraded, [
      { part: 'evidence', code: 'upstream_auth', cause: { status: 401 } },
    ])
  })

  it('aborts the model of a branch whose deadline has passed, and no other', async (t) => {
    const impatient = program(
      {
        evidence: module({ probe: predict('question -> evidence') }, { required: false, deadlineMs: 100 }),
        compose: predict('question -> answer'),
      },
      async ({ evidence, compose }, asked) => {
        const [, composed] = await Promise.all([evidence.probe(asked), compose(asked)])
        return composed
      },
    )
    const service = await start(
      t,
      impatient,
      only('evidence', (exchange) => void exchange.open().delta('[[ ## evidence ## ]]\nhalf')),
    )
    const frames = await ask(service, { question: 'Q' })
    assert.equal(text(frames, 'evidence.probe', 'evidence'), 'half')
    assert.partialDeepStrictEqual(
      frames.find((one) => one.type === 'status'),
      { phase: 'failed', code: 'branch_timeout', module: 'evidence' },
    )
    assert.deepEqual(predictionOf(frames).degraded, ['evidence'])
    assert.equal(service.upstream.asking('evidence')[0]?.wasAborted, true)
    await service.assertQuiet('ok')
  })

  it('logs a status function that throws, and nothing of it is on the wire', async (t) => {
    const broken = program(
      {
        ideas: module(
          { a: predict('question -> a') },
          {
            start: () => {
              throw new Error('secret')
            },
          },
        ),
      },
      async ({ ideas }, asked) => ideas.a(asked),
    )
    const service = await start(t, broken)
    const frames = await ask(service, { question: 'Q' })
    assert.ok(!JSON.stringify(frames).includes('secret'))
    await service.assertQuiet('ok')
    const [fault] = service.log.lines.filter(({ msg }) => msg === 'status message failed')
    assert.match(JSON.stringify(fault?.err), /secret/)
  })

  it('whose tool fails ends with `tool_failed`, and the log has what it threw', async (t) => {
    const failing = program(
      {
        search: tool('question -> found', async () => {
          throw new Error('secret')
        }),
      },
      async ({ search }, asked) => search(asked),
    )
    const service = await start(t, failing)
    errorOf(await ask(service, { question: 'Q' }), 'tool_failed', 'search')
    const [line] = await service.assertQuiet('tool_failed')
    assert.match(JSON.stringify(line?.err), /secret/)
  })

  it('goes on without a tool, and the log has what it threw', async (t) => {
    const careful = program(
      {
        search: tool(
          'question -> found',
          async () => {
            throw new Error('secret')
          },
          { required: false },
        ),
        answer: predict('question -> answer'),
      },
      async ({ search, answer }, asked) => {
        await search(asked)
        return answer(asked)
      },
    )
    const service = await start(t, careful)
    const frames = await ask(service, { question: 'Q' })
    assert.deepEqual(statuses(frames), ['search failed: A tool of the program failed.'])
    const [line] = await service.assertQuiet('ok')
    assert.match(JSON.stringify(line?.degraded), /"message":"secret","stack":"Error: secret/)
  })

  it('is gone when its client is, and the tool hears of it', async (t) => {
    const heard = Promise.withResolvers<unknown>()
    const patient = program(
      {
        wait: tool('question -> a', async (_, { signal, emit }) => {
          await emit('Waiting.')
          await once(signal, 'abort')
          heard.resolve(signal.reason.code)
          return new Promise<never>(() => {})
        }),
      },
      async ({ wait }, asked) => wait(asked),
    )
    const service = await start(t, patient)
    const leaving = new AbortController()
    const reading = new Reading(await post(service, { question: 'Q' }, leaving.signal))
    await reading.until('Waiting.')
    leaving.abort()
    assert.equal(await heard.promise, 'client_closed')
    await service.assertQuiet('client_closed')
  })

  it('stops a tool whose reader has stalled', async (t) => {
    let written = 0
    const endless = program(
      {
        write: tool('question -> a', async (_, { emit }) => {
          for (;;) {
            await emit('x'.repeat(10_000))
            written += 10_000
          }
        }),
      },
      async ({ write }, asked) => write(asked),
    )
    const service = await start(t, endless, echo, { STALL_MS: '300', MAX_COMPLETION_CHARS: '1000000000' })
    const client = await RawClient.connect(service)
    client.socket.pause()
    client.socket.write(rawQuestion('Q'))
    await service.assertQuiet('client_stalled')
    assert.ok(written < 20_000_000, `${written} characters for a reader that takes none`)
  })
})

describe('a program with a tool loop', () => {
  it('shows each turn and tool, and describes them', async (t) => {
    const convert = tool('celsius: float -> fahrenheit: float', async ({ celsius }) => ({
      fahrenheit: celsius * 1.8 + 32,
    }))
    const made = program(
      'question: str, units: Literal["C", "F"] -> answer: str, turns: int',
      {
        act: react('question, units: Literal["C", "F"] -> notes: list[str]', {
          tools: { convert },
          maxTurns: 6,
        }),
        answer: chainOfThought('question, notes: list[str] -> answer: str'),
      },
      async ({ act, answer }, { question, units }) => {
        const { notes, turns } = await act({ question, units })
        return { answer: (await answer({ question, notes })).answer, turns }
      },
    )
    const turns = [
      ['convert', '{"celsius": 20}'],
      ['convert', '{"celsius": "cold"}'],
      ['finish', '{}'],
    ]
    const service = await start(t, made, (exchange, upstream) => {
      if (exchange.field === 'notes') return exchange.answer({ reasoning: 'R', notes: '["68 F"]' }, 2)
      if (exchange.field !== 'next_tool_args') return echo(exchange, upstream)
      const [name = '', args = ''] = turns[upstream.asking('next_tool_args').length - 1] ?? []
      return exchange.answer({ next_thought: 'Hm.', next_tool_name: name, next_tool_args: args }, 3)
    })
    const frames = await ask(service, { question: 'Q', units: 'F' })
    assert.deepEqual(predictionOf(frames), {
      type: 'prediction',
      data: { answer: 'answer on Q', turns: 3 },
    })
    assert.deepEqual(
      [undefined, 2, 3].map((call) => text(frames, 'act', 'next_tool_name', call)),
      ['convert', 'convert', 'finish'],
    )
    assert.equal(text(frames, 'act.convert', 'fahrenheit'), '68')
    assert.equal(text(frames, 'act.extract', 'notes'), '["68 F"]')
    const { predictors } = await (await fetch(`${service.url}/v1/program`)).json()
    assert.deepEqual(
      predictors.map(({ predictor, kind }: { predictor: string; kind?: string }) => [predictor, kind]),
      [
        ['act', undefined],
        ['act.convert', 'tool'],
        ['act.extract', undefined],
        ['answer', undefined],
      ],
    )
    await service.assertQuiet('ok')
  })
})

describe('a program with a history', () => {
  it('sends earlier turns as messages, and needs none', async (t) => {
    const service = await start(t, rag, citing, { MAX_HISTORY_CHARS: '12' })
    await ask(service, { question: 'Q' })
    assert.equal(service.upstream.asking('brainstorm')[0]?.body.messages.length, 2)
    const history = [
      { question: 'old', answer: 'gone' },
      { question: 'Q0', answer: 'A0' },
      { question: 'Q1', answer: 'A1', sources: '[]' },
    ]
    await ask(service, { question: 'Q', history })
    const [, ...messages] = service.upstream.asking('brainstorm')[1]?.body.messages ?? []
    assert.deepEqual(
      messages.map(({ role, content }) => `${role} ${content.split('\n')[1]}`),
      [
        'user Q0',
        'assistant Not supplied for this conversation history message.',
        'user Q1',
        'assistant Not supplied for this conversation history message.',
        'user Q',
      ],
    )
    assert.match(messages[1]?.content ?? '', /\[\[ ## brainstorm ## \]\]\nA0\n/)
    await service.assertQuiet('ok', 'ok')
  })

  it('refuses turns that are none, with a pointer', async (t) => {
    const service = await start(t, rag)
    const history = [{ question: 'Q', answer: 7 }, { ask: 'Q' }]
    const { errors = [] } = await refusalOf(await post(service, { question: 'Q', history }), 400, 'bad_body')
    assert.deepEqual(
      errors.map(({ pointer }) => pointer),
      ['/history/0/answer'],
    )
    const { errors: named = [] } = await refusalOf(
      await post(service, { question: 'Q', history: history.slice(1) }),
      400,
      'bad_body',
    )
    assert.deepEqual(
      named.map(({ pointer }) => pointer),
      ['/history/0/ask', '/history/0'],
    )
  })
})
