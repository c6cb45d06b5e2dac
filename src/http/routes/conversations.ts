/** A request with messages, for the program that its address names: what routes of other people's pages have in common. */
import type { FastifyRequest } from 'fastify'
import type { Values } from '../../core/adapters/adapter.ts'
import { excerpt } from '../../core/fault.ts'
import type { NamedProgram } from '../../core/program.ts'
import { Problem } from '../problem.ts'
import { promptCheck } from './asking.ts'
import { inputsOf, refuseSilent, talking } from './messages.ts'
import type { StreamDeps } from './stream.ts'

/** Bytes of a body: these clients send the whole conversation with each question, lanes included. */
export const CONVERSATION_LIMIT = 1024 * 1024

export type Asked = {
  readonly program: NamedProgram
  readonly inputs: Values
  /** What the body says besides; whatever it is, since clients add keys of their own. */
  readonly said: Readonly<Record<string, unknown>>
}

/**
 * @returns reads a request
 * @throws (that function) Problem for a program that isn't there or takes more than a conversation, for messages that
 *   can't be answered, and for a question that is too long
 */
export function conversationReader({
  lm,
  programs,
  config,
}: Pick<StreamDeps, 'lm' | 'programs' | 'config'>): (request: FastifyRequest) => Asked {
  const checks = new Map(
    programs.all.map(({ name, program }) => [name, promptCheck(lm, config.LM_ADAPTER, program)]),
  )
  return ({ query, body }) => {
    const { program: name = programs.default.name } = query as { program?: unknown }
    const program = programs.all.find((one) => one.name === name)
    if (!program) {
      throw new Problem('not_found', `There is no program ${excerpt(String(name))}. /v1/programs lists them.`)
    }
    const said = (body ?? {}) as Asked['said']
    const inputs = inputsOf(talking(program) ?? refuseSilent(program), said.messages, '/messages', config)
    checks.get(program.name)?.(inputs)
    return { program, inputs, said }
  }
}
