/**
 * A conversation as other people's clients send it -> a program's inputs. The last thing that its user said is the
 * question, and what was said before is the history, for programs that take one.
 */
import { type Config, inputLimitsOf } from '../../config.ts'
import type { Values } from '../../core/adapters/adapter.ts'
import { Faults } from '../../core/fault.ts'
import { ANSWERED, ASKED } from '../../core/history.ts'
import { checkInputs } from '../../core/inputs.ts'
import type { NamedProgram } from '../../core/program.ts'
import { Problem } from '../problem.ts'

/** A program that a conversation is enough for: it takes one text and, if it likes, the turns before it. */
export type Talking = NamedProgram & { readonly question: string; readonly history: string | undefined }

/** @returns undefined for a program that takes anything else, which a conversation can't say */
export function talking(named: NamedProgram): Talking | undefined {
  const [history, ...histories] = named.program.inputs.filter(({ type }) => type.kind === 'history')
  const [question, ...others] = named.program.inputs.filter(({ type }) => type.kind !== 'history')
  if (question?.type.kind !== 'str' || others.length > 0 || histories.length > 0) return undefined
  return { ...named, question: question.name, history: history?.name }
}

/** @throws Problem, always: for a program that a conversation isn't enough for */
export function refuseSilent({ name }: NamedProgram): never {
  const detail =
    `The program ${name} takes more than a conversation can say. ` +
    `Ask it at /v1/programs/${name}/stream, whose inputs /v1/programs/${name} lists.`
  throw new Problem('bad_request', detail)
}

/**
 * @param messages of a request, each with a `role`, and `content` or `parts`; whatever is neither of the user nor of the
 *   assistant, and whatever isn't text, is passed over
 * @param pointer where in the body they are
 * @throws Problem for messages that are none, and where no user has said anything
 */
export function inputsOf(program: Talking, messages: unknown, pointer: string, config: Config): Values {
  if (!Array.isArray(messages)) throw faulty(pointer, 'an array of messages is needed')
  const said = together(messages.flatMap(spoken))
  const last = said.findLastIndex(({ role }) => role === 'user')
  const question = said[last]?.text
  if (question === undefined) throw faulty(pointer, "a message with the role 'user' and some text is needed")
  const given = {
    [program.question]: question,
    ...(program.history !== undefined && { [program.history]: turnsOf(said.slice(0, last)) }),
  }
  const faults = new Faults()
  const { inputs, outputs } = program.program
  const values = checkInputs(inputs, given, inputLimitsOf(config), faults, outputs)
  if (faults.count === 0) return values
  throw faulty(pointer, faults.named.map(({ detail }) => detail).join('; '))
}

type Spoken = { readonly role: 'user' | 'assistant'; readonly text: string }

const TEXT_PARTS: readonly unknown[] = ['text', 'input_text', 'output_text']

function spoken(message: unknown): Spoken[] {
  const { role, content, parts } = (message ?? {}) as { role?: unknown; content?: unknown; parts?: unknown }
  if (role !== 'user' && role !== 'assistant') return []
  const text = textOf(content ?? parts).trim()
  return text === '' ? [] : [{ role, text }]
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .flatMap((part: { type?: unknown; text?: unknown } | null) =>
      TEXT_PARTS.includes(part?.type) && typeof part?.text === 'string' ? [part.text] : [],
    )
    .join('')
}

/** What one of them said in several messages as one. */
function together(said: readonly Spoken[]): Spoken[] {
  const joined: Spoken[] = []
  for (const one of said) {
    const before = joined.at(-1)
    if (before?.role !== one.role) joined.push(one)
    else joined[joined.length - 1] = { ...one, text: `${before.text}\n\n${one.text}` }
  }
  return joined
}

/** A question without an answer is no turn: its run failed, or was stopped. */
function turnsOf(said: readonly Spoken[]): Record<string, string>[] {
  return said.flatMap(({ role, text }, index) => {
    const next = said[index + 1]
    return role === 'user' && next ? [{ [ASKED]: text, [ANSWERED]: next.text }] : []
  })
}

export function faulty(pointer: string, detail: string): Problem {
  return new Problem('bad_body', `The conversation can't be answered: ${detail}.`, {
    faults: [{ pointer, detail }],
  })
}
