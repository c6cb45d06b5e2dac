/** Programs and predictors that are smaller than the service's own, for what takes one call to show. */
import { chainOfThought, predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'

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
