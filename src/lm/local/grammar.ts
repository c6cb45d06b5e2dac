/**
 * Signature -> a grammar in GBNF, llama.cpp's notation. The engine samples only tokens that the grammar allows, so even
 * a very small model writes the format of `core/adapters/chat/prompt.ts`. It doesn't say what the fields contain.
 */
import { COMPLETED, marker, REASONING } from '../../core/format.ts'
import type { Field, Signature } from '../../core/signature.ts'

/**
 * The shape of a field's text. A sentence has a lower and an upper bound in characters: without them a small model
 * stops at once or never. It can't contain a line feed or the characters of a marker. It may begin with a letter of any
 * script.
 */
const TEXT = String.raw`
plan ::= sent (" " sent)?
body ::= sent (" " sent){0,2} | item ("\n" item){2}
item ::= "- " sent
sent ::= [A-Z¡¿\u00C0-\u1FFF\u3040-\uD7FF] [^\[\]{}\n#.!?。！？]{12,180} [.!?。！？]`

const JSON_VALUE = String.raw`
json ::= "{" (pair (", " pair)*)? "}" | "[" (json (", " json)*)? "]" | string | number | "true" | "false" | "null"
pair ::= string ": " json
string ::= "\"" [^"\\\n]{0,180} "\""
number ::= "-"? [0-9]{1,9} ("." [0-9]{1,6})?`

/** The grammar of a completion: every output field in signature order, then the end. */
export function grammarOf({ outputs }: Signature): string {
  // Field names appear in literals only, and need no escapes. They can't be rule names, which don't allow `_`.
  const ruleOf = ({ name, type }: Field) =>
    type.kind !== 'str' ? 'json' : name === REASONING ? 'plan' : 'body'
  const fields = outputs.map((field) => `"${marker(field.name)}\\n" ${ruleOf(field)}`)
  return `root ::= ${[...fields, `"${marker(COMPLETED)}"`].join(' "\\n\\n" ')}${TEXT}${outputs.some(({ type }) => type.kind !== 'str') ? JSON_VALUE : ''}\n`
}
