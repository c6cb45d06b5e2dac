/**
 * Worked examples for predictors that bring none. A very small model needs them: with a grammar alone it writes the
 * format around garbage, and after a single example it keeps repeating that one. They fit any signature, so what they
 * say depends on a field's position and not on its name.
 */
import type { Message, Values } from '../../core/adapters/adapter.ts'
import { adapters } from '../../core/adapters/adapters.ts'
import { REASONING } from '../../core/format.ts'
import type { Form } from '../../core/lm.ts'
import { type Field, type Signature, withoutHistory } from '../../core/signature.ts'
import { sampleOf } from './samples.ts'

type Topic = {
  readonly question: string
  /** The reasoning. It repeats the question first, so that the model stays with its own. */
  readonly plan: string
  /** What one predictor writes for another to read. */
  readonly notes: readonly string[]
  /** What a predictor makes of such notes. */
  readonly prose: readonly string[]
  /** What texts inside of other values consist of. */
  readonly terms: readonly string[]
}

const TOPICS: readonly Topic[] = [
  {
    question: 'Why do cats purr?',
    plan: 'Why do cats purr? It helps to look at when cats purr, and then at what purring does for them.',
    notes: [
      '- Cats purr when they rest near people they trust.\n- Kittens purr while they drink milk.\n- Hurt cats may purr to calm themselves.',
      '- The muscles of the throat move the vocal cords of a cat.\n- The air hums as the cat breathes in and out.\n- Big cats such as lions roar and do not purr.',
      '- Purring costs a cat little strength.\n- Nobody can ask a cat what it feels.\n- A purring cat is not always a happy one.',
    ],
    prose: [
      'Cats purr for more than one reason. Purring tells a mother that her kittens are well. It also keeps a cat calm when it is afraid or in pain.',
      'A cat purrs with the muscles of its throat. The sound is low, and it lasts as long as the cat breathes.',
    ],
    terms: ['calm animals', 'soft sounds', 'the throat'],
  },
  {
    question: 'How is paper made from wood?',
    plan: 'How is paper made? First comes what wood is made of, then the steps that turn wood into paper.',
    notes: [
      '- Machines cut the wood into small chips.\n- The chips are boiled with salts until soft fibres are left.\n- A net lifts the fibres out of the water.',
      '- Wood is full of long fibres that hold on to each other.\n- Hot rollers press the water out of the sheet.\n- One tree gives several thousand sheets of paper.',
      '- Paper can be made again from old paper.\n- The mills use much water.\n- The fibres get shorter each time.',
    ],
    prose: [
      'Paper is made by boiling wood chips to a pulp. The pulp flows onto a net, and the water drains away. Hot rollers then press and dry the sheet of paper.',
      'Wood turns into paper in three steps. It is boiled, spread out and dried.',
    ],
    terms: ['long fibres', 'hot rollers', 'a wet sheet'],
  },
]

/**
 * What the examples are about. The model falls back on them when it can't make sense of a question. So it is
 * discouraged from these words unless the question itself has them.
 */
export const DEMO_WORDS: readonly string[] = ['cat', 'cats', 'kittens', 'paper', 'wood', 'chips', 'pulp']

/** The examples, as turns between the system message and the question. None if a field has a type of which no value is known. */
export function localDemos({ signature, adapter }: Form): Message[] {
  const demos = TOPICS.map((topic) => valuesOf(signature, topic))
  if (demos.some((values) => Object.values(values).includes(undefined))) return []
  return demos.flatMap((values) => adapters[adapter].demoTurns?.(signature, values) ?? [])
}

/**
 * The field `question`, or else the first text among the inputs, holds the question. Other texts among them are notes. So
 * are those of a predictor that reads only the question; one that reads more turns notes into prose. Fields that aren't
 * texts have some value of their type.
 */
function valuesOf(signature: Signature, { question, plan, notes, prose, terms }: Topic): Values {
  const inputs = withoutHistory(signature.inputs)
  const { outputs } = signature
  const texts = (fields: readonly Field[]) =>
    fields.filter(({ type }) => type.kind === 'str').map(({ name }) => name)
  const asked = texts(inputs).includes('question') ? 'question' : texts(inputs)[0]
  const read = texts(inputs).filter((name) => name !== asked)
  const written = texts(outputs).filter((name) => name !== REASONING)
  const nth = (list: readonly string[], index: number) => list[index % list.length] as string
  const others = read.length > 0 ? prose : notes
  const textOf = (name: string) => {
    if (name === asked) return question
    if (name === REASONING) return plan
    return read.includes(name) ? nth(notes, read.indexOf(name)) : nth(others, written.indexOf(name))
  }
  return Object.fromEntries(
    [...inputs, ...outputs].map(({ name, type }, at) => [
      name,
      type.kind === 'str' ? textOf(name) : sampleOf(type, terms, at),
    ]),
  )
}
