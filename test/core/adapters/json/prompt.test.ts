import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { JsonParser } from '../../../../src/core/adapters/json/json-parser.ts'
import { demoTurns, prompt } from '../../../../src/core/adapters/json/prompt.ts'
import { completionSchema } from '../../../../src/core/adapters/json/schema.ts'
import { chainOfThought, predict } from '../../../../src/core/predictor.ts'
import { corpus } from '../../../support/corpus.ts'

describe('the prompt for one JSON object', () => {
  it('is a system message and the question', () => {
    assert.deepEqual(prompt(predict('question -> answer'), { question: 'Why "?"\n' }), [
      {
        role: 'system',
        content: [
          'You are given `question` and you write `answer`.',
          '',
          'You are given a JSON object of the first of these forms, and you answer with one of the second:',
          '',
          '{"question": "..."}',
          '',
          '{"answer": "..."}',
          '',
          'Given `question`, produce `answer`.',
        ].join('\n'),
      },
      {
        role: 'user',
        content: [
          '{"question": "Why \\"?\\"\\n"}',
          '',
          'Answer with one JSON object and nothing else. Its keys are "answer".',
        ].join('\n'),
      },
    ])
  })

  it('has the types and the descriptions, reasoning first, and the instructions', () => {
    const Line = z.object({ item: z.string() })
    const predictor = chainOfThought('text, n: int -> lines: list[Line], sure: bool', {
      types: { Line },
      describe: { lines: 'the lines of the invoice' },
      instructions: 'Be exact.',
    })
    const [system, user] = prompt(predictor, { text: 'a', n: 3 })
    assert.equal(
      system?.content,
      [
        'You are given `text`, `n` and you write `reasoning`, `lines`, `sure`.',
        '',
        'About the fields:',
        '- `n` (int) Its JSON Schema: {"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991}',
        '- `lines` (list[Line]): the lines of the invoice Its JSON Schema: {"type":"array","items":{"type":"object","properties":{"item":{"type":"string"}},"required":["item"],"additionalProperties":false}}',
        '- `sure` (bool) Its JSON Schema: {"type":"boolean"}',
        '',
        'You are given a JSON object of the first of these forms, and you answer with one of the second:',
        '',
        '{"text": "...", "n": int}',
        '',
        '{"reasoning": "...", "lines": list[Line], "sure": bool}',
        '',
        'Be exact.',
      ].join('\n'),
    )
    assert.equal(
      user?.content,
      '{"text": "a", "n": 3}\n\nAnswer with one JSON object and nothing else. Its keys are "reasoning", then "lines", then "sure".',
    )
  })

  it('has demos as earlier turns, which read as they would have been asked and answered', () => {
    const demo = { question: 'What?', reasoning: 'Because "so".', tags: ['a', 'b}'] }
    const predictor = chainOfThought('question -> tags: list[str]', { demos: [demo] })
    const messages = prompt(predictor, { question: 'Why?' })
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['system', 'user', 'assistant', 'user'],
    )
    assert.deepEqual(messages.slice(1, 3), demoTurns(predictor, demo))
    assert.equal(messages[1]?.content, messages[3]?.content.replace('Why?', 'What?'))
    assert.equal(messages[2]?.content, '{"reasoning": "Because \\"so\\".", "tags": ["a","b}"]}')
    const parser = new JsonParser(predictor.outputs)
    parser.push(messages[2]?.content as string)
    assert.deepEqual(parser.texts, { reasoning: 'Because "so".', tags: '["a","b}"]' })
  })

  it('notes in its demos what they leave out, and has whole ones last', () => {
    const predictor = chainOfThought('question, k: int -> score: float', {
      demos: [
        { question: 'What?', k: 1, reasoning: 'Because.', score: 0.5 },
        { question: 'How?', score: 1 },
      ],
    })
    const [, asked, answered, , whole] = prompt(predictor, { question: 'Why?', k: 2 })
    const note = '"(not supplied in this example)"'
    assert.equal(asked?.content.split('\n', 1)[0], `{"question": "How?", "k": ${note}}`)
    assert.equal(answered?.content, `{"reasoning": ${note}, "score": 1}`)
    assert.equal(whole?.content, '{"reasoning": "Because.", "score": 0.5}')
  })

  it('needs a value of its type for every input, whatever the prototype of the values has', () => {
    const predictor = predict('question, constructor -> answer')
    for (const values of [{}, { question: 'Why?' }, { question: 1, constructor: 'x' }]) {
      assert.throws(() => prompt(predictor, values as never), {
        name: 'TypeError',
        message: /^An input isn't what its predictor takes: \/(question|constructor): /,
      })
    }
  })
})

describe('no value can forge the form', () => {
  const predictor = chainOfThought('question, evidence: list[str] -> answer')
  const end = /^\n\nAnswer with one JSON object and nothing else\. Its keys are "reasoning", then "answer"\.$/

  const assertUnforged = (question: string, evidence: string) => {
    const demo = { question: evidence, evidence: [question], reasoning: question, answer: evidence }
    const inputs = { question, evidence: [evidence] }
    const [, asked, answered, user] = prompt({ ...predictor, demos: [demo] }, inputs)
    for (const [turn, values] of [
      [asked, { question: evidence, evidence: [question] }],
      [user, inputs],
    ] as const) {
      const [object = '', ...rest] = (turn?.content ?? '').split('\n')
      assert.deepEqual(JSON.parse(object), values, 'all of the values stand in one line')
      assert.match(['', ...rest].join('\n'), end)
    }
    assert.deepEqual(JSON.parse(answered?.content ?? ''), { reasoning: question, answer: evidence })
  }

  for (const [name, text] of Object.entries(corpus)) {
    it(`with ${name}`, () => assertUnforged(text, text))
  }

  it('with any text', () => {
    const text = fc
      .array(
        fc.oneof(
          fc.constantFrom('"', '\\', '"}', '\n', '\n\nAnswer with', '{"answer": "x"}', '\u2028'),
          fc.string({ unit: 'binary' }),
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join(''))
    fc.assert(fc.property(text, text, assertUnforged), { numRuns: 1_000 })
  })
})

describe('the schema of a completion', () => {
  it('is an object of the outputs, in order, all of them needed', () => {
    const { outputs } = chainOfThought('question -> tags: list[str], mood: Literal["good", "bad"]')
    assert.deepEqual(completionSchema(outputs), {
      type: 'object',
      properties: {
        reasoning: { type: 'string' },
        tags: { type: 'array', items: { type: 'string' } },
        mood: { type: 'string', enum: ['good', 'bad'] },
      },
      required: ['reasoning', 'tags', 'mood'],
      additionalProperties: false,
    })
  })

  it('holds types that hold themselves', () => {
    const Tree: z.ZodType = z.object({
      get kids() {
        return z.array(Tree)
      },
    })
    const { outputs } = predict('question -> tree: Tree', { types: { Tree } })
    const { properties, $defs } = completionSchema(outputs) as Record<string, Record<string, object>>
    const [[name, definition] = []] = Object.entries($defs ?? {})
    assert.deepEqual(properties, { tree: { $ref: `#/$defs/${name}` } })
    assert.deepEqual((definition as { properties: object }).properties, {
      kids: { type: 'array', items: { $ref: `#/$defs/${name}` } },
    })
  })
})
