import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { getLlama, type LlamaGrammar, LlamaLogLevel } from 'node-llama-cpp'
import { FieldParser } from '../../../src/core/adapters/chat/field-parser.ts'
import { chainOfThought, type Predictor, predict } from '../../../src/core/predictor.ts'
import { namesOf } from '../../../src/core/signature.ts'
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

/** The engine's own check of a whole text, which its types leave out. */
type Testable = { _testText(text: string): boolean }

describe('the grammar of a completion', () => {
  let llama: Awaited<ReturnType<typeof getLlama>>
  before(async () => {
    const { error } = LlamaLogLevel
    llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: error })
  })
  after(() => llama.dispose())

  const compiled = async (predictor: Predictor) =>
    (await llama.createGrammar({ grammar: grammarOf(predictor) })) as LlamaGrammar & Testable

  for (const predictor of predictors) {
    it(`can be compiled and allows the worked examples of ${nameOf(predictor)}`, async () => {
      const grammar = await compiled(predictor)
      const demos = localDemos(predictor)
      assert.deepEqual(
        demos.map(({ role }) => role),
        ['user', 'assistant', 'user', 'assistant'],
      )
      for (const { content } of demos.filter(({ role }) => role === 'assistant')) {
        assert.equal(grammar._testText(content), true, content)
        const parser = new FieldParser(namesOf(predictor.outputs))
        parser.push(content)
        assert.deepEqual(parser.missing, [])
      }
    })
  }

  const grammar = () => compiled(predict('question -> answer'))
  const completion = (value: string) => `[[ ## answer ## ]]\n${value}\n\n[[ ## completed ## ]]`
  const sentence = 'Cats purr when they rest.'

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
      const [asked, , askedAgain] = localDemos(predict(signature))
      assert.ok(asked?.content.includes(`[[ ## ${field} ## ]]\nWhy do cats purr?`))
      assert.ok(askedAgain?.content.includes(`[[ ## ${field} ## ]]\nHow is paper made from wood?`))
    }
  })

  it('have a text of its own for each of three fields', () => {
    for (const signature of ['question, a, b -> c', 'question -> a, b, c']) {
      const [user, assistant] = localDemos(predict(signature))
      const values = `${user?.content}\n\n${assistant?.content}`.match(/(?<=## (a|b|c) ## \]\]\n)[^[]+/g)
      assert.equal(new Set(values).size, 3)
    }
  })
})
