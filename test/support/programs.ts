/** Programs and predictors that are smaller than the service's own, for what takes one call to show. */

import type { PredictorPlace } from '../../src/core/place.ts'
import { chainOfThought, predict } from '../../src/core/predictor.ts'
import { type Program, program } from '../../src/core/program.ts'
import type { Script } from './upstream.ts'

/** The predictors of a program, where they stand. */
export const predictorsOf = ({ places }: Program): readonly PredictorPlace[] =>
  places.filter((place) => place.kind === 'predictor')

/** One call: its prediction is what the model wrote. */
export const oneCall = program(
  { answerer: chainOfThought('question -> answer') },
  ({ answerer }, { question }) => answerer({ question }),
)

/**
 * Two short turns, where the embedded model gives predictors without a worked example twelve long ones: it reads this
 * prompt in a third of the time. Like its example, it begins an answer with the question.
 */
export const brief = predict('question -> answer', {
  demos: [
    {
      question: 'Why do cats purr?',
      answer: 'Why do cats purr? Cats purr when they rest near people they trust.',
    },
  ],
})

/** As short, with another field: no reader takes the one's tokens for the other's. */
export const briefNote = predict('question -> note', {
  demos: [{ question: 'Why do cats purr?', note: 'Cats purr when they rest near people they trust.' }],
})

/** An answer with the word long in it is asked for once more; what stands beside it stays. */
export const retold = program(
  {
    aside: predict('question -> aside'),
    ask: chainOfThought('question -> answer', {
      attempts: 2,
      check: ({ answer }) => (answer.includes('long') ? 'Say it shorter.' : undefined),
    }),
  },
  async ({ aside, ask }, { question }) => {
    await aside({ question })
    return ask({ question })
  },
)

/** Gives {@link retold} an answer that is objected to. The second attempt is up to the test. */
export const tooLong: Script = (exchange) => {
  if (exchange.field === 'aside') exchange.answer({ aside: 'stays' })
  else if (exchange.index === 1) exchange.answer({ reasoning: 'at length', answer: 'a long answer' })
}
