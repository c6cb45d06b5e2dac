/** A program -> its description. Nothing is declared twice: it follows from the program's predictors alone. */
import type { ProgramDescription } from './description.ts'
import { REASONING } from './format.ts'
import type { Program } from './program.ts'

export function describe({ places }: Pick<Program<never>, 'places'>): ProgramDescription {
  const makersOf = (field: string) => places.filter(({ predictor }) => predictor.outputs.includes(field))
  return {
    predictors: places.map(({ name, module, messages, predictor }) => ({
      predictor: name,
      module,
      fields: predictor.outputs.filter((field) => field !== REASONING),
      reasons: predictor.outputs.includes(REASONING),
      waits_for: [...new Set(predictor.inputs.flatMap(makersOf).map((place) => place.name))],
      ...(messages && { status: messages }),
    })),
  }
}
