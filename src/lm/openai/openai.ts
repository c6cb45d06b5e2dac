/**
 * Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama and their like.
 *
 * The `openai` package makes addresses, headers and error classes. The request goes out through undici and its
 * body is read here, since the package's own stream ends normally when it was aborted, cut or empty, hides the
 * finish reason, and costs several times the reading.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import OpenAI from 'openai'
import { Agent, errors } from 'undici'
import type { Message } from '../../core/adapters/adapter.ts'
import { RunError } from '../../core/errors.ts'
import { type CallOptions, FormRefused, type LM } from '../../core/lm.ts'
import { striking } from '../../secrets.ts'
import { ChatChunks } from './chat-chunks.ts'
import { decoded } from './decoded.ts'
import { type AnswerBody, post } from './post.ts'
import { RefusedForms, responseFormat } from './response-format.ts'
import { refusal } from './upstream-errors.ts'

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

/** What a stream may bring after the end of its completion: a finish reason, usage, `[DONE]`. In bytes. */
const MAX_EPILOGUE = 16 * 1024

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
    .then(({ req, url }) => ({
      url,
      // Without it any encoding is welcome (RFC 9110 §12.5.3), and some gateways take that at its word.
      headers: { ...Object.fromEntries(new Headers(req.headers)), 'accept-encoding': 'identity' },
    }))
  const strike = striking([apiKey])
  const refused = new RefusedForms()

  /** Asks, and gives the answer's body once it is known to be a stream of events. */
  const open = async (messages: readonly Message[], options: CallOptions) => {
    const { signature, adapter, signal, usage } = options
    const { url, headers } = await envelope
    const asked = {
      model,
      messages,
      stream: true,
      ...(usage && { stream_options: { include_usage: true } }),
      ...(adapter === 'json' && { response_format: responseFormat(signature) }),
    }
    const answer = await post(dispatcher, url, {
      headers,
      body: JSON.stringify(asked),
      signal,
    }).catch((cause) => {
      signal.throwIfAborted()
      return failedToConnect(cause)
    })
    const body = decoded(answer.body, answer.headers['content-encoding'])
    if (answer.status >= 300) {
      const words = await textOf(body)
      signal.throwIfAborted()
      const told = { model, strike }
      const error = refusal(answer.status, new Headers(answer.headers as Record<string, string>), words, told)
      if (adapter === 'json' && refused.note(error, answer.status, words, options)) {
        throw new FormRefused('The endpoint takes no response_format.', { cause: error })
      }
      throw error
    }
    if (!/^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '')) {
      body.destroy()
      throw new RunError('upstream_bad_response')
    }
    return body
  }

  return {
    model: { provider: 'openai', name: model },

    close: () => dispatcher.destroy(),

    takes: (form) => refused.takes(form),

    async *stream(messages, options) {
      const { signal, usage } = options
      const body = await open(messages, options)
      const chunks = new ChatChunks({ model, maxEventChars: 6 * maxCompletionChars + 65_536, strike })
      const isComplete = () => chunks.isDone || (chunks.isFinished && (!usage || chunks.usage !== undefined))
      let grace: NodeJS.Timeout | undefined
      let inThisTurn = 0
      /** Whether the consumer has left the loop: it has what it wants, though the stream goes on. */
      let isLeft = true
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
        isLeft = false
      } catch (cause) {
        isLeft = false
        signal.throwIfAborted()
        if (!chunks.isFinished) {
          throw cause instanceof RunError ? cause : new RunError('upstream_truncated', { cause })
        }
      } finally {
        clearTimeout(grace)
        if (isComplete() || (isLeft && !signal.aborted)) settle(body, chunks)
        else body.destroy()
      }
      signal.throwIfAborted()
      yield chunks.end()
    },
  }
}

/**
 * Reads what is left of a body whose completion is over, so that its connection can be used again. Not for long, not
 * much, and not while the model writes on: then the request ends, and with it what is paid for.
 */
async function settle(body: AnswerBody, chunks: ChatChunks): Promise<void> {
  const timer = setTimeout(body.destroy, GRACE_MS)
  let bytes = 0
  try {
    for (let pieces = await body.read(); pieces; pieces = await body.read()) {
      for (const piece of pieces) bytes += piece.byteLength
      const deltas = chunks.isFinished ? [] : chunks.push(pieces)
      const writesOn = deltas.some((delta) => 'text' in delta && delta.text.trim() !== '')
      if (writesOn || chunks.failure || bytes > MAX_EPILOGUE) return body.destroy()
    }
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

/** Failures to get an answer that are of this machine's making: no descriptors, memory or ports are left. */
const OWN_FAULTS: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL'])

/** undici's word for `100 Continue`, which it can't read (RFC 9110 §15.2.1 allows servers to send it unasked). */
const isContinue = (cause: Error) => cause instanceof errors.SocketError && cause.message === 'bad response'

function failedToConnect(cause: Error & { code?: unknown }): never {
  if (OWN_FAULTS.has(cause.code)) throw new RunError('internal', { cause })
  if (isContinue(cause)) {
    const message = "The model's endpoint answered '100 Continue', which wasn't asked for and can't be read."
    throw new RunError('upstream_bad_response', { cause, message })
  }
  if (cause instanceof errors.HeadersOverflowError) {
    const message = "The headers of the endpoint's answer are too large."
    throw new RunError('upstream_bad_response', { cause, message })
  }
  const isNoHttp = cause instanceof errors.HTTPParserError // something answered, but not in HTTP
  throw new RunError(isNoHttp ? 'upstream_bad_response' : 'upstream_unreachable', { cause })
}
