/**
 * Signature -> a grammar in GBNF, llama.cpp's notation. The engine samples only tokens that the grammar allows, so even
 * a very small model writes the format that the prompt asks for. It doesn't say what the fields contain.
 */
import { completionSchema } from '../../core/adapters/json/schema.ts'
import { COMPLETED, marker, REASONING } from '../../core/format.ts'
import type { JsonSchema } from '../../core/json-schema.ts'
import type { Form } from '../../core/lm.ts'
import type { Field } from '../../core/signature.ts'
import { JsonGrammar, literal, oneOf } from './json-grammar.ts'

/**
 * The shape of a `str`. A sentence has a lower and an upper bound in characters: without them a small model stops at once
 * or never. It can't contain a line feed or the characters of a marker. It may begin with a letter of any script.
 *
 * @param lineFeed as the format writes one
 * @param excluded further characters that the format doesn't allow as they are
 */
const text = (lineFeed: string, excluded = '') => String.raw`
plan ::= sent (" " sent)?
body ::= sent (" " sent){0,2} | item (${literal(lineFeed)} item){2}
item ::= "- " sent
sent ::= [A-Z¡¿\u00C0-\u1FFF\u3040-\uD7FF] [^\[\]{}\n#.!?。！？${excluded}]{12,180} [.!?。！？]`

/** The grammar of a completion: every output field in signature order, then the end. */
export function grammarOf({ signature: { outputs }, adapter }: Form): string {
  const { properties, $defs } = completionSchema(outputs) as {
    readonly properties: Readonly<Record<string, JsonSchema>>
    readonly $defs?: Readonly<Record<string, JsonSchema>>
  }
  const json = new JsonGrammar($defs)
  /** Field names appear in literals only. They can't be rule names, which don't allow `_`. */
  const ruleOf = ({ name, type }: Field) => {
    const schema = properties[name] as JsonSchema
    if (type.kind !== 'str') return json.of(schema)
    if (Array.isArray(schema.enum))
      return adapter === 'json' ? json.of(schema) : oneOf(schema.enum.map(literal))
    const rule = name === REASONING ? 'plan' : 'body'
    return adapter === 'json' ? `"\\"" ${rule} "\\""` : rule
  }
  if (adapter === 'json') {
    const members = outputs.map((field) => `${literal(`"${field.name}": `)} ${ruleOf(field)}`)
    return `root ::= "{" ${members.join(' ", " ')} "}"${text('\\n', '"\\\\')}${json.rules}\n`
  }
  const fields = outputs.map((field) => `${literal(`${marker(field.name)}\n`)} ${ruleOf(field)}`)
  return `root ::= ${[...fields, literal(marker(COMPLETED))].join(' "\\n\\n" ')}${text('\n')}${json.rules}\n`
}
