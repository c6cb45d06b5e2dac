/** A program -> its description. Nothing is declared twice: it follows from the program's signature and its predictors. */
import type { ProgramDescription } from './description.ts'
import { REASONING } from './format.ts'
import { type InputLimits, inputsSchema, outputsSchema } from './inputs.ts'
import type { Program } from './program.ts'
import { type Field, namesOf } from './signature.ts'

/** @param limits what the service takes of an input */
export function describe(
  name: string,
  { inputs, outputs, answer, places, description }: Omit<Program, 'run'>,
  limits: InputLimits,
): ProgramDescription {
  const makersOf = (field: string) =>
    places.filter(({ predictor }) => namesOf(predictor.outputs).includes(field))
  return {
    name,
    ...(description !== undefined && { description }),
    inputs: inputsSchema(inputs, limits),
    input_types: typesOf(inputs),
    outputs: outputsSchema(outputs ?? places.at(-1)?.predictor.outputs ?? []),
    ...(answer && { answer }),
    predictors: places.map(({ name, module, messages, predictor }) => {
      const fields = predictor.outputs.filter((field) => field.name !== REASONING)
      return {
        predictor: name,
        module,
        fields: namesOf(fields),
        types: typesOf(fields),
        reasons: fields.length < predictor.outputs.length,
        waits_for: [
          ...new Set(
            namesOf(predictor.inputs)
              .flatMap(makersOf)
              .map((place) => place.name),
          ),
        ],
        ...(messages && { status: messages }),
        ...(predictor.savedModel !== undefined && { saved_model: predictor.savedModel }),
      }
    }),
  }
}

const typesOf = (fields: readonly Field[]) =>
  Object.fromEntries(fields.map(({ name, type }) => [name, type.text]))
