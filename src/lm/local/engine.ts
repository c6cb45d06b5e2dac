/**
 * llama.cpp with its model. A call's way through it: messages -> tokens -> a sequence that has already read most of
 * them -> one token after another, each as the signature's grammar allows -> deltas. Between calls, it reads the
 * predictors' prompts ahead.
 */
import { availableParallelism } from 'node:os'
import type {
  Llama,
  LlamaContextSequence,
  LlamaGrammar,
  LlamaModel,
  SequenceEvaluateOptions,
  Token,
} from 'node-llama-cpp'
import type { Message } from '../../core/adapters/adapter.ts'
import { RunError } from '../../core/errors.ts'
import type { Delta, Form } from '../../core/lm.ts'
import type { Settings } from '../../core/settings.ts'
import type { Signature } from '../../core/signature.ts'
import { grammarOf } from './grammar.ts'
import { type PredictorForm, PromptTokens } from './prompt-tokens.ts'
import { Sequences } from './sequences.ts'
import { StopTexts } from './stop-texts.ts'
import { localWeights, USE_AN_ENDPOINT } from './weights.ts'

/** Tokens that a sequence holds: a prompt and its answer. */
const CONTEXT = 2048

/** Tokens that a field may take. Most take 40 to 70; the longest that the grammar allows is about 190. */
const PER_FIELD = 200

/** Tokens per output field without which a call isn't started. */
const LEAST_PER_FIELD = 100

/**
 * Tokens of a prompt that are read in one go. During that time an abort isn't heard and no other call makes progress.
 * Steps of this size make reading a seventh slower than steps of 512.
 */
const STEP = 128

const SAMPLING: SequenceEvaluateOptions = {
  temperature: 0.2,
  minP: 0.05,
  topP: 0.9,
  // A small model likes to say the same thing three times. This makes a repetition less likely with each token.
  dryRepeatPenalty: { strength: 0.8, allowedLength: 3, lastTokens: 256, sequenceBreakers: [] },
}

export type EngineOptions = {
  /** The model's name in its usage. */
  readonly name: string
  /** A GGUF file to use instead of the built-in model: LOCAL_MODEL. */
  readonly modelPath?: string | undefined
  /** Threads to compute with: LOCAL_THREADS. Unset: see {@link defaultThreads}. */
  readonly threads?: number | undefined
  /** Calls that can run at the same time. */
  readonly slots: number
  /** The program's predictors: their prompts are read ahead, and a question fits if each of them has room for it. */
  readonly warm: readonly PredictorForm[]
  readonly log: (message: string) => void
}

export type EngineCall = {
  readonly messages: readonly Message[]
  readonly form: Form
  readonly settings: Settings
  readonly signal: AbortSignal
  /** Returns a promise only if the consumer has to be waited for. */
  readonly send: (delta: Delta) => Promise<void> | undefined
}

type Lib = typeof import('node-llama-cpp')

export class Engine {
  readonly #lib: Lib
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #tokens: PromptTokens
  readonly #name: string
  readonly #grammars = new Map<string, Promise<LlamaGrammar>>()
  readonly #sequences: Sequences
  /** Calls that have started: while there are any, nothing is read ahead. */
  #calls = 0
  /** Called when the last of them has ended. */
  #onQuiet = () => {}
  /** The step that is being read ahead, and all of them together. Neither ever rejects. */
  #step: Promise<unknown> = Promise.resolve()
  #ahead: Promise<void> = Promise.resolve()
  /** Tokens of the context that a question can't use, because some predictor needs them for the rest of its prompt. */
  #reserved = 0

  private constructor(
    lib: Lib,
    llama: Llama,
    model: LlamaModel,
    sequences: readonly LlamaContextSequence[],
    name: string,
  ) {
    this.#lib = lib
    this.#llama = llama
    this.#model = model
    this.#sequences = new Sequences(sequences)
    this.#name = name
    this.#tokens = new PromptTokens(lib, model)
  }

