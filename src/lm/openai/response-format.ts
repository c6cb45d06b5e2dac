/** `response_format`: what makes an endpoint write one JSON object with a signature's outputs. */
import { completionSchema } from '../../core/adapters/json/schema.ts'
import type { Signature } from '../../core/signature.ts'
import { PlainSchema } from './plain-schema.ts'

/** Making one takes about as long as the rest of a request. */
const made = new WeakMap<Signature, object>()

/** It is strict if the schema can be. Otherwise endpoints follow it as well as they can. */
export function responseFormat(signature: Signature): object {
  const known = made.get(signature)
  if (known) return known
  const { plain, isStrict } = new PlainSchema(completionSchema(signature.outputs))
  const format = {
    type: 'json_schema',
    json_schema: { name: 'completion', strict: isStrict, schema: plain },
  }
  made.set(signature, format)
  return format
}
