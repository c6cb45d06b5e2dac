import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { getLlama, type LlamaGrammar, LlamaLogLevel } from 'node-llama-cpp'
import { z } from 'zod'
import { adapters } from '../../../src/core/adapters/adapters.ts'
import { ADAPTER_NAMES, type AdapterName } from '../../../src/core/adapters/names.ts'
import { Faults } from '../../../src/core/fault.ts'
import { chainOfThought, type Predictor, predict } from '../../../src/core/predictor.ts'
import { react } from '../../../src/core/react.ts'
import { namesOf, type Signature } from '../../../src/core/signature.ts'
import { tool } from '../../../src/core/tool.ts'
import { readValue } from '../../../src/core/typed-value.ts'
import { localDemos } from '../../../src/lm/local/demos.ts'
import { grammarOf } from '../../../src/lm/local/grammar.ts'

const predictors: readonly Predictor[] = [
  predict('question -> answer'),
  chainOfThought('question -> brainstorm'),
  chainOfThought('question, brainstorm, evidence -> answer'),
  chainOfThought('question, a, b, c, d, e -> answer'),
  predict('question -> pros, cons'),
  predict('topic, tone -> poem'),
  predict('q -> root, sent, body, item, plan'),
  predict('_in -> __proto, snake_case_2, camelCase, CAPS, _'),
  chainOfThought('question -> a, b, c, d, e, f, g, h'),
]

const nameOf = ({ inputs, outputs }: Predictor) =>
  `${namesOf(inputs).join(', ')} -> ${namesOf(outputs).join(', ')}`

const Line = z.object({ item: z.string().max(20), quantity: z.int().min(1), price: z.number().min(0) })
const Tree: z.ZodType = z.object({
  name: z.string(),
  get kids() {
    return z.array(Tree)
  },
})
const types = {
  Line,
  Tree,
  Stars: z.int().min(1).max(5),
  Share: z.number().min(0).max(1),
  Pair: z.tuple([z.string(), z.int()]),
  Either: z.union([z.literal('a'), z.int().min(1).max(3)]),
  Any: z.any(),
  Kinds: z.record(z.enum(['small', 'large']), z.int()),
  Part: z.number().gt(0).lt(1),
  Short: z.string().min(3).max(5),
}

const typedPredictors: readonly Predictor[] = [
  predict('question -> a: int, b: float, c: bool, d: list[str], e: dict[str, int]'),
  predict('question -> mood: Literal["good", "it\'s bad", 3], maybe: Optional[str], other: Optional[float]'),
  chainOfThought('text, k: int -> lines: list[Line], summary', { types }),
  chainOfThought('passages: list[str] -> trees: list[Tree], pair: Pair, either: Either', { types }),
  predict('question -> stars: Stars, share: Share, part: Part, kinds: Kinds, short: Short, any: Any', {
    types,
  }),
]

/** What is wrong with texts of a predictor's outputs; '' if nothing is. */
function faultsIn({ outputs }: Predictor, texts: Readonly<Record<string, string>>): string {
  const faults = new Faults()
  for (const { name, type } of outputs) readValue(type, texts[name] as string, name, faults)
  return faults.toString()
}

/** The engine's own check of a whole text, which its types leave out. */
type Testable = { _testText(text: string): boolean }