  /** @throws Error whose message is fit for whoever started the process */
  static async start({ name, modelPath, threads, slots, warm, log }: EngineOptions, signal: AbortSignal) {
    const lib = await import('node-llama-cpp').catch((cause) => {
      const missing = "The embedded model's engine, node-llama-cpp, isn't installed."
      throw new Error(`${missing} Run \`npm install --include=optional\`. ${USE_AN_ENDPOINT}`, { cause })
    })
    const weights = modelPath ?? (await localWeights({ log, signal }))
    const maxThreads = threads ?? defaultThreads()
    const llama = await lib
      .getLlama({
        gpu: false,
        build: 'never',
        progressLogs: false,
        logLevel: lib.LlamaLogLevel.error,
        logger: (_level, message) => log(message),
        maxThreads,
      })
      .catch((cause) => {
        const unsupported = `The embedded model's engine doesn't run on this platform: ${cause.message}`
        throw new Error(`${unsupported} ${USE_AN_ENDPOINT}`, { cause })
      })
    try {
      signal.throwIfAborted()
      const model = await llama.loadModel({ modelPath: weights, gpuLayers: 0 })
      const context = await model.createContext({
        sequences: slots,
        contextSize: CONTEXT,
        batchSize: 512,
        threads: maxThreads,
      })
      const sequences = Array.from({ length: slots }, () => context.getSequence())
      signal.throwIfAborted()
      const engine = new Engine(lib, llama, model, sequences, name)
      for (const form of warm) engine.#reserve(form)
      engine.#ahead = engine.#readAhead(warm, signal).catch((error: Error) => {
        if (!signal.aborted) log(`Prompts can't be read ahead of the questions: ${error.message}`)
      })
      return engine
    } catch (cause) {
      await llama.dispose()
      signal.throwIfAborted()
      const which = modelPath === undefined ? 'The embedded model' : `LOCAL_MODEL names ${modelPath}, which`
      throw new Error(`${which} can't be loaded: ${(cause as Error).message}`, { cause })
    }
  }

  /** Call this once the start's signal has aborted: until then it keeps reading ahead, and this waits for it. */
  async dispose(): Promise<void> {
    await this.#ahead
    await this.#llama.dispose()
  }

  /**
   * Whether a question fits. Later predictors read it again, together with what the first ones wrote. So that a run
   * isn't refused halfway, there has to be room for the one that needs most, with its other inputs at their longest.
   */
  fits(messages: readonly Message[], form: Form): boolean {
    const question = this.#model.tokenize(messages.at(-1)?.content ?? '').length
    const { length } = this.#tokens.of(messages, form)
    return length + leastAnswer(form.signature) < CONTEXT && question + this.#reserved < CONTEXT
  }

  /**
   * Writes one completion. Nothing more is read ahead meanwhile. The current step ends first, so that the call can have
   * its sequence.
   *
   * @throws RunError `prompt_too_long`; the signal's reason, as soon as the engine has heard of it; whatever the
   *   engine throws
   */
  async write(call: EngineCall): Promise<void> {
    this.#calls++
    try {
      await this.#step
      await this.#complete(call)
    } finally {
      this.#calls--
      if (this.#calls === 0) this.#onQuiet()
    }
  }

  /**
   * Asks for tokens itself: the engine's own `LlamaCompletion` reads a prompt to its end whatever the signal says, and
   * has no `dryRepeatPenalty`.
   */
  async #complete({ messages, form, settings, signal, send }: EngineCall): Promise<void> {
    const { signature } = form
    const tokens = this.#tokens.of(messages, form)
    const room = CONTEXT - tokens.length - 1 // filled to the last token, the engine would drop the prompt's beginning
    if (room < leastAnswer(signature)) throw new RunError('prompt_too_long')
    const { temperature, topP, maxTokens = Number.POSITIVE_INFINITY, stop = [] } = settings
    const limit = Math.min(signature.outputs.length * PER_FIELD, room, maxTokens)
    const stops = new StopTexts(stop)
    const { LlamaGrammarEvaluationState } = this.#lib
    const grammar = await this.#grammarOf(form)
    const written: Token[] = []
    let unfinished: Token[] = []
    let outputTokens = 0
    const sequence = await this.#sequences.take(tokens)
    try {
      await read(sequence, tokens.slice(0, -1), signal)
      const completion = sequence.evaluate(tokens.slice(-1), {
        ...SAMPLING,
        ...(temperature !== undefined && { temperature }),
        ...(topP !== undefined && { topP }),
        repeatPenalty: { punishTokens: () => written.slice(-64), penalty: 1.05 },
        tokenBias: this.#tokens.awayFromDemos(messages, signature),
        grammarEvaluationState: new LlamaGrammarEvaluationState({ model: this.#model, grammar }),
      })
      for await (const token of completion) {
        signal.throwIfAborted()
        outputTokens++
        // If a token ends within a character, its text ends in a replacement character.
        unfinished.push(token)
        const text = this.#model.detokenize(unfinished, false, written)
        if (!text.endsWith('\uFFFD')) {
          written.push(...unfinished)
          unfinished = []
          const free = stops.push(text)
          if (free !== '') await send({ type: 'text', text: free })
        }
        if (outputTokens === limit || stops.hasStopped) break
      }
      const held = stops.end()
      if (held !== '') await send({ type: 'text', text: held })
    } finally {
      this.#sequences.give(sequence)
    }
    await send({
      type: 'finish',
      reason: outputTokens === limit && !stops.hasStopped ? 'length' : 'stop',
      usage: { model: this.#name, inputTokens: tokens.length, outputTokens },
    })
  }

  #grammarOf(form: Form): Promise<LlamaGrammar> {
    const text = grammarOf(form)
    let grammar = this.#grammars.get(text)
    if (!grammar) {
      grammar = this.#llama.createGrammar({ grammar: text })
      this.#grammars.set(text, grammar)
    }
    return grammar
  }

  /** Keeps room for what a predictor needs besides the question. */
  #reserve(form: PredictorForm): void {
    const { length = 0 } = this.#tokens.withoutInputs(form) ?? {}
    const needed = length + (form.signature.inputs.length - 1) * PER_FIELD + leastAnswer(form.signature)
    this.#reserved = Math.max(this.#reserved, needed)
  }

  /**
   * Reads the predictors' prompts up to their inputs, so that a call has only its inputs left to read. The sequence is
   * given back after each step, and a call that comes goes on from there.
   */
  async #readAhead(forms: readonly PredictorForm[], signal: AbortSignal): Promise<void> {
    for (const form of forms) {
      const shared = this.#tokens.beforeInputs(form)
      for (let isRead = false; !isRead; ) {
        while (this.#calls > 0) {
          await new Promise<void>((resolve) => {
            this.#onQuiet = resolve
          })
        }
        signal.throwIfAborted()
        const step = this.#readStep(shared)
        this.#step = step.catch(() => {})
        isRead = await step
      }
    }
  }

  /** @returns whether everything has been read */
  async #readStep(tokens: Token[]): Promise<boolean> {
    const sequence = await this.#sequences.take(tokens)
    try {
      const { firstDifferentIndex: at } = sequence.compareContextTokens(tokens)
      if (at >= tokens.length) return true // a call has read them, and the rest that it read may be asked for again
      await sequence.adaptStateToTokens(tokens, false)
      await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, at + STEP))
      return at + STEP >= tokens.length
    } finally {
      this.#sequences.give(sequence)
    }
  }
}

/**
 * One processor is left to others, including this process's event loop. The engine's threads wait for each other by
 * spinning, so if one of them has to share its processor, all of them crawl: on two busy processors, two threads wrote
 * 5 tokens a second and one thread 85. A model this small gains little from more than four.
 */
const defaultThreads = () => Math.min(Math.max(availableParallelism() - 1, 1), 4)

const leastAnswer = ({ outputs }: Signature) => outputs.length * LEAST_PER_FIELD

/** Makes the sequence hold these tokens and nothing else. It doesn't read again what it has already read of them. */
async function read(sequence: LlamaContextSequence, tokens: Token[], signal: AbortSignal): Promise<void> {
  await sequence.adaptStateToTokens(tokens, false)
  for (let at = sequence.nextTokenIndex; at < tokens.length; at += STEP) {
    signal.throwIfAborted()
    await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, at + STEP))
  }
}
