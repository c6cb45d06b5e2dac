/** What a prediction lacks, in sentences for people. */
import { harmlessLine } from './harmless.ts'

export function notesOf({
  truncated = [],
  degraded = [],
}: {
  readonly truncated?: readonly string[] | undefined
  readonly degraded?: readonly string[] | undefined
}): string[] {
  return [
    ...truncated.map((name) => `${name} was cut: its model came to its token limit.`),
    ...(degraded.length > 0 ? [`The run went on without ${degraded.join(', ')}.`] : []),
  ].map(harmlessLine)
}
