/** Tool loops by the endpoint's own tool calling, from the request to the last frame. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { program } from '../src/core/program.ts'
import { react } from '../src/core/react.ts'
import { tool } from '../src/core/tool.ts'
import { errorOf, predictionOf, Service, text } from './support/service.ts'
import type { Exchange, Script } from './support/upstream.ts'

const weather = tool(
  'city: str, day: Literal["today", "tomorrow"] -> report: str',
  async ({ city, day }) => ({ report: `Rain in ${city} ${day}.` }),
  { description: 'The forecast for a city.', describe: { city: 'its name' } },
)
const acting = program(
  'question -> notes: str, turns: int',
  { act: react('question -> notes', { tools: { weather }, maxTurns: 3, toolCalls: 'native' }) },
  async ({ act }, { question }) => {
    const { notes, turns } = await act({ question })
    return { notes, turns }
  },
)

type Request = Exchange['body'] & {
  readonly tools?: readonly { readonly type: string; readonly function: Record<string, unknown> }[]
  readonly tool_choice?: string
  readonly parallel_tool_calls?: boolean
}

const bodyOf = (exchange: Exchange | undefined) => exchange?.body as Request
const hasTools = (exchange: Exchange) => bodyOf(exchange).tools !== undefined

/** One turn: a thought in pieces, and a call whose arguments come in pieces of so many characters. */
function call(exchange: Exchange, name: string, args: string, { thought = 'I look.', size = 3 } = {}): void {
  exchange.open().deltas(thought)
  const piece = (call: object) =>
    exchange.chunk({ delta: { tool_calls: [{ index: 0, ...call }] }, finish_reason: null })
  piece({ id: 'call_1', type: 'function', function: { name, arguments: '' } })
  for (let at = 0; at < args.length; at += size) piece({ function: { arguments: args.slice(at, at + size) } })
  exchange.finish('tool_calls')
}

const ARGS = '{ "city": "Bonn",\n "day": "today" }'

/** Answers each turn by these, and writes the notes at the end. */
const turns = (...scripts: readonly ((exchange: Exchange) => void)[]): Script => {
  let nth = 0
  return (exchange) => {
    if (hasTools(exchange)) (scripts[nth++] ?? assert.fail('a turn too many'))(exchange)
    else exchange.answer({ reasoning: 'I saw it.', notes: 'rain' })
  }
}

const start = (t: TestContext, script: Script) => Service.start(t, { program: acting, script })

/** What the model has been told so far, in the last request of the loop or of its end. */
const lastPrompt = ({ upstream }: Service) => bodyOf(upstream.exchanges.at(-1)).messages.at(-1)?.content ?? ''

