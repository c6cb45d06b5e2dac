/** The answer of a run, for dialects that have one text for it. */
import type { TokenFrame } from '../core/frame.ts'
import type { Answer } from '../core/program.ts'

/** Whether a chunk is of the answer. */
export const isOfAnswer = ({ predictor, field }: TokenFrame, answer: Answer | undefined): boolean =>
  field === answer?.field && predictor === answer.predictor

/** The answer in a prediction; undefined where the program returns no text by its name. */
export function answerIn(
  data: Readonly<Record<string, unknown>>,
  answer: Answer | undefined,
): string | undefined {
  const value = answer && data[answer.field]
  return typeof value === 'string' ? value : undefined
}

/** What stands for the answer where none was written: that of the prediction, or all of it as JSON. */
export const inPlaceOfAnswer = (
  data: Readonly<Record<string, unknown>>,
  answer: Answer | undefined,
): string => answerIn(data, answer) ?? JSON.stringify(data)
