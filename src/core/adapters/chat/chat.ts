/** The chat adapter: DSPy's format of markers, which every model can be asked for. */
import { namesOf } from '../../signature.ts'
import type { Adapter } from '../adapter.ts'
import { FieldParser } from './field-parser.ts'
import { demoTurns, prompt } from './prompt.ts'

export const chat: Adapter = {
  name: 'chat',
  prompt,
  demoTurns,
  parser: (outputs) => new FieldParser(namesOf(outputs)),
}
