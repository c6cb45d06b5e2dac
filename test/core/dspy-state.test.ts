import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { prompt } from '../../src/core/adapters/chat/prompt.ts'
import { describe as describeProgram } from '../../src/core/describe.ts'
import type { PredictorPlace } from '../../src/core/place.ts'
import { chainOfThought, type Predictor, predict } from '../../src/core/predictor.ts'
import { type Program, program } from '../../src/core/program.ts'
import { react } from '../../src/core/react.ts'
import { streamify } from '../../src/core/streamify.ts'
import { tool } from '../../src/core/tool.ts'
import { withState } from '../../src/core/with-state.ts'
import { lmOf, saying, silence, text } from '../support/lm.ts'
import { predictorsOf } from '../support/programs.ts'
import { run } from '../support/runs.ts'
import { answering, extracting, programOf, saved, savedNames, single } from '../support/saved.ts'

const predictorOf = (program: Program, name: string): Predictor =>
  predictorsOf(program).find((place) => place.name === name)?.predictor ?? assert.fail(`no predictor ${name}`)

const demosOf = (of: Program, name: string) => predictorOf(of, name).demos

/** What DSPy saves in the place of a description. */
const placeholder = (name: string) => `\${${name}}`

/** The message of the fault, without its first line. */
function faultsOf(of: Program, state: unknown): string[] {
  try {
    withState(of, state)
  } catch (error) {
    assert.ok(error instanceof TypeError)
    const [head, ...lines] = error.message.split('\n')
    assert.equal(head, "The saved state doesn't fit the program:")
    return lines
  }
  return assert.fail('it fits')
}

