/** The JSON adapter: one object, which endpoints and the embedded model can be made to write. */
import type { Adapter } from '../adapter.ts'
import { JsonParser } from './json-parser.ts'
import { demoTurns, prompt } from './prompt.ts'

export const json: Adapter = { name: 'json', prompt, demoTurns, parser: (outputs) => new JsonParser(outputs) }
