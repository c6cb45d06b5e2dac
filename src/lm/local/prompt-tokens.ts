/** Messages -> the tokens of a prompt, in the model's own chat template and with worked examples if there are none. */
import type { ChatHistoryItem, ChatWrapper, LlamaModel, Token, TokenBias } from 'node-llama-cpp'
import type { Message } from '../../core/adapters/adapter.ts'
import { adapters } from '../../core/adapters/adapters.ts'
import type { Form } from '../../core/lm.ts'
import type { Predictor } from '../../core/predictor.ts'
import type { Signature } from '../../core/signature.ts'
import { DEMO_WORDS, localDemos } from './demos.ts'
import { sampleOf } from './samples.ts'

type Demoed = Signature & Partial<Pick<Predictor, 'demos'>>

type Lib = typeof import('node-llama-cpp')

/** The form of a predictor that is known before it is called. */
export type PredictorForm = Form & { readonly signature: Predictor }

export class PromptTokens {
  readonly #lib: Lib
  readonly #model: LlamaModel
  readonly #chat: ChatWrapper

  constructor(lib: Lib, model: LlamaModel) {
    this.#lib = lib
    this.#model = model
    // The model's own chat template; for the built-in model that is ChatML. Messages go in as plain text: anything in
    // them that looks like a special token isn't made one, so a question can't forge a turn.
    this.#chat = lib.resolveChatWrapper(model, { warningLogs: false })
  }

  of(messages: readonly Message[], form: Form): Token[] {
    const demos = isZeroShot(form.signature) ? localDemos(form) : []
    const chatHistory = [...messages.slice(0, 1), ...demos, ...messages.slice(1)].map(asChatItem)
    const { contextText } = this.#chat.generateContextState({
      chatHistory: [...chatHistory, asChatItem({ role: 'assistant', content: '' })],
    })
    const tokens = contextText.tokenize(this.#model.tokenizer)
    // A template begins with BOS even for models that don't want one, and the built-in model is one of those.
    const { bos, shouldPrependBosToken } = this.#model.tokens
    return tokens[0] === bos && !shouldPrependBosToken ? tokens.slice(1) : tokens
  }

  /** A predictor's prompt with its inputs as short as they can be; undefined if no value of one of them is known. */
  withoutInputs(form: PredictorForm): Token[] | undefined {
    return this.#withInputs('', 0, form)
  }

  /** The beginning of a predictor's prompt that doesn't depend on its inputs, as far as it is known. */
  beforeInputs(form: PredictorForm): Token[] {
    const [empty, other] = [this.withoutInputs(form), this.#withInputs('x', 1, form)]
    if (!empty || !other) return []
    const end = empty.findIndex((token, index) => token !== other[index])
    return end === -1 ? empty : empty.slice(0, end)
  }

  /**
   * @param text for each input that is one
   * @param nth makes the values of the others differ
   */
  #withInputs(text: string, nth: number, form: PredictorForm): Token[] | undefined {
    const { signature: predictor, adapter } = form
    const inputs = predictor.inputs.map(
      ({ name, type }) => [name, type.kind === 'str' ? text : sampleOf(type, [text], nth)] as const,
    )
    if (inputs.some(([, value]) => value === undefined)) return undefined
    return this.of(adapters[adapter].prompt(predictor, Object.fromEntries(inputs)), form)
  }

  /** Keeps the model from falling back on its worked examples when it can make nothing of the question. */
  awayFromDemos(messages: readonly Message[], signature: Demoed): TokenBias {
    const bias = new this.#lib.TokenBias(this.#model.tokenizer)
    if (!isZeroShot(signature)) return bias
    const asked = messages
      .filter(({ role }) => role === 'user')
      .map(({ content }) => content.toLowerCase())
      .join('\n')
    for (const word of DEMO_WORDS.filter((word) => !asked.includes(word))) {
      const capital = word.charAt(0).toUpperCase() + word.slice(1)
      for (const form of [word, ` ${word}`, capital, ` ${capital}`]) {
        const [token, ...more] = this.#model.tokenize(form)
        if (token !== undefined && more.length === 0) bias.set(token, { logit: -6 })
      }
    }
    return bias
  }
}

/** Not told from the messages: what a model wrote in an earlier attempt stands there as a turn too. */
const isZeroShot = ({ demos = [] }: Demoed) => demos.length === 0

function asChatItem({ role, content }: Message): ChatHistoryItem {
  return role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content }
}
