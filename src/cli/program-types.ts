/** Descriptions of programs -> the text of a module with a type for each: what the typed client takes as its parameter. */
import type { ProgramDescription } from '../core/description.ts'
import { REASONING } from '../core/format.ts'
import type { JsonSchema } from '../core/json-schema.ts'
import { keyOf, literal, typeOf, union } from './schema-type.ts'

const HEADER = `/** The programs of a service, made by \`tributary types\`. When a program changes, make it anew. */\n`

export function programTypes(programs: readonly ProgramDescription[]): string {
  const taken = new Set<string>()
  const nameFor = (words: string) => free(typeName(words), taken)
  return HEADER + programs.map((program) => `\n${ofProgram(program, nameFor)}`).join('')
}

function ofProgram(program: ProgramDescription, nameFor: (words: string) => string): string {
  const { name, description, inputs, outputs, predictors } = program
  const own = nameFor(name)
  const named: string[] = []
  const members = (side: string, schema: JsonSchema) => fieldsOf(schema, `${own} ${side}`, nameFor, named)
  const body = [
    `  readonly name: ${literal(name)}`,
    `  readonly inputs: ${block(members('inputs', inputs))}`,
    `  readonly outputs: ${block(members('outputs', outputs))}`,
    `  readonly predictors: ${block(
      predictors.map(({ predictor, fields, reasons }) => {
        const names = reasons ? [REASONING, ...fields] : fields
        return `readonly ${keyOf(predictor)}: ${union(names.map(literal))}`
      }),
    )}`,
  ]
  return [
    ...(description === undefined ? [] : [comment(description)]),
    `export type ${own} = {`,
    ...body,
    '}',
    ...named,
    '',
  ].join('\n')
}

/**
 * The members of a program's inputs or outputs.
 *
 * @param named gets the types that references lead to
 */
function fieldsOf(
  { properties = {}, required = [] }: JsonSchema,
  owner: string,
  nameFor: (words: string) => string,
  named: string[],
): string[] {
  return Object.entries(properties as Readonly<Record<string, JsonSchema>>).map(([name, schema]) => {
    // Each field's schema was made by itself: its references start at it, not at the whole.
    const names = new Map<string, string>()
    const nameOf = (ref: string): string => {
      const known = names.get(ref)
      if (known !== undefined) return known
      const target = targetOf(ref, schema)
      if (target === undefined) return 'unknown'
      const own = nameFor(`${owner} ${name} ${ref.split('/').at(-1)}`)
      names.set(ref, own) // before its type is read, which may name it
      named.push(`\ntype ${own} = ${typeOf(target, nameOf)}`)
      return own
    }
    const isRequired = (required as readonly string[]).includes(name)
    const member = `readonly ${keyOf(name)}${isRequired ? '' : '?'}: ${typeOf(schema, nameOf)}`
    const { description } = schema
    return typeof description === 'string' ? `${comment(description)}\n${member}` : member
  })
}

/** What a `$ref` within a schema leads to, if it leads to anything. */
function targetOf(ref: string, schema: JsonSchema): unknown {
  const [start, ...steps] = ref.split('/')
  if (start !== '#') return undefined
  return steps.reduce<unknown>(
    (within, step) =>
      (within as JsonSchema | undefined)?.[
        decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
      ],
    schema,
  )
}

const block = (members: readonly string[]) =>
  members.length === 0 ? '{}' : `{\n${members.map((one) => one.replace(/^/gm, '    ')).join('\n')}\n  }`

const comment = (text: string) => `/** ${text.replaceAll('*/', '*\\/').replace(/\s+/g, ' ')} */`

/** `parallel-composer` is "ParallelComposer". */
function typeName(words: string): string {
  const name = words
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
  return /^[A-Za-z]/.test(name) ? name : `Program${name}`
}

/** A name that no other type has. */
function free(name: string, taken: Set<string>): string {
  let found = name
  for (let number = 2; taken.has(found); number++) found = `${name}${number}`
  taken.add(found)
  return found
}
