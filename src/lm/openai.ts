/**
 * Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama and their like.
 *
 * The `openai` package makes addresses, headers and error classes. The request goes out through undici and its
 * body is read here, since the package's own stream ends normally when it was aborted, cut or empty, hides the
 * finish reason, and costs several times the reading.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import OpenAI, { APIError } from 'openai'
import { Agent, errors } from 'undici'
import { RunError } from '../core/errors.ts'
import type { Message } from '../core/prompt.ts'
import { ChatChunks, jsonObject } from './chat-chunks.ts'
import type { CallOptions, LM } from './lm.ts'
import { type AnswerBody, post } from './post.ts'
import { clean, upstreamError } from './upstream-words.ts'

/**
 * How long a finished model's stream may take to end. Some upstreams leave the socket open; and a body that is
 * read to its end leaves a connection that the next call can use.
 */
const GRACE_MS = 500

/**
 * Deltas after which everything else has its turn. A read can bring a thousand and more, and reads that wait are
 * handled in one go, dozens of them, while timers and other streams stand still.
 */
const DELTAS_PER_TURN = 1_000

/** An error's body beyond this isn't worth reading. In bytes. */
const MAX_ERROR_BODY = 16 * 1024

export type OpenAIOptions = {
  /** Unset: OpenAI's own. */
  readonly baseURL: string | undefined
  /** Unset: no `authorization` header is sent. */
  readonly apiKey: string | undefined
  readonly model: string
  /** Characters of a completion that will be accepted: it bounds what one event may have. */
  readonly maxCompletionChars: number
}

export function createOpenAILM({ baseURL, apiKey, model, maxCompletionChars }: OpenAIOptions): LM {
  const client = new OpenAI({
    baseURL: baseURL ?? 'https://api.openai.com/v1',
    // Given, so that the package doesn't look for them in the environment.
    organization: null,
    project: null,
    apiKey: apiKey ?? 'none', // the package wants one
    logLevel: 'off',
    ...(apiKey === undefined && { defaultHeaders: { authorization: null } }),
  })
  // Silence is timed around the LM; undici's own limits of 300 s would cut slow local models. HTTP/1.1 alone,
  // since an abort then closes the socket, so that even an upstream that ignores it can't send on.
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false })

  // The same for every call but for the body; made anew, it would be a tenth of what a short run costs.
  const envelope = client
    .buildRequest({ method: 'post', path: '/chat/completions', body: {} })
    .then(({ req, url }) => ({ url, headers: Object.fromEntries(new Headers(req.headers)) }))

  /** Asks, and gives the answer's body once it is known to be a stream of events. */
  const open = async (
    messages: readonly Message[],
    { signal, usage }: Pick<CallOptions, 'signal' | 'usage'>,
  ) => {
    const { url, headers } = await envelope
    const asked = {
      model,
      messages,
      stream: true,
      ...(usage && { stream_options: { include_usage: true } }),
    }
    const answer = await post(dispatcher, url, {
      headers,
      body: JSON.stringify(asked),
      signal,
    }).catch((cause) => {
      signal.throwIfAborted()
      return failedToConnect(cause)
    })
    if (answer.status !== 200) {
      const words = await textOf(answer.body)
      signal.throwIfAborted()
      throw refusal(answer.status, new Headers(answer.headers as Record<string, string>), words, model)
    }
    if (!/^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '')) {
      answer.body.destroy()
      throw new RunError('upstream_bad_response')
    }
    return answer.body
  }

  return {
    model: { provider: 'openai', name: model },

    close: () => dispatcher.destroy(),

    async *stream(messages, { signal, usage }) {
      const body = await open(messages, { signal, usage })
      const chunks = new ChatChunks(model, 6 * maxCompletionChars + 65_536)
      const isComplete = () => chunks.isDone || (chunks.isFinished && (!usage || chunks.usage !== undefined))
      let grace: NodeJS.Timeout | undefined
      let inThisTurn = 0
      try {
        for (let pieces = await body.read(); pieces; pieces = await body.read()) {
          const deltas = chunks.push(pieces)
          if (deltas.length > 0) yield deltas
          if (chunks.failure) throw chunks.failure
          if (isComplete()) break
          if (chunks.isFinished) grace ??= setTimeout(body.destroy, GRACE_MS)
          inThisTurn += deltas.length
          if (inThisTurn < DELTAS_PER_TURN) continue
          inThisTurn = 0
          await nextTurn()
        }
      } catch (cause) {
        signal.throwIfAborted()
        if (cause instanceof RunError) throw cause
        if (!chunks.isFinished) throw new RunError('upstream_truncated', { cause })
      } finally {
        clearTimeout(grace)
        if (isComplete()) drain(body)
        else body.destroy()
      }
      signal.throwIfAborted()
      yield chunks.end()
    },
  }
}

