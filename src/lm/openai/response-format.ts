/** `response_format`: how an endpoint is told to force one JSON object, and what it says where it doesn't. */
import { completionSchema } from '../../core/adapters/json/schema.ts'
import type { RunError } from '../../core/errors.ts'
import type { JsonSchema } from '../../core/json-schema.ts'
import type { Form } from '../../core/lm.ts'
import type { Signature } from '../../core/signature.ts'
import { jsonValue } from './json-value.ts'

/**
 * Makes the endpoint write the JSON of a signature's outputs. It is strict wherever the schema can be written in the part
 * of JSON Schema that OpenAI's strict mode takes; where it can't, endpoints hold themselves to it as far as they can.
 */
export function responseFormat({ outputs }: Signature): object {
  const schema = new PlainSchema(completionSchema(outputs))
  return {
    type: 'json_schema',
    json_schema: { name: 'completion', strict: schema.isStrict, schema: schema.plain },
  }
}

/**
 * A schema without what strict mode refuses: bounds, patterns, defaults and words about it. What they ask of a value is
 * checked when it has come, as everything is.
 */
class PlainSchema {
  /**
   * Whether strict mode takes it. It knows no keys that may be left out, no keys of any name, no value without a
   * type, and no list whose items have a type each.
   */
  isStrict = true
  readonly plain: JsonSchema

  constructor(schema: JsonSchema) {
    this.plain = this.#plain(schema)
  }

  #plain(schema: JsonSchema): JsonSchema {
    const { type, enum: options, const: only, $ref, properties, required = [], items } = schema
    const { anyOf, oneOf = anyOf, prefixItems, additionalProperties, $defs } = schema
    if (prefixItems) {
      this.isStrict = false
      return { type, prefixItems: this.#each(prefixItems), items: false }
    }
    if (typeof additionalProperties === 'object') {
      this.isStrict = false
      return { type, additionalProperties: this.#plain(additionalProperties as JsonSchema) }
    }
    const known = type ?? $ref ?? oneOf
    const keys = Object.keys(properties ?? {})
    if (known === undefined || (required as unknown[]).length < keys.length) this.isStrict = false
    return {
      ...(type !== undefined && { type }),
      ...(options !== undefined && { enum: options }),
      ...(only !== undefined && { const: only }),
      ...($ref !== undefined && { $ref }),
      ...(oneOf !== undefined && { anyOf: this.#each(oneOf) }),
      ...(items !== undefined && { items: this.#plain(items as JsonSchema) }),
      ...(properties !== undefined && {
        properties: this.#byName(properties),
        required,
        additionalProperties: false,
      }),
      ...($defs !== undefined && { $defs: this.#byName($defs) }),
    }
  }

  #each = (schemas: unknown) => (schemas as JsonSchema[]).map((one) => this.#plain(one))

  #byName = (schemas: unknown) =>
    Object.fromEntries(
      Object.entries(schemas as Record<string, JsonSchema>).map(([name, one]) => [name, this.#plain(one)]),
    )
}

/** The statuses with which endpoints refuse a parameter: llama-cpp-python's server says 500. */
const STATUSES: ReadonlySet<number> = new Set([400, 422, 500, 501])

/** What they call it then: OpenAI, DeepSeek, Groq, LiteLLM and Gemini by its name; vLLM and llama-server by their means. */
const WORDS = /response[_ ]format|json[_ ]?schema|structured[_ ]outputs?|guided|grammar/i

/** Their words where it isn't the format but this schema that they can't force. */
const ABOUT_THE_SCHEMA = /invalid schema|schema conversion|grammar|schema contains/i

/** The forms that an endpoint has refused. */
export class RefusedForms {
  #isAnyRefused = false
  readonly #signatures = new WeakSet<Signature>()

  takes({ signature, adapter }: Form): boolean {
    return adapter === 'chat' || !(this.#isAnyRefused || this.#signatures.has(signature))
  }

  /**
   * @param error what became of a request with a `response_format`. One that is known for something else is no refusal of
   *   the form, whatever words it comes with
   * @param body what the endpoint said
   * @returns whether the form is what it refused; then that is remembered: for this signature where its schema is at
   *   fault, for all where the endpoint knows no such thing
   */
  note({ code }: RunError, status: number, body: string, { signature }: Form): boolean {
    if (code !== 'upstream_bad_response' && code !== 'upstream_error') return false
    const words = withoutEcho(body)
    if (!STATUSES.has(status) || !WORDS.test(words)) return false
    if (ABOUT_THE_SCHEMA.test(words)) this.#signatures.add(signature)
    else this.#isAnyRefused = true
    return true
  }
}

/** The beginning of a body, without what FastAPI repeats of the request under `input`: a question may be about grammar. */
function withoutEcho(body: string): string {
  const said = jsonValue(body)
  const text =
    said === undefined ? body : JSON.stringify(said, (key, one) => (key === 'input' ? undefined : one))
  return text.slice(0, 2_000)
}
