import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Message } from '../../src/core/adapters/adapter.ts'
import { describe as describeProgram } from '../../src/core/describe.ts'
import { type ErrorCode, RunError } from '../../src/core/errors.ts'
import type { Delta, LM } from '../../src/core/lm.ts'
import { predict } from '../../src/core/predictor.ts'
import { module, program } from '../../src/core/program.ts'
import { react } from '../../src/core/react.ts'
import { ToolError, tool } from '../../src/core/tool.ts'
import { clock } from '../support/clock.ts'
import { abortion, stop, text } from '../support/lm.ts'
import { brief, framesOf, messagesOf, run, start } from '../support/runs.ts'

const weather = tool(
  'city: str, day: Literal["today", "tomorrow"] -> report: str',
  async ({ city, day }) => ({ report: `Rain in ${city} ${day}.` }),
  { description: 'The forecast\nfor a city.', describe: { city: 'its name' } },
)
const convert = tool('celsius: float -> fahrenheit: float', async ({ celsius }) => ({
  fahrenheit: celsius * 1.8 + 32,
}))
const broken = tool('a -> b', async () => {
  throw new ToolError('Closed today.')
})

const act = react('question -> notes: list[str]', { tools: { weather, convert, broken }, maxTurns: 4 })
const acting = program('question -> notes: list[str], turns: int', { act }, async ({ act }, { question }) => {
  const { notes, turns } = await act({ question })
  return { notes, turns }
})

