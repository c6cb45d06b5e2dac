/**
 * A signature says what goes in and what comes out: `'question, k: int -> passages: list[str]'`. It is read twice from
 * the same text: here as a value, for prompt, parser, checks and schemas, and in `signature-types.ts` as a type, so
 * that a wrong name or a wrong value doesn't compile. A field without a type is a `str`, as in DSPy.
 */
import { dictOf, type FieldType, listOf, literal, named, optional, SIMPLE, STR } from './field-type.ts'
import { COMPLETED, isName } from './format.ts'
import type { InputsOf, NoTypes, OutputsOf, Readable, Types } from './signature-types.ts'

export type Field = {
  readonly name: string
  readonly type: FieldType
  /** What the field is, for the model and for whoever fills a form. */
  readonly description?: string | undefined
}

/** `In` and `Out` are the values by name: for the compiler alone. */
// biome-ignore lint/suspicious/noExplicitAny: any signature takes what its text says, which no type can say
export type Signature<In = any, Out = any> = {
  readonly inputs: readonly Field[]
  readonly outputs: readonly Field[]
  /** Never there: it carries the types. */
  values?(inputs: In): Out
}

/** What a signature's text leaves open. */
export type SignatureOptions<Names extends PropertyKey = string, T = NoTypes> = {
  /** Types of one's own: zod schemas by the names that the signature uses. */
  readonly types?: T
  /** What a field is, by its name. It goes into the prompt. */
  readonly describe?: { readonly [Name in Names]?: string }
}

/** The names of fields, in order. */
export const namesOf = (fields: readonly Field[]): string[] => fields.map(({ name }) => name)

/** The fields that have a place of their own in a prompt: earlier turns are messages, not a field's value. */
export const withoutHistory = (fields: readonly Field[]): Field[] =>
  fields.filter(({ type }) => type.kind !== 'history')

/**
 * Reads a signature.
 *
 * @param text input fields, `->`, output fields; fields are separated by commas, and each is a name or `name: type`
 * @throws TypeError that says what to change, for anything else
 */
export function signature<const S extends string, const T extends Types = NoTypes>(
  text: Readable<S, T>,
  { types, describe = {} }: SignatureOptions<string, T> = {},
): Signature<InputsOf<S, T>, OutputsOf<S, T>> {
  if (typeof text !== 'string') throw new TypeError("A signature is a text such as 'question -> answer'.")
  const { inputs, outputs } = new SignatureReader(text, types ?? {}, describe).read()
  const seen = new Set<string>([COMPLETED])
  for (const { name } of [...inputs, ...outputs]) {
    if (seen.has(name)) {
      const why = name === COMPLETED ? 'reserved' : 'taken'
      throw new TypeError(`The signature '${text}' uses the field name '${name}', which is ${why}.`)
    }
    seen.add(name)
  }
  const stranger = Object.keys(describe).find((name) => !seen.has(name))
  if (stranger) throw new TypeError(`The signature '${text}' has no field '${stranger}' to describe.`)
  return { inputs, outputs }
}

const ARROW = "needs one '->' between its inputs and its outputs"

class SignatureReader {
  readonly #text: string
  readonly #types: Types
  readonly #descriptions: Readonly<Record<string, string | undefined>>
  #at = 0

  constructor(text: string, types: Types, descriptions: Readonly<Record<string, string | undefined>>) {
    this.#text = text
    this.#types = types
    this.#descriptions = descriptions
  }

  read(): { inputs: Field[]; outputs: Field[] } {
    if (!this.#text.includes('->')) throw this.#fault(ARROW)
    const inputs = this.#fields()
    if (!this.#take('->')) throw this.#isAtEnd ? this.#fault(ARROW) : this.#unreadable()
    const outputs = this.#fields()
    if (!this.#isAtEnd) throw this.#unreadable()
    return { inputs, outputs }
  }

  #fields(): Field[] {
    const fields: Field[] = []
    do {
      const name = this.#word()
      if (!isName(name)) {
        throw this.#fault(`has the field name '${name}'${this.#here()}; names are letters, digits and _`)
      }
      const type = this.#take(':') ? this.#type() : STR
      const description = this.#descriptions[name] ?? type.schema.description
      fields.push({ name, type, ...(description !== undefined && { description }) })
    } while (this.#take(','))
    return fields
  }

  #type(): FieldType {
    const name = this.#word()
    const own = Object.hasOwn(this.#types, name) ? this.#types[name] : undefined
    if (own) return named(name, own)
    if (Object.hasOwn(SIMPLE, name)) return SIMPLE[name] as FieldType
    switch (name) {
      case 'list':
        return this.#parameter('list[str]', () => listOf(this.#type()))
      case 'Optional':
        return this.#parameter('Optional[str]', () => optional(this.#type()))
      case 'dict':
        return this.#parameter('dict[str, int]', () => {
          if (this.#word() !== 'str' || !this.#take(',')) throw this.#fault('needs str as the keys of a dict')
          return dictOf(this.#type())
        })
      case 'Literal':
        return this.#parameter('Literal["a", "b"]', () => literal(this.#literals()))
      default: {
        const known = [
          ...Object.keys(SIMPLE),
          'list',
          'dict',
          'Literal',
          'Optional',
          ...Object.keys(this.#types),
        ]
        throw this.#fault(
          `has the type '${name}'${this.#here()}, which isn't known; known are ${known.join(', ')}, and what 'types' names`,
        )
      }
    }
  }

  #parameter(usage: string, read: () => FieldType): FieldType {
    if (!this.#take('[')) throw this.#fault(`needs a parameter, such as ${usage}`)
    const type = read()
    if (!this.#take(']')) throw this.#fault(`needs a ']'${this.#here()}`)
    return type
  }

  #literals(): (string | number | boolean)[] {
    const options: (string | number | boolean)[] = []
    do {
      this.#skipSpace()
      const [all, quoted] = /^(?:"([^"]*)"|'([^']*)'|-?\d+|True\b|False\b)/.exec(this.#rest) ?? []
      if (all === undefined) {
        throw this.#fault(
          `has a Literal that takes quoted texts, whole numbers, True and False${this.#here()}`,
        )
      }
      this.#at += all.length
      if (/^["']/.test(all)) options.push(quoted ?? all.slice(1, -1))
      else options.push(all === 'True' ? true : all === 'False' ? false : Number(all))
    } while (this.#take(','))
    return options
  }

  get #rest(): string {
    return this.#text.slice(this.#at)
  }

  get #isAtEnd(): boolean {
    this.#skipSpace()
    return this.#at === this.#text.length
  }

  /** The next run of what isn't punctuation, which may be no name at all; '' where there is none. */
  #word(): string {
    this.#skipSpace()
    const [word = ''] = /^(?:(?!->)[^,:[\]])*/.exec(this.#rest) ?? []
    this.#at += word.length
    return word.trim()
  }

  #take(mark: string): boolean {
    this.#skipSpace()
    if (!this.#text.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    return true
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++
  }

  #here(): string {
    const rest = this.#rest.trim()
    return rest === '' ? '' : ` before '${rest}'`
  }

  #unreadable(): TypeError {
    return this.#rest.startsWith('->')
      ? this.#fault(ARROW)
      : this.#fault(`can't be read from '${this.#rest}' on`)
  }

  #fault(what: string): TypeError {
    return new TypeError(`The signature '${this.#text}' ${what}.`)
  }
}
