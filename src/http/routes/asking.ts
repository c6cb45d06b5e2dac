/** What every route that asks a program does first: find it, check the body, and refuse what no model can hold. */
import type { FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import { inputLimitsOf } from '../../config.ts'
import type { Values } from '../../core/adapters/adapter.ts'
import { adaptersFor } from '../../core/adapters/adapters.ts'
import type { AdapterName } from '../../core/adapters/names.ts'
import { errorCodes } from '../../core/errors.ts'
import { excerpt } from '../../core/fault.ts'
import { type LM, lmFor } from '../../core/lm.ts'
import type { NamedProgram, Program, Programs } from '../../core/program.ts'
import { Problem } from '../problem.ts'
import { checkQuestion, type Question, type QuestionKeys } from './question.ts'

/**
 * The program that `?program=` names; the default one where it isn't there.
 *
 * @throws Problem where there is no such program
 */
export function programNamed({ query }: Pick<FastifyRequest, 'query'>, programs: Programs): NamedProgram {
  const { program: name } = query as { program?: unknown }
  if (name === undefined) return programs.default
  const found = programs.all.find((one) => one.name === name)
  if (!found) throw noSuchProgram(String(name))
  return found
}

export const noSuchProgram = (name: string): Problem =>
  new Problem('not_found', `There is no program ${excerpt(name)}. /v1/programs lists them.`)

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
