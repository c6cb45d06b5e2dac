/** Fields as sections of a prompt, each under the marker of its name, as DSPy lays them out. */
import { marker } from '../format.ts'
import type { Field } from '../signature.ts'

export function sections(fields: readonly Field[], textOf: (field: Field) => string): string {
  return fields.map((field) => `${marker(field.name)}\n${defused(textOf(field))}`).join('\n\n')
}

/**
 * A marker counts only at the start of a line, so one space before it makes it text. Without this, a question
 * could carry a marker and forge a field of the prompt.
 */
const defused = (text: string) => text.replace(/^(?=\[\[ ## \w+ ## \]\])/gm, ' ')
