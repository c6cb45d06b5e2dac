/** Programs that are smaller than the service's own, for what takes one call to show. */
import { chainOfThought } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'

/** One call: its prediction is what the model wrote. */
export const oneCall = program(
  { answerer: chainOfThought('question -> answer') },
  ({ answerer }, { question }) => answerer({ question }),
)
