/** The command line and standard input -> the program's inputs; and what is wrong with inputs, a line for each fault. */
import {
  inputsOf,
  type ProgramDescription,
  type ProgramInput,
  placeOf,
  type RefusedError,
} from '../client/index.ts'
import { harmlessLine } from './harmless.ts'
import { type Options, UsageError } from './options.ts'

/** The inputs aren't what the program takes; the message has a line for each fault. */
export class InputsError extends Error {
  override readonly name = 'InputsError'
}

type Inputs = Readonly<Record<string, unknown>>

/**
 * Standard input is read only if something is missing: it is the text of a program with a single input, and else a JSON
 * object of inputs. What the command line says goes first.
 *
 * @param readStdin returns '' if nobody writes to standard input
 * @throws UsageError, InputsError
 */
export async function readInputs(
  program: ProgramDescription,
  { question, inputs: given }: Pick<Options, 'question' | 'inputs'>,
  readStdin: () => Promise<string>,
): Promise<Inputs> {
  const wanted = inputsOf(program)
  const named = [...given, ...(question === undefined ? [] : [[questionOf(wanted).name, question] as const])]
  const fromArguments = Object.fromEntries(
    named.map(([name, text]) => [name, inputValue(name, text, wanted)]),
  )
  if (Object.keys(fromArguments).length < named.length) throw new UsageError('An input is given twice.')

  // Nobody types earlier turns, so there are none unless somebody gives them.
  const histories = wanted.filter(({ kind, isRequired }) => kind === 'history' && isRequired)
  const noTurns = Object.fromEntries(histories.map(({ name }) => [name, []]))
  const missingIn = (inputs: Inputs) =>
    wanted.filter(({ name, isRequired }) => isRequired && !(name in inputs))
  const soFar = { ...noTurns, ...fromArguments }
  if (missingIn(soFar).length === 0) return soFar

  const inputs = { ...noTurns, ...fromText(await readStdin(), wanted), ...fromArguments }
  const missing = missingIn(inputs)
  if (missing.length === 0) return inputs
  if (loneText(wanted)?.name === 'question') throw new UsageError('There is no question.')
  const lines = missing.map((input) => `${labelOf(input)} is missing.`)
  const how = 'Give inputs as --input name=value, or as a JSON object on standard input.'
  throw new InputsError([...lines, how].join('\n'))
}

/** The faults of a refusal, each with the input's name and type; and how many more there are, if its message says so. */
export function faultsOf(
  program: ProgramDescription,
  { faults, message }: Pick<RefusedError, 'faults' | 'message'>,
  inputs: Inputs,
): InputsError {
  const wanted = inputsOf(program)
  const lines = faults.map((fault) => {
    const { input, where } = placeOf(fault, inputs)
    const known = wanted.find(({ name }) => name === input)
    const label = known ? labelOf(known) : (input ?? 'the inputs')
    return harmlessLine([label, where, fault.detail].filter((part) => part !== '').join(': '))
  })
  const [more] = /… and (?:at least )?[\d,]+ more(?=\.$)/.exec(message) ?? []
  return new InputsError([...lines, ...(more === undefined ? [] : [more])].join('\n'))
}

/** A service elsewhere may have any names. */
const labelOf = ({ name, type }: ProgramInput) => harmlessLine(`${name} (${type})`)

/** The one input that somebody has to give, if it is a text. */
function loneText(wanted: readonly ProgramInput[]): ProgramInput | undefined {
  const [input, ...more] = wanted.filter(({ kind }) => kind !== 'history')
  return input?.kind === 'text' && more.length === 0 ? input : undefined
}

/** The input that a question is: the one of that name, or the only text that has to be there. */
function questionOf(wanted: readonly ProgramInput[]): ProgramInput {
  const texts = wanted.filter(({ kind }) => kind === 'text')
  const named = texts.find(({ name }) => name === 'question')
  const [input, ...more] = named ? [named] : texts.filter(({ isRequired }) => isRequired)
  if (input && more.length === 0) return input
  throw new UsageError(`The program takes no question. Use --input for ${wanted.map(labelOf).join(', ')}.`)
}

function inputValue(name: string, text: string, wanted: readonly ProgramInput[]): unknown {
  const input = wanted.find((one) => one.name === name)
  if (!input) {
    throw new UsageError(`The program has no input '${name}'. It has ${wanted.map(labelOf).join(', ')}.`)
  }
  if (input.kind === 'text' || input.choices.includes(text)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text // the program says what it takes instead
  }
}

function fromText(text: string, wanted: readonly ProgramInput[]): Inputs {
  if (text.trim() === '') return {}
  const lone = loneText(wanted)
  if (lone) return { [lone.name]: text.trim() }
  const example = `{${wanted.map(({ name }) => `"${name}": …`).join(', ')}}`
  const wrong = new InputsError(`Standard input isn't a JSON object like ${example}.`)
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Inputs
  } catch {
    throw wrong
  }
  throw wrong
}
