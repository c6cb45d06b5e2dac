/** Which completions an endpoint has refused to force, read off what it says. */
import type { RunError } from '../../core/errors.ts'
import type { Form } from '../../core/lm.ts'
import type { Signature } from '../../core/signature.ts'
import { jsonValue } from './json-value.ts'

/** The statuses with which endpoints refuse a parameter. llama-cpp-python's server answers 500. */
const STATUSES: ReadonlySet<number> = new Set([400, 422, 500, 501])

/** What they call it: OpenAI, DeepSeek, Groq, LiteLLM and Gemini by its name, vLLM and llama-server by how they do it. */
const WORDS = /response[_ ]format|json[_ ]?schema|structured[_ ]outputs?|guided|grammar/i

/** Their words if it isn't the format that they can't force, but this schema. */
const ABOUT_THE_SCHEMA = /invalid schema|schema conversion|grammar|schema contains/i

/** Remembers them for one endpoint, so that each is asked for once. */
export class RefusedForms {
  #isAnyRefused = false
  readonly #signatures = new WeakSet<Signature>()

  takes({ signature, adapter }: Form): boolean {
    return adapter === 'chat' || !(this.#isAnyRefused || this.#signatures.has(signature))
  }

  /**
   * @param error what a request with a `response_format` ended with. If that is known to be something else, such as a
   *   prompt that is too long, it isn't a refusal of the form, whatever words it has
   * @param body what the endpoint said
   * @returns whether it refused the form. That is then remembered: for this signature if the endpoint can't force its
   *   schema, and for all if it can't force any
   */
  note({ code }: RunError, status: number, body: string, { signature }: Form): boolean {
    if (code !== 'upstream_bad_response' && code !== 'upstream_error') return false
    const words = withoutEcho(body)
    if (!STATUSES.has(status) || !WORDS.test(words)) return false
    if (ABOUT_THE_SCHEMA.test(words)) this.#signatures.add(signature)
    else this.#isAnyRefused = true
    return true
  }
}

/** The beginning of a body, without what FastAPI repeats of the request under `input`: a question may be about grammar. */
function withoutEcho(body: string): string {
  const said = jsonValue(body)
  const text =
    said === undefined ? body : JSON.stringify(said, (key, one) => (key === 'input' ? undefined : one))
  return text.slice(0, 2_000)
}
