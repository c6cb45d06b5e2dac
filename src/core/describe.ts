/** A program -> its description. Nothing is declared twice: it follows from the program's signature and its parts. */
import type { ProgramDescription } from './description.ts'
import { REASONING } from './format.ts'
import { type InputLimits, inputsSchema, outputsSchema } from './inputs.ts'
import { outputsOfLast, signatureOf } from './place.ts'
import type { Program } from './program.ts'
import { type Field, namesOf } from './signature.ts'
import type { StatusMessages } from './status-text.ts'

/** @param limits what the service takes of an input */
export function describe(
  name: string,
  { inputs, outputs, answer, callees, places, description }: Omit<Program, 'run'>,
  limits: InputLimits,
): ProgramDescription {
  const makersOf = (field: string) =>
    places.filter((place) => namesOf(signatureOf(place).outputs).includes(field)).map((place) => place.name)
  return {
    name,
    ...(description !== undefined && { description }),
    inputs: inputsSchema(inputs, limits),
    input_types: typesOf(inputs),
    outputs: outputsSchema(outputs ?? outputsOfLast(callees)),
    ...(answer && { answer }),
    predictors: places.map((place) => {
      const { name, module, messages, after } = place
      const { inputs, outputs } = signatureOf(place)
      const fields = outputs.filter((field) => field.name !== REASONING)
      const status = messages && sentencesOf(messages)
      return {
        predictor: name,
        ...(place.kind === 'tool' && {
          kind: place.kind,
          ...(place.tool.description !== undefined && { description: place.tool.description }),
        }),
        module,
        fields: namesOf(fields),
        types: typesOf(fields),
        reasons: fields.length < outputs.length,
        waits_for: [...new Set([...after, ...namesOf(inputs).flatMap(makersOf)])],
        ...(status && { status }),
        ...(place.kind === 'predictor' &&
          place.predictor.savedModel !== undefined && { saved_model: place.predictor.savedModel }),
      }
    }),
  }
}

/** What a module says whatever happens: its functions say something only once it does. Undefined where that is nothing. */
function sentencesOf(messages: StatusMessages): Readonly<Record<string, string>> | undefined {
  const sentences = Object.entries(messages).flatMap(([phase, text]) =>
    typeof text === 'string' ? [[phase, text] as const] : [],
  )
  return sentences.length > 0 ? Object.fromEntries(sentences) : undefined
}

const typesOf = (fields: readonly Field[]) =>
  Object.fromEntries(fields.map(({ name, type }) => [name, type.text]))