/** Reads what is left of a finished body, so that its connection can be used again; not for long. */
async function drain(body: AnswerBody): Promise<void> {
  const timer = setTimeout(body.destroy, GRACE_MS)
  try {
    while (await body.read());
  } catch {
    // it has broken off, and nothing of it is missed
  } finally {
    clearTimeout(timer)
  }
}

/** What there is to read of an error's body. One that breaks off or never ends must not hide the status. */
async function textOf(body: AnswerBody): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  const timer = setTimeout(body.destroy, GRACE_MS)
  try {
    for (let pieces = await body.read(); pieces; pieces = await body.read()) {
      text += decoder.decode(Buffer.concat(pieces), { stream: true })
      if (text.length > MAX_ERROR_BODY) break
    }
  } catch {
    // what came of it has to do
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
  return text
}

function failedToConnect(cause: Error): never {
  const isNoHttp = cause instanceof errors.HTTPParserError // something answered, but not in HTTP
  const code = isNoHttp ? 'upstream_bad_response' : 'upstream_unreachable'
  throw new RunError(code, { cause })
}

function refusal(status: number, headers: Headers, body: string, model: string): RunError {
  const cause = APIError.generate(status, jsonObject(body), body, headers)
  const words = clean(cause.error) || clean(body.startsWith('{') || body.startsWith('<') ? '' : body)
  if (cause instanceof OpenAI.AuthenticationError || cause instanceof OpenAI.PermissionDeniedError) {
    return new RunError('upstream_auth', { cause })
  }
  if (cause instanceof OpenAI.NotFoundError) {
    const message = `The model's endpoint doesn't know the model '${model}'. Check OPENAI_MODEL and OPENAI_BASE_URL.`
    return new RunError('upstream_model_not_found', { cause, message })
  }
  if (cause instanceof OpenAI.RateLimitError) {
    const retryAfter = retryAfterOf(headers)
    return new RunError('upstream_rate_limited', { cause, ...(retryAfter !== undefined && { retryAfter }) })
  }
  if (cause.code === 'context_length_exceeded') return new RunError('prompt_too_long', { cause })
  if (status >= 500 || status === 408 || status === 409) return upstreamError(words, cause)
  if (status >= 300 && status < 400) {
    const message = "The model's endpoint redirects elsewhere, which is not followed. Check OPENAI_BASE_URL."
    return new RunError('upstream_bad_response', { cause, message })
  }
  const message = `The model's endpoint refused the request with status ${status}${words && `: ${words}`}`
  return new RunError('upstream_bad_response', { cause, message })
}

/** Seconds, from `retry-after-ms` (OpenAI's own) or `Retry-After` (RFC 9110 §10.2.3: seconds or a date). */
function retryAfterOf(headers: Headers): number | undefined {
  const ms = Number.parseFloat(headers.get('retry-after-ms') ?? '')
  const after = headers.get('retry-after') ?? ''
  const seconds = Number.isFinite(ms)
    ? ms / 1000
    : /^\d+$/.test(after)
      ? Number(after)
      : (Date.parse(after) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}
