/** A program that this service doesn't have: its lanes come with their first frames. */
import type { ProgramDescription } from '../../client/index.ts'

export function unknownProgram(name: string, inputs: object): ProgramDescription {
  const names = Object.keys(inputs)
  return {
    name,
    inputs: {
      type: 'object',
      properties: Object.fromEntries(names.map((one) => [one, schemaLike(inputs, one)])),
    },
    input_types: {},
    outputs: {},
    predictors: [],
  }
}

const schemaLike = (inputs: object, name: string) =>
  typeof (inputs as Record<string, unknown>)[name] === 'string' ? { type: 'string' } : {}
