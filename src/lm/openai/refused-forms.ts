/** Which forms of completions an endpoint has refused, read off what it says. */
import { type FormName, TOOL_CALLS } from '../../core/adapters/names.ts'
import type { ErrorCode, RunError } from '../../core/errors.ts'
import type { Form } from '../../core/lm.ts'
import type { Signature } from '../../core/signature.ts'
import { withoutEcho } from './upstream-words.ts'

type Refusal = {
  /** The statuses with which endpoints refuse it. */
  readonly statuses: ReadonlySet<number>
  /** What they call it. */
  readonly words: RegExp
  /** Their words if it isn't the form that they can't have, but this schema. */
  readonly aboutTheSchema: RegExp
  /** What such an answer is taken for otherwise. If it is known to be something else, it isn't a refusal of the form. */
  readonly codes: readonly ErrorCode[]
}

const UNKNOWN: readonly ErrorCode[] = ['upstream_bad_response', 'upstream_error']

const REFUSALS: Readonly<Partial<Record<FormName, Refusal>>> = {
  json: {
    // llama-cpp-python's server answers 500.
    statuses: new Set([400, 422, 500, 501]),
    // OpenAI, DeepSeek, Groq, LiteLLM and Gemini by its name, vLLM and llama-server by how they do it.
    words: /response[_ ]format|json[_ ]?schema|structured[_ ]outputs?|guided|grammar/i,
    aboutTheSchema: /invalid schema|schema conversion|grammar|schema contains/i,
    codes: UNKNOWN,
  },
  [TOOL_CALLS]: {
    // OpenRouter answers 404, DeepInfra 405, llama-server without a template for tools and SGLang 500.
    statuses: new Set([400, 404, 405, 422, 500, 501]),
    words: /\btools?\b|tool_|function[_ ]?call|for function/i,
    aboutTheSchema: /invalid schema|schema conversion|grammar|schema contains|for function/i,
    codes: [...UNKNOWN, 'upstream_model_not_found'],
  },
}

/** Remembers them for one endpoint, so that each is asked for once. */
export class RefusedForms {
  readonly #adapters = new Set<FormName>()
  readonly #schemas = new WeakMap<Signature, readonly FormName[]>()

  takes({ signature, adapter }: Form): boolean {
    return !this.#adapters.has(adapter) && !this.#refusedOf(signature).includes(adapter)
  }

  /**
   * @param error what a request of this form ended with. One that is known to be something else, such as a prompt that
   *   is too long, isn't a refusal of the form, whatever words it has
   * @param body what the endpoint said
   * @returns whether it refused the form. That is then remembered: for this signature if the endpoint can't have its
   *   schemas, and for all if it can't have any
   */
  note({ code }: RunError, status: number, body: string, { signature, adapter }: Form): boolean {
    const refusal = REFUSALS[adapter]
    if (!refusal?.codes.includes(code)) return false
    const words = withoutEcho(body)
    if (!refusal.statuses.has(status) || !refusal.words.test(words)) return false
    if (refusal.aboutTheSchema.test(words))
      this.#schemas.set(signature, [...this.#refusedOf(signature), adapter])
    else this.#adapters.add(adapter)
    return true
  }

  #refusedOf = (signature: Signature) => this.#schemas.get(signature) ?? []
}
