/** What every route that asks a program does first: check the body, and refuse what no model can hold. */
import type { Config } from '../../config.ts'
import { inputLimitsOf } from '../../config.ts'
import type { Values } from '../../core/adapters/adapter.ts'
import { adaptersFor } from '../../core/adapters/adapters.ts'
import type { AdapterName } from '../../core/adapters/names.ts'
import { errorCodes } from '../../core/errors.ts'
import { type LM, lmFor } from '../../core/lm.ts'
import type { Program } from '../../core/program.ts'
import { Problem } from '../problem.ts'
import { checkQuestion, type Question, type QuestionKeys } from './question.ts'

/**
 * @returns reads a body that asks the program
 * @throws (that function) Problem for a body that is wrong, and for a question that is too long
 */
export function questionReader(
  program: Program,
  lm: LM,
  config: Config,
  keys: QuestionKeys,
): (body: unknown) => Question {
  const limits = inputLimitsOf(config)
  const refuseWhatDoesNotFit = promptCheck(lm, config.LM_ADAPTER, program)
  return (body) => {
    const question = checkQuestion(program, limits, keys, body)
    refuseWhatDoesNotFit(question.inputs)
    return question
  }
}

/**
 * Refuses a question that the model's context can't hold, as far as that is known before the stream: by the
 * prompts of the predictors that take nothing but what the program is asked.
 */
export function promptCheck(lm: LM, fallback: AdapterName, program: Program): (inputs: Values) => void {
  const asked = new Map(program.inputs.map(({ name, type }) => [name, type.text]))
  const opening = program.places
    .flatMap((place) => (place.kind === 'predictor' ? [place.predictor] : []))
    .filter((predictor) => predictor.inputs.every(({ name, type }) => asked.get(name) === type.text))
  return (inputs) => {
    const fits = opening.every((predictor) => {
      return predictor.asking.roles.some((role) => {
        const model = lmFor(lm, role)
        const [adapter] = adaptersFor(predictor, fallback, model)
        const form = { signature: predictor, adapter: adapter.name }
        return model.fits?.(adapter.prompt(predictor, inputs), form) ?? true
      })
    })
    if (!fits) throw new Problem('prompt_too_long', errorCodes.prompt_too_long.message)
  }
}