describe('what DSPy saved', () => {
  it('is all tried here', () => assert.deepEqual(savedNames, Object.keys(programOf).sort()))

  for (const name of savedNames) {
    it(`fits its program: ${name}`, () => {
      const original = programOf[name] as Program
      const loaded = withState(original, saved(name))
      const shapeOf = (program: Program) =>
        predictorsOf(program).map(({ name, module, messages, predictor: { inputs, outputs } }) => ({
          name,
          module,
          messages,
          fields: [...inputs, ...outputs].map(({ name, type }) => [name, type.text]),
        }))
      assert.deepEqual(shapeOf(loaded), shapeOf(original))
      for (const { predictor } of predictorsOf(loaded)) {
        const inputs = {
          question: 'Why?',
          brainstorm: 'b',
          evidence: 'e',
          draft: 'd',
          text: 't',
          history: [],
        }
        const messages = prompt(predictor, inputs)
        assert.ok(messages[0]?.content.endsWith(predictor.instructions as string))
        assert.equal(messages.length, 2 + 2 * predictor.demos.length)
      }
    })
  }

  it('goes into the prompt: instructions, half-filled demos, whole ones', () => {
    const { compose } = Object.fromEntries(
      predictorsOf(withState(answering, saved('bootstrapped'))).map(({ name, predictor }) => [
        name,
        predictor,
      ]),
    )
    const asked =
      'Answer with the fields [[ ## reasoning ## ]], then [[ ## answer ## ]], and end with [[ ## completed ## ]].'
    const turns = (question: string, draft: string, reasoning: string, answer: string) => [
      {
        role: 'user',
        content: `[[ ## question ## ]]\n${question}\n\n[[ ## draft ## ]]\n${draft}\n\n${asked}`,
      },
      {
        role: 'assistant',
        content: `[[ ## reasoning ## ]]\n${reasoning}\n\n[[ ## answer ## ]]\n${answer}\n\n[[ ## completed ## ]]`,
      },
    ]
    const leftOut = '(not supplied in this example)'
    const [system, ...rest] = prompt(compose as Predictor, { question: 'Why?', draft: 'So.' })
    assert.ok(
      system?.content.endsWith('\n\nGiven the fields `question`, `draft`, produce the fields `answer`.'),
    )
    assert.deepEqual(rest, [
      ...turns('Q3?', leftOut, leftOut, 'A3.'),
      ...turns('Q2?', leftOut, leftOut, 'A2.'),
      ...turns('Q0?', 'Draft 0.', 'Second thought 0.', 'A0.'),
      ...turns('Q1?', 'Draft 1.', 'Second thought 1.', 'A1.'),
      ...turns('Why?', 'So.', '', '').slice(0, 1),
    ])
  })

  it('leaves out of demos what is no field, and demos that have no input or no output', () => {
    const loaded = withState(answering, saved('bootstrapped'))
    assert.deepEqual(demosOf(loaded, 'ideas.brainstorm'), [
      { question: 'Q0?', reasoning: 'Thought 0.', brainstorm: 'Idea 0.' },
      { question: 'Q1?', reasoning: 'Thought 1.', brainstorm: 'Idea 1.' },
    ])
    assert.deepEqual(demosOf(loaded, 'draft'), [
      { question: 'Q0?', brainstorm: 'Idea 0.', draft: 'Draft 0.' },
      { question: 'Q1?', brainstorm: 'Idea 1.', draft: 'Draft 1.' },
    ])
    const labeled = withState(
      programOf['parallel-composer.labeled'] as Program,
      saved('parallel-composer.labeled'),
    )
    assert.deepEqual(demosOf(labeled, 'evidence.probe'), [
      { question: 'Q?', evidence: 'e' },
      { question: 'Q?', evidence: 'e' },
    ])
  })

  it('of a single predictor fits a program of one, whatever its name', () => {
    const demos = [
      { question: 'Q0?', answer: 'A0.' },
      { question: 'Q1?', answer: 'A1.' },
    ]
    assert.deepEqual(demosOf(withState(single.plain, saved('bare-predict')), 'solo'), demos)
    assert.deepEqual(demosOf(withState(single.reasoning, saved('bare-chain-of-thought')), 'solo'), demos)
  })

  it('brings typed demos, descriptions and changed instructions', () => {
    const read = predictorOf(withState(extracting, saved('typed')), 'read')
    assert.equal(read.instructions, 'Read the order line by line.\nLeave nothing out.')
    assert.deepEqual(
      Object.fromEntries(
        [...read.inputs, ...read.outputs].map(({ name, description }) => [name, description]),
      ),
      {
        text: 'what the customer wrote',
        history: undefined,
        hint: undefined,
        reasoning: undefined,
        urgency: '`high` only if the customer says so',
        lines: 'kept, since nothing is saved',
        totals: 'by currency',
        sure: undefined,
      },
    )
    assert.deepEqual(read.demos, [
      {
        text: 'Two pears, soon!',
        history: [{ text: 'Hello', urgency: 'low' }],
        hint: null,
        reasoning: 'It says soon.',
        urgency: 'high',
        lines: [{ item: 'pear', quantity: 2 }],
        totals: { EUR: 2 },
        sure: true,
      },
      { text: 'One fig.', urgency: 'low', lines: [{ item: 'fig', quantity: 1 }] },
    ])
    const [system, asked, answered] = prompt(read, { text: 'A kiwi.', history: [] })
    assert.match(system?.content ?? '', /- `text` \(str\): what the customer wrote\n/)
    assert.match(asked?.content ?? '', /## text ## \]\]\nOne fig\.\n\n\[\[ ## hint ## \]\]\nnull\n/)
    assert.match(
      answered?.content ?? '',
      /## lines ## \]\]\n\[\{"item":"fig","quantity":1\}\]\n\n\[\[ ## totals ## \]\]\n\(not supplied/,
    )
  })

  it("has the model's settings; its name is shown, and no model is chosen by it", () => {
    const loaded = withState(answering, saved('with-lm'))
    const settingsOf = (name: string) => {
      const { asking, savedModel } = predictorOf(loaded, name)
      return { ...asking.settings, savedModel }
    }
    assert.deepEqual(settingsOf('ideas.brainstorm'), {
      temperature: 0.7,
      maxTokens: 300,
      savedModel: 'openai/gpt-4o-mini',
    })
    assert.deepEqual(settingsOf('draft'), { savedModel: 'openai/gpt-5-mini' })
    assert.deepEqual(settingsOf('compose'), { savedModel: undefined })
    assert.deepEqual(
      describeProgram('answering', loaded, { maxChars: 100, maxHistoryChars: 100 }).predictors.map(
        (one) => one.saved_model,
      ),
      ['openai/gpt-4o-mini', 'openai/gpt-5-mini', undefined],
    )
  })

  it('stays as it is where the file says nothing', () => {
    const state = saved('bare-predict')
    const own = predict('question -> answer', { instructions: 'Be brief.', temperature: 0, maxTokens: 9 })
    const solo = () => program({ solo: own }, ({ solo }, inputs) => solo(inputs))
    state.signature.instructions = ' '
    state.signature.fields[0].description = ''
    state.lm = { model: 'm', temperature: null }
    const { asking, instructions, inputs } = predictorOf(withState(solo(), state), 'solo')
    assert.deepEqual([asking.settings, instructions], [{ temperature: 0, maxTokens: 9 }, 'Be brief.'])
    assert.equal(inputs[0]?.description, undefined)
    delete state.lm
    assert.equal(predictorOf(withState(solo(), state), 'solo').savedModel, undefined)
  })

  it('may have keys that mean nothing here', () => {
    const state = saved('bootstrapped')
    const expected = withState(answering, saved('bootstrapped')).places
    Object.assign(state, { retriever: { k: 3 }, notes: 'by hand', list: [], none: null })
    Object.assign(state.draft, { fields: { x: {} }, traces: 'anything', train: 7 })
    Object.assign(state.draft.signature, { more: 1 })
    Object.assign(state.draft.demos[0], { dspy_uuid: 'x', augmented: 'yes' })
    assert.deepEqual(withState(answering, state).places, expected)
  })

  it('takes `null` for a value only where it may be one', () => {
    const types = { Maybe: z.string().nullable() }
    const nullable = program(
      { solo: predict('a: str, b: Maybe -> c: str, d: Optional[int]', { types }) },
      ({ solo }, inputs) => solo({ a: inputs.question, b: null }),
    )
    const state = saved('bare-predict')
    state.signature.fields = ['a', 'b', 'c', 'd'].map((name) => ({ description: placeholder(name) }))
    state.demos = [
      { a: null, b: null, c: 'c', d: null },
      { a: 'a', b: 'b', c: null, d: 1 },
      { a: 'a', b: 'b', c: null },
    ]
    assert.deepEqual(demosOf(withState(nullable, state), 'solo'), [
      { b: null, c: 'c', d: null },
      { a: 'a', b: 'b', d: 1 },
    ])
  })
})

describe('a program with a state', () => {
  it('may have a tool loop: DSPy calls its turns `react`, and tools have no state', async () => {
    const find = tool('query -> found', async () => ({ found: '' }))
    const looping = program(
      { act: react('question -> answer', { tools: { find }, toolCalls: 'native' }), find },
      async ({ act }, { question }) => act({ question }),
    )
    const stateOf = (instructions: string, fields: readonly string[]) => ({
      traces: [],
      train: [],
      demos: [],
      signature: {
        instructions,
        fields: fields.map((name) => ({ prefix: 'X:', description: placeholder(name) })),
      },
      lm: null,
    })
    const loaded = withState(looping, {
      'act.react': stateOf('Look around.', [
        'question',
        'trajectory',
        'next_thought',
        'next_tool_name',
        'next_tool_args',
      ]),
      'act.extract.predict': stateOf('Sum it up.', ['question', 'trajectory', 'reasoning', 'answer']),
      metadata: {},
    })
    assert.deepEqual(
      predictorsOf(loaded).map(({ name, predictor }) => [name, predictor.instructions]),
      [
        ['act', 'Look around.'],
        ['act.extract', 'Sum it up.'],
      ],
    )
    assert.deepEqual(
      loaded.places.map(({ name }) => name),
      looping.places.map(({ name }) => name),
    )
    assert.ok(predictorOf(looping, 'act').toolCalling)
    assert.equal(predictorOf(loaded, 'act').toolCalling, undefined, 'its instructions are for calls as text')
    const asked: string[] = []
    const lm = lmOf((options) => {
      asked.push(options.signature.outputs.map(({ name }) => name).join())
      const values: Record<string, string> = { next_tool_name: 'finish', next_tool_args: '{}' }
      const fields = options.signature.outputs.map(
        ({ name }) => `[[ ## ${name} ## ]]\n${values[name] ?? 'x'}\n`,
      )
      return saying([text(`${fields.join('')}[[ ## completed ## ]]`)])
    })
    const { frames } = await run(loaded, lm)
    assert.partialDeepStrictEqual(frames.at(-1), { type: 'prediction', data: { answer: 'x', turns: 1 } })
    assert.throws(() => withState(looping, { find: stateOf('x', []) }), /act\.extract/)
  })

  it('leaves the original alone, and calls its own predictors', async () => {
    const loaded = withState(single.plain, saved('bare-predict'))
    assert.deepEqual(demosOf(single.plain, 'solo'), [])
    const asked: Predictor[] = []
    const result = await loaded.run(
      async (place) => {
        asked.push((place as PredictorPlace).predictor)
        return { answer: 'yes' }
      },
      { question: 'Why?' },
      { signal: AbortSignal.abort() },
    )
    assert.deepEqual(result, { answer: 'yes' })
    assert.deepEqual(asked, [predictorOf(loaded, 'solo')])
  })

  it("isn't run before it has it", () => {
    const state = saved('bare-predict')
    const waiting = program(
      { solo: predict('question -> answer') },
      ({ solo }, { question }) => solo({ question }),
      { state },
    )
    assert.equal(waiting.state, state)
    const options = { lm: lmOf(silence), signal: AbortSignal.abort(), id: 'x' }
    assert.throws(() => streamify(waiting, { question: 'Why?' }, options), {
      name: 'TypeError',
      message: /hasn't been applied/,
    })
    assert.equal(withState(waiting, state).state, undefined)
  })
})

describe('what does not fit', () => {
  it('is all named at once', () => {
    const state = saved('bootstrapped')
    state.drafts = state.draft
    delete state.draft
    state['steps[0].predict'] = state.drafts
    state['compose.predict'].signature.fields.pop()
    state['compose.predict'].demos[0].answer = 42
    state['compose.predict'].demos[2].question = ['Q?']
    assert.deepEqual(faultsOf(answering, state), [
      "the predictor 'draft' isn't in it; its key would be 'draft'",
      '/compose.predict/signature/fields: there are 3 fields, and the program has 4: question, draft, reasoning, answer',
      '/compose.predict/demos/0/answer: expected string, received number',
      '/compose.predict/demos/2/question: expected string, received array',
      '/drafts: the program has no such predictor; it has ideas.brainstorm, draft, compose',
      '/steps[0].predict: the program has no such predictor; it has ideas.brainstorm, draft, compose',
    ])
  })

  it('is a state of another program', () => {
    assert.deepEqual(faultsOf(answering, saved('bare-predict')), [
      "the predictor 'ideas.brainstorm' isn't in it; its key would be 'ideas.brainstorm.predict'",
      "the predictor 'draft' isn't in it; its key would be 'draft'",
      "the predictor 'compose' isn't in it; its key would be 'compose.predict'",
      'this is a single predictor, and the program has 3: ideas.brainstorm, draft, compose',
    ])
    assert.deepEqual(faultsOf(single.plain, saved('bare-chain-of-thought')), [
      '/predict/signature/fields: there are 3 fields, and the program has 2: question, answer',
    ])
  })

  it('are fields that have other names, as far as these are known', () => {
    const state = saved('bare-predict')
    state.signature.fields[0].description = placeholder('query')
    state.signature.fields[1].description = placeholder('the answer')
    assert.deepEqual(faultsOf(single.plain, state), [
      "/signature/fields/0/description: the field is called 'query' here, and 'question' in the program",
    ])
  })

  it('are at most ten lines, and how many there are besides', () => {
    const state = saved('bare-predict')
    state.demos = Array.from({ length: 234 }, () => ({ question: 1, answer: 'a' }))
    const lines = faultsOf(single.plain, state)
    assert.equal(lines.length, 11)
    assert.equal(lines[9], '/demos/9/question: expected string, received number')
    assert.equal(lines[10], '… and 224 more')
  })

  it('is a predictor whose state has another shape', () => {
    const state = saved('bootstrapped')
    delete state['ideas.brainstorm.predict'].demos
    state.draft.signature = 'question, brainstorm -> draft'
    Object.assign(state['compose.predict'], {
      demos: [[]],
      lm: { model: 1, temperature: -1, max_tokens: 0.5 },
    })
    delete state['compose.predict'].signature.fields[1].description
    assert.deepEqual(faultsOf(answering, state), [
      '/ideas.brainstorm.predict/demos: array is needed',
      '/draft/signature: expected object, received string',
      '/compose.predict/signature/fields/1/description: string is needed',
      '/compose.predict/demos/0: expected record, received array',
      '/compose.predict/lm/model: expected string, received number',
      '/compose.predict/lm/temperature: Too small: expected number to be >=0',
      '/compose.predict/lm/max_tokens: expected int, received number',
    ])
  })

  const strangers: Record<string, unknown> = {
    'an empty object': {},
    'another object': { name: 'x', predict: 'y', metadata: { dependency_versions: {} } },
    'an array': [saved('bare-predict')],
    'a text': 'question -> answer',
    null: null,
    'a number': 7,
    'nothing at all': undefined,
  }
  for (const [name, state] of Object.entries(strangers)) {
    it(`is ${name}`, () => {
      assert.deepEqual(faultsOf(single.plain, state), [
        "this isn't the JSON that program.save('x.json') writes in DSPy: it has no predictor",
      ])
    })
  }

  it('does no harm by its keys', () => {
    const { signature, demos } = saved('bare-predict')
    const text = JSON.stringify({ signature, demos }).replaceAll('"question"', '"__proto__"')
    assert.deepEqual(demosOf(withState(single.plain, JSON.parse(text)), 'solo'), [])
    const keyed = JSON.parse(`{"__proto__": ${text}, "constructor": ${text}, "solo": ${text}}`)
    assert.deepEqual(faultsOf(single.plain, keyed), [
      '/__proto__: the program has no such predictor; it has solo',
      '/constructor: the program has no such predictor; it has solo',
    ])
    assert.equal(({} as { signature?: unknown }).signature, undefined)
    const long = { ...keyed, [`\n${'x'.repeat(1_000_000)}`]: keyed.solo }
    assert.ok(faultsOf(single.plain, long).join('').length < 1_000)
  })

  it('is nested more deeply than a prompt could say', () => {
    const types = { Tree: z.json() }
    const tree = program({ solo: chainOfThought('question -> tree: Tree', { types }) }, ({ solo }, inputs) =>
      solo(inputs),
    )
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
    const state = saved('bare-chain-of-thought')
    state.predict.signature.fields[2].description = ''
    state.predict.demos = [{ question: 'Q?', tree: nested(100) }]
    assert.deepEqual(demosOf(withState(tree, state), 'solo'), state.predict.demos)
    state.predict.demos = [{ question: 'Q?', tree: nested(1_000_000), other: nested(1_000_000) }]
    assert.deepEqual(faultsOf(tree, state), ['/predict/demos/0/tree: it is nested more than 100 deep'])
    assert.equal(faultsOf(tree, nested(1_000_000)).length, 1)
  })
})
