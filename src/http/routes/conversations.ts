/** A request with messages, for the program that its address names: what routes of other people's pages have in common. */
import type { FastifyRequest } from 'fastify'
import type { Values } from '../../core/adapters/adapter.ts'
import type { NamedProgram } from '../../core/program.ts'
import { programNamed, promptCheck } from './asking.ts'
import { inputsOf, refuseSilent, talking } from './messages.ts'
import type { StreamDeps } from './stream.ts'

/** Bytes of a body: these clients send the whole conversation with each question, lanes included. */
export const CONVERSATION_LIMIT = 1024 * 1024

/** What every run is asked for here: all that can be told, and nothing that would have to be taken back. */
export const TOLD = { include: { reasoning: true, usage: true, values: false }, takesBack: false }

export type Asked = {
  readonly program: NamedProgram
  readonly inputs: Values
  /** What the body says besides; whatever it is, since clients add keys of their own. */
  readonly said: Readonly<Record<string, unknown>>
}

type Deps = Pick<StreamDeps, 'lm' | 'programs' | 'config'>

/**
 * @returns reads the messages of a request to one of the programs
 * @throws (that function) Problem for a program that takes more than a conversation, for messages that can't be answered,
 *   and for a question that is too long
 */
export function messageReader({
  lm,
  programs,
  config,
}: Deps): (program: NamedProgram, messages: unknown, pointer: string) => Values {
  const checks = new Map(
    programs.all.map(({ name, program }) => [name, promptCheck(lm, config.LM_ADAPTER, program)]),
  )
  return (program, messages, pointer) => {
    const inputs = inputsOf(talking(program) ?? refuseSilent(program), messages, pointer, config)
    checks.get(program.name)?.(inputs)
    return inputs
  }
}

/**
 * @returns reads a request
 * @throws (that function) Problem for a program that isn't there or takes more than a conversation, for messages that
 *   can't be answered, and for a question that is too long
 */
export function conversationReader(deps: Deps): (request: FastifyRequest) => Asked {
  const { programs } = deps
  const read = messageReader(deps)
  return (request) => {
    const program = programNamed(request, programs)
    const said = (request.body ?? {}) as Asked['said']
    return { program, inputs: read(program, said.messages, '/messages'), said }
  }
}
