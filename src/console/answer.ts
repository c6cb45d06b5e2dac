/** What of a prediction is the answer, and how standard output gets it. */
import { fstatSync } from 'node:fs'
import type { ProgramDescription } from '../client/index.ts'
import { harmlessText } from './harmless.ts'

/** The answer's field, if it is a text: only that can be shown as one while it is written. */
export function textAnswerOf({ answer, predictors }: ProgramDescription): ProgramDescription['answer'] {
  const types = predictors.find(({ predictor }) => predictor === answer?.predictor)?.types
  return answer && types?.[answer.field] === 'str' ? answer : undefined
}

/** The answer's field, if the program names one among its outputs; else all of the prediction as JSON. */
export function answerOf(
  { answer }: Pick<ProgramDescription, 'answer'>,
  prediction: Readonly<Record<string, unknown>>,
): string {
  const value = answer && prediction[answer.field]
  return typeof value === 'string' ? value : JSON.stringify(prediction, null, 2)
}

/** A file gets what the model wrote, character for character. A pipe may end on a terminal, as one to `tee` does. */
export function writeAnswer(answer: string): void {
  process.stdout.write(`${isFile(process.stdout.fd) ? answer : harmlessText(answer)}\n`)
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile()
  } catch {
    return false // it is closed
  }
}
