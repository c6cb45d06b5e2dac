/** Messages -> the tokens of a prompt, in the model's own chat template and with worked examples if there are none. */
import type { ChatHistoryItem, ChatWrapper, LlamaModel, Token, TokenBias } from 'node-llama-cpp'
import type { Message } from '../../core/adapters/adapter.ts'
import { prompt } from '../../core/adapters/chat/prompt.ts'
import type { Predictor } from '../../core/predictor.ts'
import type { Signature } from '../../core/signature.ts'
import { DEMO_WORDS, localDemos } from './demos.ts'

type Lib = typeof import('node-llama-cpp')

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

  of(messages: readonly Message[], signature: Signature): Token[] {
    const demos = isZeroShot(messages) ? localDemos(signature) : []
    const chatHistory = [...messages.slice(0, 1), ...demos, ...messages.slice(1)].map(asChatItem)
    const { contextText } = this.#chat.generateContextState({
      chatHistory: [...chatHistory, asChatItem({ role: 'assistant', content: '' })],
    })
    const tokens = contextText.tokenize(this.#model.tokenizer)
    // A template begins with BOS even for models that don't want one, and the built-in model is one of those.
    const { bos, shouldPrependBosToken } = this.#model.tokens
    return tokens[0] === bos && !shouldPrependBosToken ? tokens.slice(1) : tokens
  }

  /** A predictor's prompt with this text for each of its inputs. */
  withInputs(text: string, predictor: Predictor): Token[] {
    const inputs = Object.fromEntries(predictor.inputs.map(({ name }) => [name, text]))
    return this.of(prompt(predictor, inputs), predictor)
  }

  /** The beginning of a predictor's prompt that doesn't depend on its inputs. */
  beforeInputs(predictor: Predictor): Token[] {
    const [empty, other] = [this.withInputs('', predictor), this.withInputs('x', predictor)]
    return empty.slice(
      0,
      empty.findIndex((token, index) => token !== other[index]),
    )
  }

  /** Keeps the model from falling back on its worked examples when it can make nothing of the question. */
  awayFromDemos(messages: readonly Message[]): TokenBias {
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
}

const isZeroShot = (messages: readonly Message[]) => messages.every(({ role }) => role !== 'assistant')

function asChatItem({ role, content }: Message): ChatHistoryItem {
  return role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content }
}
