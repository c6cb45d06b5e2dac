/**
 * The embedded model: a small one that runs inside this process, so that a first run needs neither a key nor an
 * endpoint. Its tokens are real and so is their pace; its facts are often wrong, and `model.note` says so.
 *
 * A call's way: messages -> tokens -> a sequence of the engine that has most of them read already -> one token
 * after the other, each as the signature's grammar allows -> deltas.
 */
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import type {
  ChatHistoryItem,
  ChatWrapper,
  Llama,
  LlamaContextSequence,
  LlamaGrammar,
  LlamaModel,
  SequenceEvaluateOptions,
  Token,
  TokenBias,
} from 'node-llama-cpp'
import { Channel } from '../../async/channel.ts'
import type { Message } from '../../core/adapters/adapter.ts'
import { prompt } from '../../core/adapters/chat/prompt.ts'
import { asRunError, RunError } from '../../core/errors.ts'
import type { Delta, LM } from '../../core/lm.ts'
import type { Predictor } from '../../core/predictor.ts'
import { namesOf, type Signature } from '../../core/signature.ts'
import { DEMO_WORDS, localDemos } from './demos.ts'
import { grammarOf } from './grammar.ts'
import { localWeights, USE_AN_ENDPOINT } from './weights.ts'

/** Calls that can be under way at once. Each has a sequence of the engine, with some 50 MB of cache. */
export const LOCAL_SLOTS = 4

/** Tokens that a sequence holds: a prompt and its answer. */
const CONTEXT = 2048

/** Tokens that a field may take. Most take 40 to 70; the longest that the grammar allows is about 190. */
const PER_FIELD = 200

/** Tokens per output field without which a call isn't begun. */
const LEAST_PER_FIELD = 100

/**
 * Tokens of a prompt that are read in one go. An abort isn't heard meanwhile, and no other call gets on. Steps of
 * this size make reading a seventh slower than steps of 512.
 */
const STEP = 128

/** Prompts that share more tokens than this are of one predictor; others part within the first thirty. */
const OF_ONE_PREDICTOR = 64

/** Deltas that may wait for the consumer before the model is halted. */
const AHEAD = 16

const SAMPLING: SequenceEvaluateOptions = {
  temperature: 0.2,
  minP: 0.05,
  topP: 0.9,
  // A small model likes to say the same thing three times over. This makes a repetition dearer with each token.
  dryRepeatPenalty: { strength: 0.8, allowedLength: 3, lastTokens: 256, sequenceBreakers: [] },
}

export type LocalOptions = {
  /** A GGUF file to use in place of the built-in model: LOCAL_MODEL. */
  readonly modelPath?: string | undefined
  /** Threads to compute with: LOCAL_THREADS. Unset: see {@link defaultThreads}. */
  readonly threads?: number | undefined
  /**
   * The program's predictors. Once the model is loaded, their prompts are read whenever no call is under way, all
   * but the inputs; and a question fits if each of them has room for it.
   */
  readonly warm?: readonly Predictor[]
  readonly log: (message: string) => void
}

/** Takes any number of calls and runs {@link LOCAL_SLOTS} of them at once; `withQueue` tells the others to wait. */
export function createLocalLM(options: LocalOptions): LM & Required<Pick<LM, 'load' | 'close' | 'fits'>> {
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()
  let starting: Promise<Engine> | undefined
  let engine: Engine | undefined

  const start = () => {
    starting ??= Engine.start(options, closing.signal).then((started) => {
      engine = started
      return started
    })
    return starting
  }

  const complete = async (call: EngineCall) => {
    if (!engine) await call.send({ type: 'wait', reason: 'load', message: 'Loading the model…' })
    await (engine ?? (await start())).write(call)
  }

  return {
    model: modelOf(options),

    async load() {
      await start()
    },

    async close() {
      closing.abort(new RunError('shutting_down'))
      await Promise.allSettled([...underWay, starting])
      await engine?.dispose()
    },

    // Before the model is loaded nobody can tell; the call itself will.
    fits: (messages, { signature }) => engine?.fits(messages, signature) ?? true,

    async *stream(messages, { signature, signal }) {
      const consumer = new AbortController()
      const ended = AbortSignal.any([signal, closing.signal, consumer.signal])
      ended.throwIfAborted()
      const deltas = new Channel<Delta>(AHEAD, () => 1)
      // An abort closes the channel at once. The engine lets go of the call a little later, unseen.
      ended.addEventListener('abort', () => deltas.close(), { once: true })
      const call = complete({ messages, signature, signal: ended, send: (delta) => deltas.push([delta]) })
        .then(() => undefined, asRunError)
        .finally(() => {
          underWay.delete(call)
          deltas.close()
        })
      underWay.add(call)
      try {
        for (let next = await deltas.take(); next; next = await deltas.take()) {
          ended.throwIfAborted()
          yield next
        }
        ended.throwIfAborted()
        const failure = await call
        if (failure) throw failure
      } finally {
        consumer.abort()
      }
    },
  }
}