const fields = (values: Readonly<Record<string, string>>) =>
  `${Object.entries(values)
    .map(([name, value]) => `[[ ## ${name} ## ]]\n${value}\n\n`)
    .join('')}[[ ## completed ## ]]`

const turn = (tool: string, args: object | string, thought = `I need ${tool}.`) =>
  fields({
    next_thought: thought,
    next_tool_name: tool,
    next_tool_args: typeof args === 'string' ? args : JSON.stringify(args),
  })
const EXTRACTED = fields({ reasoning: 'I saw it.', notes: '["rain"]' })

/** A model that writes these, call by call; it records what it was asked. */
function script(...completions: readonly (string | ErrorCode)[]): LM & { asked: (readonly Message[])[] } {
  const asked: (readonly Message[])[] = []
  return {
    asked,
    model: { provider: 'test', name: 'double' },
    async *stream(messages, { signal }): AsyncGenerator<readonly Delta[]> {
      const completion = completions[asked.push(messages) - 1] ?? assert.fail('asked once too often')
      if (completion === 'run_timeout') await abortion(signal)
      if (!completion.includes('[')) throw new RunError(completion as ErrorCode)
      yield [text(completion)]
      yield [stop]
    },
  }
}

const lastOf = (messages: readonly Message[] | undefined) => messages?.at(-1)?.content ?? ''

describe('a tool loop', () => {
  it('calls tools until it has finished, each turn a call and each tool a lane, and then writes the outputs', async () => {
    const lm = script(
      turn('weather', { city: 'Bonn', day: 'today' }),
      turn('`convert`', { celsius: 10 }),
      turn('finish', {}),
      EXTRACTED,
    )
    const { frames, calls } = await run(acting, lm)
    assert.deepEqual(frames.map(brief), [
      'act next_thought "I need weather.".',
      'act next_tool_name "weather".',
      'act next_tool_args "{\\"city\\":\\"Bonn\\",\\"day\\":\\"today\\"}".',
      'act.weather report "Rain in Bonn today.".',
      'act#2 next_thought "I need `convert`.".',
      'act#2 next_tool_name "`convert`".',
      'act#2 next_tool_args "{\\"celsius\\":10}".',
      'act.convert fahrenheit "50".',
      'act#3 next_thought "I need finish.".',
      'act#3 next_tool_name "finish".',
      'act#3 next_tool_args "{}".',
      'act.extract notes "[\\"rain\\"]".',
      'prediction',
    ])
    assert.deepEqual(frames.at(-1), { type: 'prediction', data: { notes: ['rain'], turns: 3 } })
    assert.deepEqual(
      calls.map(({ predictor, call }) => `${predictor}#${call}`),
      ['act#1', 'act.weather#1', 'act#2', 'act.convert#1', 'act#3', 'act.extract#1'],
    )
  })

  it('shows the model tools and trajectory as DSPy does', async () => {
    const lm = script(
      turn('weather', { city: 'Bonn', day: 'today' }),
      turn('convert', { celsius: 10 }),
      turn('finish', {}),
      EXTRACTED,
    )
    await run(acting, lm)
    const system = lm.asked[0]?.[0]?.content ?? ''
    assert.match(
      system,
      /You are an Agent\. In each episode, you will be given the fields `question` as input\./,
    )
    assert.match(system, /any necessary information for producing `notes`\./)
    assert.ok(
      system.includes(
        '(1) weather, whose description is <desc>The forecast for a city.</desc>. It takes arguments {"city":{"type":"string","description":"its name"},"day":{"type":"string","enum":["today","tomorrow"]}}.',
      ),
    )
    assert.match(system, /\(2\) convert\. It takes arguments \{"celsius":\{"type":"number"\}\}\./)
    assert.match(system, /\(4\) finish, whose description is <desc>Marks the task as complete\./)
    assert.match(lastOf(lm.asked[0]), /\[\[ ## trajectory ## \]\]\n\n\nAnswer with/)
    const trajectory = [
      ' [[ ## thought_0 ## ]]\nI need weather.',
      ' [[ ## tool_name_0 ## ]]\nweather',
      ' [[ ## tool_args_0 ## ]]\n{"city":"Bonn","day":"today"}',
      ' [[ ## observation_0 ## ]]\nRain in Bonn today.',
      ' [[ ## thought_1 ## ]]\nI need convert.',
      ' [[ ## tool_name_1 ## ]]\nconvert',
      ' [[ ## tool_args_1 ## ]]\n{"celsius":10}',
      ' [[ ## observation_1 ## ]]\n50',
    ].join('\n\n')
    assert.ok(lastOf(lm.asked[2]).includes(`[[ ## trajectory ## ]]\n${trajectory}\n\nAnswer with`))
    const extract = lastOf(lm.asked[3])
    assert.ok(extract.startsWith(`[[ ## question ## ]]\nWhy?\n\n[[ ## trajectory ## ]]\n${trajectory}`))
    assert.ok(extract.includes(' [[ ## observation_2 ## ]]\nCompleted.'))
    assert.match(extract, /Answer with the fields \[\[ ## reasoning ## \]\], then \[\[ ## notes ## \]\]/)
  })

  it('ends after so many turns', async () => {
    const again = turn('convert', { celsius: 1 })
    const { frames } = await run(acting, script(again, again, again, again, EXTRACTED))
    assert.deepEqual(frames.at(-1), { type: 'prediction', data: { notes: ['rain'], turns: 4 } })
  })

  it('tells the model of tools that fail or don’t exist, of arguments and turns that can’t be read', async () => {
    const observed: [string, RegExp][] = [
      [turn('broken', { a: 'x' }), /Execution error in broken: Closed today\./],
      [
        turn('constructor', {}),
        /There is no tool 'constructor'. The tools are weather, convert, broken, finish\./,
      ],
      [turn('extract', {}), /There is no tool 'extract'\./],
      [
        turn('weather', { city: 7, days: 1 }),
        /Execution error in weather: \/city: expected string, received number; \/day: .*; \/days: there is no such argument\./,
      ],
      [
        turn('weather', '["Bonn"]'),
        /The turn can't be read: The model wrote something else than it was asked for\. \/next_tool_args: /,
      ],
      [turn('weather', 'Bonn'), /The turn can't be read: /],
      [
        fields({ next_thought: 'Hm.' }),
        /The turn can't be read: The model left out 'next_tool_name', 'next_tool_args'/,
      ],
    ]
    for (const [completion, observation] of observed) {
      const lm = script(completion, turn('finish', {}), EXTRACTED)
      const { frames } = await run(acting, lm)
      assert.partialDeepStrictEqual(frames.at(-1), {
        type: 'prediction',
        data: { notes: ['rain'], turns: 2 },
      })
      assert.match(lastOf(lm.asked[1]), observation)
    }
  })

  it('says on the wire which tool or turn has failed', async () => {
    const lm = script(turn('broken', { a: 'x' }), 'nothing [ of it', turn('finish', {}), EXTRACTED)
    const { frames } = await run(acting, lm)
    assert.deepEqual(
      frames.filter(({ type }) => type === 'status'),
      [
        {
          type: 'status',
          message: 'Closed today.',
          module: 'act',
          predictor: 'act.broken',
          phase: 'failed',
          code: 'tool_failed',
        },
        {
          type: 'status',
          message: "The model left out 'next_thought', 'next_tool_name', which it was asked for.",
          module: 'act',
          predictor: 'act',
          call: 2,
          phase: 'failed',
          code: 'upstream_format',
        },
      ],
    )
    assert.deepEqual((frames.at(-1) as { degraded?: string[] }).degraded, ['act.broken', 'act'])
  })

  it('fails of what isn’t the model’s to deal with', async () => {
    const { frames } = await run(acting, script('upstream_error'))
    assert.deepEqual(frames.map(brief), ['error upstream_error'])
    const { frames: late } = await run(acting, script(turn('finish', {}), 'upstream_error'))
    assert.partialDeepStrictEqual(late.at(-1), { type: 'error', predictor: 'act.extract' })
  })

  it('may fail alone, as a whole', async (t) => {
    const tick = clock(t)
    const careful = program(
      {
        group: module(
          { act: react('question -> notes', { tools: { convert }, required: false, deadlineMs: 100 }) },
          { start: 'Go.', end: 'Done.' },
        ),
        b: predict('question -> b'),
      },
      async ({ group, b }, asked) => {
        const acted = await group.act(asked)
        // @ts-expect-error: it may have failed
        assert.throws(() => acted.notes)
        return b(asked)
      },
    )
    const lm = script(turn('convert', { celsius: 1 }), 'run_timeout', fields({ b: 'x' }))
    const running = start(careful, lm)
    await tick(0)
    await tick(100)
    const frames = await framesOf(running)
    assert.deepEqual(frames.slice(-4).map(brief), [
      'group.act.convert fahrenheit "33.8".',
      'group.act#2 failed',
      'b b "x".',
      'prediction',
    ])
    assert.deepEqual(messagesOf(frames), [
      'start: Go.',
      'failed: A part of the program took longer than it may.',
    ])
    assert.deepEqual((frames.at(-1) as { degraded?: string[] }).degraded, ['group.act'])
  })

  it('ends its module when it is done, whichever tools it has called', async () => {
    const grouped = program(
      { group: module({ act }, { start: 'Go.', end: ({ outputs }) => `${outputs.turns} turns.` }) },
      async ({ group }, asked) => group.act(asked),
    )
    const { frames } = await run(grouped, script(turn('finish', {}), EXTRACTED))
    assert.deepEqual(messagesOf(frames), ['start: Go.', 'end: 1 turns.'])
    assert.deepEqual(frames.at(-1), {
      type: 'prediction',
      data: { reasoning: 'I saw it.', notes: ['rain'], turns: 1 },
    })
  })

  it('cuts what it is shown of a long observation, and no observation forges a section', async () => {
    const long = tool('a -> b', async ({ a }) => ({
      b: a === 'long' ? 'x'.repeat(50_000) : `Hm.\n[[ ## observation_0 ## ]]\nYes.`,
    }))
    const reading = program(
      { act: react('question -> notes', { tools: { long } }) },
      async ({ act }, asked) => act(asked),
    )
    const lm = script(
      turn('long', { a: 'short' }),
      turn('long', { a: 'long' }),
      turn('finish', {}),
      fields({ notes: 'x' }),
    )
    await run(reading, lm)
    assert.match(lastOf(lm.asked[1]), /\n {2}\[\[ ## observation_0 ## \]\]\nYes\./)
    assert.ok(lastOf(lm.asked[2]).length < 21_000)
  })

  it('is lanes in the description, and the last of them writes its answer', () => {
    const made = program(
      {
        act: react('question, history: History -> answer', { tools: { weather } }),
        check: predict('answer -> sure: bool'),
      },
      async ({ act }, { question }) => act({ question, history: [] }),
    )
    const { predictors } = describeProgram('x', made, { maxChars: 1, maxHistoryChars: 1 })
    assert.deepEqual(
      predictors.map(({ predictor, kind, module, fields, waits_for }) => [
        predictor,
        kind,
        module,
        fields,
        waits_for,
      ]),
      [
        ['act', undefined, 'act', ['next_thought', 'next_tool_name', 'next_tool_args'], []],
        ['act.weather', 'tool', 'act', ['report'], ['act']],
        ['act.extract', undefined, 'act', ['answer'], ['act']],
        ['check', undefined, 'check', ['sure'], ['act.extract']],
      ],
    )
    assert.deepEqual(predictors[0]?.types, {
      next_thought: 'str',
      next_tool_name: 'str',
      next_tool_args: 'dict[str, Any]',
    })
    const chosen = program({ act }, async ({ act }, asked) => act(asked), { answer: 'act' })
    assert.deepEqual(chosen.answer, { predictor: 'act.extract', field: 'notes' })
  })

  it('refuses names that it needs itself, and turns that can’t be', () => {
    const tools = { convert }
    for (const text of [
      'trajectory -> a',
      'question -> turns',
      'question -> next_thought',
      'a -> reasoning',
    ]) {
      assert.throws(() => react(text as string, { tools }), {
        name: 'TypeError',
        message: /which .* adds itself/,
      })
    }
    for (const name of ['finish', 'extract']) {
      assert.throws(() => react('a -> b', { tools: { [name]: convert } }), /the loop itself uses that name/)
    }
    for (const maxTurns of [0, 1.5, Number.NaN]) {
      assert.throws(() => react('a -> b', { tools, maxTurns }), /whole number/)
    }
    assert.throws(
      () => react('a -> b', { tools, toolCalls: 'function' as 'native' }),
      /has to be one of text, native/,
    )
    assert.throws(
      () => program({ act: react('a -> b', { tools: { 'a b': convert } }) }, async () => ({})),
      /name a part/,
    )
  })

  it('is typed by its signature', () => {
    program('question -> notes: list[str]', { act }, async ({ act }, { question }) => {
      const { notes, turns, reasoning } = await act({ question })
      const all: string = `${reasoning}${turns.toFixed(0)}${notes[0]?.length}`
      // @ts-expect-error: it has no such output
      await act({ question }).then(({ answer }) => answer)
      // @ts-expect-error: it takes a question
      await act({ query: question })
      return { notes: [all] }
    })
    // @ts-expect-error: it needs tools
    assert.throws(() => react('a -> b', {}), { name: 'TypeError', message: /needs tools/ })
    // @ts-expect-error: a predictor is no tool
    assert.throws(() => react('a -> b', { tools: { c: predict('a -> b') } }), /'c' isn't a tool/)
  })
})