describe('a tool loop by native tool calling', () => {
  it('streams thought, name and arguments as the model writes them, and calls the tools', async (t) => {
    const service = await start(
      t,
      turns(
        (exchange) => call(exchange, 'weather', ARGS),
        (exchange) => call(exchange, 'finish', '', { thought: 'Enough.' }),
      ),
    )
    const frames = await service.ask('Will it rain?')
    assert.deepEqual(
      ['next_thought', 'next_tool_name', 'next_tool_args'].map((field) => text(frames, 'act', field)),
      ['I look.', 'weather', ARGS],
    )
    const pieces = frames.filter((one) => one.type === 'token' && one.field === 'next_tool_args' && !one.call)
    assert.ok(pieces.length > 1, 'the arguments come as they are written')
    assert.equal(text(frames, 'act.weather', 'report'), 'Rain in Bonn today.')
    assert.deepEqual(
      ['next_thought', 'next_tool_name', 'next_tool_args'].map((field) => text(frames, 'act', field, 2)),
      ['Enough.', 'finish', '{}'],
    )
    assert.deepEqual(predictionOf(frames), { type: 'prediction', data: { notes: 'rain', turns: 2 } })
    await service.assertQuiet('ok')
  })

  it('sends the tools with the schemas of their arguments', async (t) => {
    const service = await start(
      t,
      turns((exchange) => call(exchange, 'finish', '{}')),
    )
    await service.ask('Will it rain?')
    const { tools = [], tool_choice, parallel_tool_calls, messages } = bodyOf(service.upstream.exchanges[0])
    assert.deepEqual([tool_choice, parallel_tool_calls], ['auto', false])
    assert.deepEqual(
      tools.map(({ function: { name } }) => name),
      ['weather', 'finish'],
    )
    assert.equal(tools[0]?.function.description, 'The forecast for a city.')
    assert.deepEqual(tools[0]?.function.parameters, {
      type: 'object',
      properties: {
        city: { type: 'string', description: 'its name' },
        day: { type: 'string', enum: ['today', 'tomorrow'] },
      },
      required: ['city', 'day'],
    })
    assert.ok(!JSON.stringify(messages).includes('next_tool_name'), 'no call is asked for as text')
    await service.assertQuiet('ok')
  })

  it('takes a turn without a call for the end', async (t) => {
    const service = await start(
      t,
      turns((exchange) => exchange.open().deltas('It rains, I know.').finish('stop')),
    )
    const frames = await service.ask('Will it rain?')
    assert.equal(text(frames, 'act', 'next_tool_name'), 'finish')
    assert.equal(predictionOf(frames).data.turns, 1)
    await service.assertQuiet('ok')
  })

  const bad: Record<string, [(exchange: Exchange) => void, RegExp]> = {
    'arguments that are no JSON': [
      (exchange) => call(exchange, 'weather', '{"city": '),
      /The turn can't be read/,
    ],
    'arguments of other types': [
      (exchange) => call(exchange, 'weather', '{"city": 1, "day": "now"}'),
      /Execution error in weather: \/city: .*\/day: /,
    ],
    'a tool that there is not': [
      (exchange) => call(exchange, 'news', '{}'),
      /There is no tool 'news'\. The tools are weather, finish\./,
    ],
  }
  for (const [what, [turn, told]] of Object.entries(bad)) {
    it(`tells the model of ${what}`, async (t) => {
      const service = await start(
        t,
        turns(turn, (exchange) => call(exchange, 'finish', '{}')),
      )
      const frames = await (await service.open('Will it rain?')).frames(['act'])
      assert.equal(predictionOf(frames).data.turns, 2)
      assert.match(lastPrompt(service), told)
      await service.assertQuiet('ok')
    })
  }

  const refusals: Record<string, [status: number, body: object]> = {
    'a model without tools': [400, { error: { message: 'This model does not support tools' } }],
    'a server started without them': [
      400,
      {
        error: { message: '"auto" tool choice requires --enable-auto-tool-choice', type: 'BadRequestError' },
      },
    ],
    'a router': [404, { error: { message: 'No endpoints found that support tool use.' } }],
  }
  for (const [what, [status, body]] of Object.entries(refusals)) {
    it(`asks for calls as text where ${what} refuses tools, and remembers that`, async (t) => {
      const answer = (exchange: Exchange) =>
        exchange.answer(
          exchange.fields.includes('notes')
            ? { reasoning: 'I saw it.', notes: 'rain' }
            : { next_thought: 'Done.', next_tool_name: 'finish', next_tool_args: '{}' },
        )
      const service = await start(t, (exchange) =>
        hasTools(exchange) ? exchange.refuse(status, body) : answer(exchange),
      )
      for (let nth = 0; nth < 2; nth++) {
        assert.equal(predictionOf(await service.ask('Will it rain?')).data.notes, 'rain')
      }
      assert.equal(service.upstream.exchanges.filter(hasTools).length, 1)
      await service.assertQuiet('ok', 'ok')
    })
  }

  it('goes on without a parameter that the endpoint does not know, also for calls side by side', async (t) => {
    const service = await start(t, (exchange) => {
      if (!hasTools(exchange)) return exchange.answer({ reasoning: 'r', notes: 'rain' })
      if (bodyOf(exchange).parallel_tool_calls !== undefined) {
        return exchange.refuse(400, { error: { message: "Unsupported parameter: 'parallel_tool_calls'" } })
      }
      return call(exchange, 'finish', '{}')
    })
    const all = await Promise.all([service.ask('a'), service.ask('b')])
    for (const frames of all) assert.equal(predictionOf(frames).data.notes, 'rain')
    await service.ask('c')
    const sent = service.upstream.exchanges.filter(hasTools).map((one) => bodyOf(one).parallel_tool_calls)
    assert.ok(sent.filter((one) => one !== undefined).length <= 2, 'it is sent no more once it is known')
    assert.equal(sent.at(-1), undefined)
    await service.assertQuiet('ok', 'ok', 'ok')
  })

  it('tells the model of a call that its endpoint could not read', async (t) => {
    const failed = { message: 'Failed to call a function.', code: 'tool_use_failed' } // in Groq's words
    const service = await start(
      t,
      turns(
        (exchange) => exchange.refuse(400, { error: failed }),
        (exchange) => call(exchange, 'finish', '{}'),
      ),
    )
    const frames = await (await service.open('Will it rain?')).frames(['act'])
    assert.equal(predictionOf(frames).data.turns, 2)
    assert.match(lastPrompt(service), /The turn can't be read/)
    await service.assertQuiet('ok')
  })

  it('tells the model of a thought that the token limit cut off: it is no end', async (t) => {
    const service = await start(
      t,
      turns(
        (exchange) => exchange.open().deltas('It may well').finish('length'),
        (exchange) => call(exchange, 'finish', '{}'),
      ),
    )
    const frames = await (await service.open('Will it rain?')).frames(['act'])
    assert.equal(predictionOf(frames).data.turns, 2)
    assert.match(lastPrompt(service), /reached its token limit before it wrote 'next_tool_name'/)
    await service.assertQuiet('ok')
  })

  it('streams native reasoning in the lane where it always is', async (t) => {
    const service = await start(
      t,
      turns((exchange) => {
        exchange.open().chunk({ delta: { reasoning_content: 'Let me see.' } })
        exchange.chunk({ delta: { tool_calls: [{ index: 0, function: { name: 'finish', arguments: {} } }] } })
        exchange.finish('function_call')
      }),
    )
    const frames = await service.ask('Will it rain?', { include: ['reasoning'] })
    assert.deepEqual(
      ['reasoning', 'next_thought', 'next_tool_args'].map((field) => text(frames, 'act', field)),
      ['Let me see.', '', '{}'],
    )
    await service.assertQuiet('ok')
  })

  it('shows earlier turns of a conversation as what was asked and answered', async (t) => {
    const remembering = program(
      'question, history: History -> notes',
      { act: react('question, history: History -> notes', { tools: { weather }, toolCalls: 'native' }) },
      async ({ act }, asked) => ({ notes: (await act(asked)).notes }),
    )
    const service = await Service.start(t, {
      program: remembering,
      script: turns((exchange) => call(exchange, 'finish', '{}')),
    })
    const response = await fetch(`${service.url}/v1/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question: 'And now?', history: [{ question: 'Rain?', answer: 'Yes.' }] }),
    })
    assert.match(await response.text(), /"type":"prediction"/)
    const [, asked, answered, ...rest] = bodyOf(service.upstream.exchanges[0]).messages
    assert.match(asked?.content ?? '', /^\[\[ ## question ## \]\]\nRain\?/)
    assert.deepEqual(answered, { role: 'assistant', content: 'Yes.' })
    assert.equal(rest.length, 1)
    await service.assertQuiet('ok')
  })

  it('ends with the run when arguments are longer than a completion may be', async (t) => {
    const service = await Service.start(t, {
      program: acting,
      script: (exchange) => call(exchange, 'weather', `{"city": "${'x'.repeat(2_000)}"}`, { size: 100 }),
      env: { MAX_COMPLETION_CHARS: '1000' },
    })
    errorOf(await service.ask('Will it rain?'), 'upstream_too_large', 'act')
    await service.assertQuiet('upstream_too_large')
  })

  it('aborts the request when its reader leaves in the middle of the arguments', async (t) => {
    const service = await start(t, (exchange) => {
      exchange.open().chunk({
        delta: { tool_calls: [{ index: 0, function: { name: 'weather', arguments: '{"city": ' } }] },
        finish_reason: null,
      })
    })
    const leaving = new AbortController()
    const reading = await service.open('Will it rain?', { signal: leaving.signal })
    await reading.until('next_tool_args')
    leaving.abort()
    await service.assertQuiet('client_closed')
    assert.ok(service.upstream.exchanges[0]?.wasAborted)
  })
})
