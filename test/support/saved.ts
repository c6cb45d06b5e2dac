/** What DSPy saved (`test/fixtures/dspy`), and the same programs written here. */
import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { chainOfThought, predict } from '../../src/core/predictor.ts'
import { module, type Program, program } from '../../src/core/program.ts'
import { parallelComposer } from '../../src/programs/parallel-composer.ts'

const FOLDER = new URL('../fixtures/dspy/', import.meta.url)

/** The file's address. */
export const savedUrl = (name: string): URL => new URL(`${name}.json`, FOLDER)

/** What is in it, parsed anew each time: tests may change it. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into it and spoil it
export const saved = (name: string): any => JSON.parse(readFileSync(savedUrl(name), 'utf8'))

/** The names of all that DSPy saved. */
export const savedNames = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))

/** `Answering` of `make.py`. */
export const answering = program(
  {
    ideas: module(
      { brainstorm: chainOfThought('question -> brainstorm') },
      { start: 'Thinking…', end: 'Thought.' },
    ),
    draft: predict('question, brainstorm -> draft'),
    compose: chainOfThought('question, draft -> answer'),
  },
  async ({ ideas, draft, compose }, { question }) => {
    const { brainstorm } = await ideas.brainstorm({ question })
    const drafted = await draft({ question, brainstorm })
    return compose({ question, draft: drafted.draft })
  },
)

const types = { Line: z.object({ item: z.string(), quantity: z.int() }) }

/** `Extract` of `make.py`, reasoning first. */
export const extracting = program(
  'text: str, history: History, hint: Optional[str] -> sure: bool',
  {
    read: chainOfThought(
      'text: str, history: History, hint: Optional[str] -> urgency: Literal["low", "high"], lines: list[Line], totals: dict[str, float], sure: bool',
      { types, describe: { text: 'replaced by what is saved', lines: 'kept, since nothing is saved' } },
    ),
  },
  ({ read }, inputs) => read(inputs),
)

/** A single predictor, with chain of thought or without. */
export const single = {
  reasoning: program({ solo: chainOfThought('question -> answer') }, ({ solo }, inputs) => solo(inputs)),
  plain: program({ solo: predict('question -> answer') }, ({ solo }, inputs) => solo(inputs)),
}

/** Each file, with the program that it was saved of. */
export const programOf: Readonly<Record<string, Program>> = {
  'bare-chain-of-thought': single.reasoning,
  'bare-predict': single.plain,
  bootstrapped: answering,
  'parallel-composer.bootstrapped': parallelComposer,
  'parallel-composer.labeled': parallelComposer,
  typed: extracting,
  'with-lm': answering,
}