function modelOf({ modelPath }: Pick<LocalOptions, 'modelPath'>): LM['model'] {
  return modelPath === undefined
    ? { provider: 'local', name: 'SmolLM2-135M', note: 'demo model: real tokens, unreliable facts' }
    : { provider: 'local', name: basename(modelPath, '.gguf'), note: 'local model: short answers' }
}

type EngineCall = {
  readonly messages: readonly Message[]
  readonly signature: Signature
  readonly signal: AbortSignal
  /** Gives a promise only when the consumer must be waited for. */
  readonly send: (delta: Delta) => Promise<void> | undefined
}

type Lib = typeof import('node-llama-cpp')

/** llama.cpp with its model. A sequence reads and writes one text at a time and keeps what it has read. */
class Engine {
  readonly #lib: Lib
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #chat: ChatWrapper
  readonly #name: string
  readonly #grammars = new Map<string, Promise<LlamaGrammar>>()
  /** The sequences that no call has, the longest unused first. */
  readonly #idle: LlamaContextSequence[]
  /** Calls that wait for one, in order: the engine holds on to an aborted call's for a moment. */
  readonly #waiting: ((sequence: LlamaContextSequence) => void)[] = []
  /** Calls that have begun: while there are any, nothing is read ahead. */
  #calls = 0
  /** Called when the last of them has ended. */
  #onQuiet = () => {}
  /** The step that is being read ahead, and all of them; neither ever rejects. */
  #step: Promise<unknown> = Promise.resolve()
  #ahead: Promise<void> = Promise.resolve()
  /** Tokens of the context that a question can't have, since some predictor needs them besides it. */
  #reserved = 0

  private constructor(
    lib: Lib,
    llama: Llama,
    model: LlamaModel,
    sequences: LlamaContextSequence[],
    name: string,
  ) {
    this.#lib = lib
    this.#llama = llama
    this.#model = model
    this.#idle = sequences
    this.#name = name
    // The model's own chat template; for the built-in model that is ChatML. Messages go in as plain text: what
    // looks like a special token in them is not made one, so that a question can't forge a turn.
    this.#chat = lib.resolveChatWrapper(model, { warningLogs: false })
  }