describe('the grammar of a completion', () => {
  let llama: Awaited<ReturnType<typeof getLlama>>
  before(async () => {
    const { error } = LlamaLogLevel
    llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: error })
  })
  after(() => llama.dispose())

  const compiled = async (signature: Signature, adapter: AdapterName = 'chat') =>
    (await llama.createGrammar({ grammar: grammarOf({ signature, adapter }) })) as LlamaGrammar & Testable

  for (const adapter of ADAPTER_NAMES) {
    for (const predictor of [...predictors, ...typedPredictors]) {
      it(`can be compiled and allows the worked examples of ${nameOf(predictor)} (${adapter})`, async () => {
        const grammar = await compiled(predictor, adapter)
        const demos = localDemos({ signature: predictor, adapter })
        assert.deepEqual(
          demos.map(({ role }) => role),
          ['user', 'assistant', 'user', 'assistant'],
        )
        for (const { content } of demos.filter(({ role }) => role === 'assistant')) {
          assert.equal(grammar._testText(content), true, content)
          const parser = adapters[adapter].parser(predictor.outputs)
          parser.push(content)
          parser.end()
          assert.deepEqual([parser.fault, parser.missing], [undefined, []])
          assert.equal(faultsIn(predictor, parser.texts), '')
        }
      })
    }
  }

  /** A value's JSON text in the format of either adapter. */
  const wrap = (adapter: AdapterName, json: string) =>
    adapter === 'json' ? `{"x": ${json}}` : `[[ ## x ## ]]\n${json}\n\n[[ ## completed ## ]]`

  const values: Record<string, { allowed: string[]; refused: string[] }> = {
    int: { allowed: ['0', '7', '-12'], refused: ['1.5', '01', '', '"1"', 'null'] },
    float: { allowed: ['0', '1.5', '-2.25', '0.1'], refused: ['1.', '.5', '1e', 'NaN'] },
    bool: { allowed: ['true', 'false'], refused: ['True', 'yes', '1'] },
    'Literal["a b", "c\'", 3, True]': {
      allowed: ['"a b"', '"c\'"', '3', 'true'],
      refused: ['a b', '"d"', '4'],
    },
    'list[str]': { allowed: ['["a"]', '["a","b, c"]'], refused: ['[]', '["a",]', '["a"', 'a', '["a\nb"]'] },
    'dict[str, int]': { allowed: ['{"a":1}', '{"a":1,"b":-2}'], refused: ['{}', '{"a":"b"}', '{a:1}'] },
    'Optional[str]': { allowed: ['"a"', 'null'], refused: ['None', 'a', ''] },
    'Optional[list[int]]': { allowed: ['[1,2]', 'null'], refused: ['[null]'] },
    Line: {
      allowed: ['{"item":"nut","quantity":1,"price":2.5}'],
      refused: [
        '{"quantity":1,"item":"nut","price":2.5}',
        '{"item":"nut","quantity":0,"price":2.5}',
        '{"item":"nut"}',
      ],
    },
    Stars: { allowed: ['1', '5'], refused: ['0', '6', '10'] },
    Share: { allowed: ['0', '1', '0.25'], refused: ['1.5', '2', '-0.5'] },
    Pair: { allowed: ['["a",1]'], refused: ['["a"]', '[1,"a"]'] },
    Either: { allowed: ['"a"', '3'], refused: ['"b"', '9'] },
    Tree: {
      allowed: ['{"name":"a","kids":[]}', '{"name":"a","kids":[{"name":"b","kids":[]}]}'],
      refused: ['{"name":"a"}'],
    },
    Any: { allowed: ['"a"', '1', 'null'], refused: ['a'] },
  }
  for (const [type, { allowed, refused }] of Object.entries(values)) {
    it(`allows values of the type ${type} and nothing else`, async () => {
      const x = predict(`question -> x: ${type}` as string, { types })
      for (const adapter of ADAPTER_NAMES) {
        const grammar = await compiled(x, adapter)
        for (const one of allowed) assert.equal(grammar._testText(wrap(adapter, one)), true, one)
        for (const one of refused) assert.equal(grammar._testText(wrap(adapter, one)), false, one)
        for (const one of allowed) assert.equal(faultsIn(x, { x: one }), '')
      }
    })
  }

  const grammar = () => compiled(predict('question -> answer'))
  const completion = (value: string) => `[[ ## answer ## ]]\n${value}\n\n[[ ## completed ## ]]`
  const sentence = 'Cats purr when they rest.'

  it('allows a text that has to be one of several only as one of them', async () => {
    const look = tool('city -> report', async () => ({ report: '' }))
    const { first } = react('question -> answer', { tools: { look } })
    const turn = (name: string) =>
      [
        `[[ ## next_thought ## ]]\n${sentence}`,
        `[[ ## next_tool_name ## ]]\n${name}`,
        '[[ ## next_tool_args ## ]]\n{"city":"Rome"}',
        '[[ ## completed ## ]]',
      ].join('\n\n')
    const grammar = await compiled(first)
    const allows = (name: string) => grammar._testText(turn(name))
    assert.deepEqual(['look', 'finish', 'other', sentence].map(allows), [true, true, false, false])
  })

  const allowed = {
    'one sentence': sentence,
    'three sentences': `${sentence} ${sentence} ${sentence}`,
    'three items': `- ${sentence}\n- ${sentence}\n- ${sentence}`,
    'other scripts': '¿Por qué ronronean los gatos? Éxito, dicen todos! 猫は休むときに喉を鳴らすことがある。',
  }
  for (const [what, value] of Object.entries(allowed)) {
    it(`allows ${what}`, async () => assert.equal((await grammar())._testText(completion(value)), true))
  }

  const refused = {
    'an empty field': completion(''),
    'a sentence without end': completion(`X${'x'.repeat(200)}`),
    'four sentences': completion(Array(4).fill(sentence).join(' ')),
    'two items': completion(`- ${sentence}\n- ${sentence}`),
    'a marker in a field': completion('Cats purr [[ ## answer ## ]] when they rest.'),
    'a field of another name': completion(sentence).replace('answer', 'reply'),
    'a completion without its end': `[[ ## answer ## ]]\n${sentence}\n`,
    'text before the first field': `Well: ${completion(sentence)}`,
  }
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => assert.equal((await grammar())._testText(text), false))
  }
})

describe('the worked examples', () => {
  it('ask in the field `question`, or else in the first input', () => {
    for (const [signature, field] of [
      ['tone, question -> answer', 'question'],
      ['topic, tone -> poem', 'topic'],
    ] as const) {
      const [asked, , askedAgain] = localDemos({ signature: predict(signature), adapter: 'chat' })
      assert.ok(asked?.content.includes(`[[ ## ${field} ## ]]\nWhy do cats purr?`))
      assert.ok(askedAgain?.content.includes(`[[ ## ${field} ## ]]\nHow is paper made from wood?`))
    }
  })

  it('have a text of its own for each of three fields', () => {
    for (const signature of ['question, a, b -> c', 'question -> a, b, c']) {
      const [user, assistant] = localDemos({ signature: predict(signature), adapter: 'chat' })
      const values = `${user?.content}\n\n${assistant?.content}`.match(/(?<=## (a|b|c) ## \]\]\n)[^[]+/g)
      assert.equal(new Set(values).size, 3)
    }
  })

  it('are none if a field has a type of which no value is known', () => {
    const E = z.string().regex(/^[a-z]{3}-\d{7}$/)
    const signature = predict('question -> code: E', { types: { E } })
    for (const adapter of ADAPTER_NAMES) assert.deepEqual(localDemos({ signature, adapter }), [])
  })
})
