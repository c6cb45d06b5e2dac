/** Calls of the embedded model, and a look at what its engine does with them. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LlamaContextSequence, type Token } from 'node-llama-cpp'
import { prompt } from '../../src/core/adapters/chat/prompt.ts'
import { RunError } from '../../src/core/errors.ts'
import type { Delta, Form, LM } from '../../src/core/lm.ts'
import { chainOfThought, type Predictor, predict } from '../../src/core/predictor.ts'

type Deltas = AsyncIterable<readonly Delta[]>

export const log = () => {}
export const branch = chainOfThought('question -> brainstorm')
export const compose = chainOfThought('question, brainstorm, evidence -> answer')
export const question = 'How do volcanoes form?'
/** Of other fields than {@link brief}, so that their prompts part at once; as short, for the same reason. */
export const unlike = predict('a -> b', {
  demos: [{ a: 'Who wrote it?', b: 'It was written by several people.' }],
})
export const reason = new RunError('client_closed')
const forever = new AbortController().signal

export function call(lm: LM, predictor: Predictor, inputs: Record<string, string>, signal = forever): Deltas {
  return lm.stream(prompt(predictor, inputs), { ...inChat(predictor), signal, usage: true })
}

/** What the model is to write when {@link call} asks it. */
export const inChat = (signature: Predictor): Form => ({ signature, adapter: 'chat' })

export const writes = (deltas: readonly Delta[]) => deltas.some(({ type }) => type === 'text')

export const all = async (stream: Deltas) => (await Array.fromAsync(stream)).flat()

/** Reads until the model writes. */
export async function begun(stream: Deltas) {
  const iterator = stream[Symbol.asyncIterator]()
  for (;;) {
    const next = await iterator.next()
    if (next.done) assert.fail('it ended without a word')
    if (writes(next.value)) return iterator
  }
}

/** Reads until the model writes, and leaves. */
export async function peek(stream: Deltas) {
  const iterator = await begun(stream)
  await iterator.return?.()
}

/** One completion as the engine sees it. */
export type Completion = {
  readonly prompt: readonly Token[]
  readonly specialTokens: number
  written: number
  readonly released: Promise<void>
}

/** Watches what the engine does, and halts it where the test says so. */
export function watch(t: TestContext) {
  const real = { ...methodsOf(LlamaContextSequence.prototype) }
  const seen = {
    completions: [] as Completion[],
    /** How many tokens of prompts were read in each step. */
    steps: [] as number[],
    onStep: () => {},
    /** The latest step. */
    step: Promise.resolve(),
    get tokensRead() {
      return seen.steps.reduce((sum, tokens) => sum + tokens, 0)
    },
    /** Waits until no further step follows. */
    async quiet() {
      for (let before = -1; seen.steps.length > before; ) {
        before = seen.steps.length
        await seen.step
        await sleep(100)
      }
    },
    /** Before a token leaves the engine. */
    gate: Promise.resolve(),
    /** Reads until the model writes, leaves, and waits until the engine knows. */
    async peek(stream: Deltas) {
      await peek(stream)
      await seen.completions.at(-1)?.released
      await new Promise(setImmediate)
    },
  }
  t.mock.method(
    LlamaContextSequence.prototype,
    'evaluate',
    async function* (this: LlamaContextSequence, ...given: Parameters<LlamaContextSequence['evaluate']>) {
      const prompt = [...this.contextTokens, ...given[0]]
      const { promise, resolve } = Promise.withResolvers<void>()
      const specialTokens = prompt.filter((token) => this.model.isSpecialToken(token)).length
      const completion: Completion = { prompt, specialTokens, written: 0, released: promise }
      seen.completions.push(completion)
      try {
        for await (const token of real.evaluate.apply(this, given)) {
          await seen.gate
          completion.written++
          yield token
        }
      } finally {
        resolve()
      }
    },
  )
  t.mock.method(
    LlamaContextSequence.prototype,
    'evaluateWithoutGeneratingNewTokens',
    async function (this: LlamaContextSequence, tokens: Token[]) {
      seen.steps.push(tokens.length)
      seen.step = real.evaluateWithoutGeneratingNewTokens.call(this, tokens)
      seen.onStep()
      await seen.step
    },
  )
  return seen
}

const methodsOf = ({ evaluate, evaluateWithoutGeneratingNewTokens }: LlamaContextSequence) => ({
  evaluate,
  evaluateWithoutGeneratingNewTokens,
})