  /** @throws Error whose message is fit for whoever started the process */
  static async start({ modelPath, threads, warm = [], log }: LocalOptions, signal: AbortSignal) {
    const lib = await import('node-llama-cpp').catch((cause) => {
      const fault = "The embedded model's engine, node-llama-cpp, isn't installed."
      throw new Error(`${fault} Run \`npm install --include=optional\`. ${USE_AN_ENDPOINT}`, { cause })
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
        const fault = `The embedded model's engine doesn't run on this platform: ${cause.message}`
        throw new Error(`${fault} ${USE_AN_ENDPOINT}`, { cause })
      })
    try {
      signal.throwIfAborted()
      const model = await llama.loadModel({ modelPath: weights, gpuLayers: 0 })
      const context = await model.createContext({
        sequences: LOCAL_SLOTS,
        contextSize: CONTEXT,
        batchSize: 512,
        threads: maxThreads,
      })
      const sequences = Array.from({ length: LOCAL_SLOTS }, () => context.getSequence())
      signal.throwIfAborted()
      const engine = new Engine(lib, llama, model, sequences, modelOf({ modelPath }).name)
      for (const predictor of warm) engine.#reserve(predictor)
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

  /** Call it once the start's signal has aborted: until then it goes on reading ahead, and this waits for it. */
  async dispose(): Promise<void> {
    await this.#ahead
    await this.#llama.dispose()
  }

  /**
   * A question is read again by predictors that come later, together with what the first ones wrote. So that a
   * run isn't refused in its middle, there has to be room for the hungriest of them, its other inputs at their
   * longest.
   */
  fits(messages: readonly Message[], signature: Signature): boolean {
    const question = this.#model.tokenize(messages.at(-1)?.content ?? '').length
    const { length } = this.#tokensOf(messages, signature)
    return length + leastAnswer(signature) < CONTEXT && question + this.#reserved < CONTEXT
  }

  /**
   * Writes one completion. Nothing more is read ahead meanwhile; the step that is under way comes to its end first,
   * so that the call can have its sequence.
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
   * It asks for tokens itself, since the engine's own `LlamaCompletion` reads a prompt to its end whatever the
   * signal says, and has no `dryRepeatPenalty`.
   */
  async #complete({ messages, signature, signal, send }: EngineCall): Promise<void> {
    const tokens = this.#tokensOf(messages, signature)
    const room = CONTEXT - tokens.length - 1 // full to the last token, the engine would drop the prompt's beginning
    const limit = Math.min(signature.outputs.length * PER_FIELD, room)
    if (limit < leastAnswer(signature)) throw new RunError('prompt_too_long')
    const { LlamaGrammarEvaluationState } = this.#lib
    const grammar = await this.#grammarOf(signature)
    const written: Token[] = []
    let unfinished: Token[] = []
    let outputTokens = 0
    const sequence = await this.#take(tokens)
    try {
      await read(sequence, tokens.slice(0, -1), signal)
      const completion = sequence.evaluate(tokens.slice(-1), {
        ...SAMPLING,
        repeatPenalty: { punishTokens: () => written.slice(-64), penalty: 1.05 },
        tokenBias: this.#awayFromDemos(messages),
        grammarEvaluationState: new LlamaGrammarEvaluationState({ model: this.#model, grammar }),
      })
      for await (const token of completion) {
        signal.throwIfAborted()
        outputTokens++
        // Where a token ends within a character, its text ends in a replacement character.
        unfinished.push(token)
        const text = this.#model.detokenize(unfinished, false, written)
        if (!text.endsWith('\uFFFD')) {
          written.push(...unfinished)
          unfinished = []
          if (text !== '') await send({ type: 'text', text })
        }
        if (outputTokens === limit) break
      }
    } finally {
      this.#give(sequence)
    }
    await send({
      type: 'finish',
      reason: outputTokens === limit ? 'length' : 'stop',
      usage: { model: this.#name, inputTokens: tokens.length, outputTokens },
    })
  }

  /** Keeps room for what a predictor needs besides the question. */
  #reserve(predictor: Predictor): void {
    const { length } = this.#tokensWith('', predictor)
    const needed = length + (predictor.inputs.length - 1) * PER_FIELD + leastAnswer(predictor)
    this.#reserved = Math.max(this.#reserved, needed)
  }

  /**
   * Reads the predictors' prompts up to their inputs, so that a call has only those left to read. After each step
   * the sequence is given back: a call that comes goes on from there.
   */
  async #readAhead(predictors: readonly Predictor[], signal: AbortSignal): Promise<void> {
    for (const predictor of predictors) {
      const [empty, other] = [this.#tokensWith('', predictor), this.#tokensWith('x', predictor)]
      const shared = empty.slice(
        0,
        empty.findIndex((token, index) => token !== other[index]),
      )
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

  /** @returns whether nothing is left to read */
  async #readStep(tokens: Token[]): Promise<boolean> {
    const sequence = await this.#take(tokens)
    try {
      const { firstDifferentIndex: at } = sequence.compareContextTokens(tokens)
      if (at >= tokens.length) return true // a call has read them, and what it read besides may be asked again
      await sequence.adaptStateToTokens(tokens, false)
      await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, at + STEP))
      return at + STEP >= tokens.length
    } finally {
      this.#give(sequence)
    }
  }

  /** A predictor's prompt with this text for each of its inputs. */
  #tokensWith(text: string, predictor: Predictor): Token[] {
    const inputs = Object.fromEntries(namesOf(predictor.inputs).map((name) => [name, text]))
    return this.#tokensOf(prompt(predictor, inputs), predictor)
  }

  #tokensOf(messages: readonly Message[], signature: Signature): Token[] {
    const demos = isZeroShot(messages) ? localDemos(signature) : []
    const chatHistory = [...messages.slice(0, 1), ...demos, ...messages.slice(1)].map(asChatItem)
    const { contextText } = this.#chat.generateContextState({
      chatHistory: [...chatHistory, asChatItem({ role: 'assistant', content: '' })],
    })
    const tokens = contextText.tokenize(this.#model.tokenizer)
    // A template begins with BOS even for models that are to be asked without; the built-in one is among them.
    const { bos, shouldPrependBosToken } = this.#model.tokens
    return tokens[0] === bos && !shouldPrependBosToken ? tokens.slice(1) : tokens
  }

  #grammarOf(signature: Signature): Promise<LlamaGrammar> {
    const text = grammarOf(signature)
    let grammar = this.#grammars.get(text)
    if (!grammar) {
      grammar = this.#llama.createGrammar({ grammar: text })
      this.#grammars.set(text, grammar)
    }
    return grammar
  }

  /** Keeps the model from falling back on its worked examples when it can make nothing of the question. */
  #awayFromDemos(messages: readonly Message[]): TokenBias {
    const bias = new this.#lib.TokenBias(this.#model.tokenizer)
    if (!isZeroShot(messages)) return bias
    const asked = messages.at(-1)?.content.toLowerCase() ?? ''
    for (const word of DEMO_WORDS.filter((word) => !asked.includes(word))) {
      const capital = word.charAt(0).toUpperCase() + word.slice(1)
      for (const form of [word, ` ${word}`, capital, ` ${capital}`]) {
        const [token, ...more] = this.#model.tokenize(form)
        if (token !== undefined && more.length === 0) bias.set(token, { logit: -6 })
      }
    }
    return bias
  }

  /** An idle sequence, as soon as there is one: the one that has read most of these tokens, or an old one. */
  #take(tokens: Token[]): LlamaContextSequence | Promise<LlamaContextSequence> {
    if (this.#idle.length === 0) return new Promise((resolve) => this.#waiting.push(resolve))
    const known = this.#idle.map((sequence) => sequence.compareContextTokens(tokens).firstDifferentIndex)
    const most = Math.max(...known)
    const index = most > OF_ONE_PREDICTOR ? known.indexOf(most) : 0
    return this.#idle.splice(index, 1)[0] as LlamaContextSequence
  }

  #give(sequence: LlamaContextSequence): void {
    const next = this.#waiting.shift()
    if (next) next(sequence)
    else this.#idle.push(sequence)
  }
}

/**
 * One processor is left to others, this process's own event loop among them. The engine's threads wait for each
 * other by spinning, so where one of them has to share its processor, all of them crawl: on two busy processors,
 * two threads wrote 5 tokens a second and one thread 85. A model this small gains little from more than four.
 */
const defaultThreads = () => Math.min(Math.max(availableParallelism() - 1, 1), 4)

const leastAnswer = ({ outputs }: Signature) => outputs.length * LEAST_PER_FIELD

const isZeroShot = (messages: readonly Message[]) => messages.every(({ role }) => role !== 'assistant')

function asChatItem({ role, content }: Message): ChatHistoryItem {
  return role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content }
}

/** Makes the sequence hold these tokens and nothing else. What it has read of them is not read again. */
async function read(sequence: LlamaContextSequence, tokens: Token[], signal: AbortSignal): Promise<void> {
  await sequence.adaptStateToTokens(tokens, false)
  for (let at = sequence.nextTokenIndex; at < tokens.length; at += STEP) {
    signal.throwIfAborted()
    await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, at + STEP))
  }
}
