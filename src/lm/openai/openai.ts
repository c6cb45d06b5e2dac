/**
 * Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama and so on.
 *
 * The `openai` package makes addresses, headers and error classes. The request goes out through undici and the answer
 * is read here: the package's own stream ends normally when it was aborted, cut or empty, hides the finish reason, and
 * takes several times as long to read.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import OpenAI from 'openai'
import { Agent, errors } from 'undici'
import type { Message } from '../../core/adapters/adapter.ts'
import { TOOL_CALLS } from '../../core/adapters/names.ts'
import { RunError } from '../../core/errors.ts'
import { type CallOptions, FormRefused, type LM, writtenIn } from '../../core/lm.ts'
import { striking } from '../../secrets.ts'
import { bodySettings, tokenLimitKey } from './body-settings.ts'
import { ChatChunks } from './chat-chunks.ts'
import { decoded } from './decoded.ts'
import { type AnswerBody, post } from './post.ts'
import { RefusedForms } from './refused-forms.ts'
import { responseFormat } from './response-format.ts'
import { ToolParameters } from './tool-parameters.ts'
import { errorOfStatus } from './upstream-errors.ts'

/**
 * Milliseconds that a stream may stay open after its model has finished. Some upstreams never close it. Reading a body
 * to its end is worth a short wait, because the next call can then use the connection.
 */
const GRACE_MS = 500

/**
 * Deltas after which everything else gets a turn. One read can bring more than a thousand, and dozens of waiting reads
 * would be handled in one go, while timers and other streams stand still.
 */
const DELTAS_PER_TURN = 1_000

/** Bytes that a stream may bring after its completion has ended: a finish reason, usage, `[DONE]`. */
const MAX_EPILOGUE = 16 * 1024

/** Characters of an error's body that are worth reading. */
const MAX_ERROR_BODY = 16 * 1024

export type OpenAIOptions = {
  /** Unset: OpenAI's own endpoint. */
  readonly baseURL: string | undefined
  /** Unset: no `authorization` header is sent. */
  readonly apiKey: string | undefined
  readonly model: string
  /** Sent with every request; names are in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Texts that no error may repeat. */
  readonly secrets?: readonly string[]
  /** The longest completion that will be accepted, in characters. It bounds the length of one event. */
  readonly maxCompletionChars: number
}

export function createOpenAILM({
  baseURL,
  apiKey,
  model,
  headers: extraHeaders,
  secrets = [],
  maxCompletionChars,
}: OpenAIOptions): LM {
  const client = new OpenAI({
    baseURL: baseURL ?? 'https://api.openai.com/v1',
    // Set, so that the package doesn't read them from the environment.
    organization: null,
    project: null,
    apiKey: apiKey ?? 'none', // the package requires one
    logLevel: 'off',
    ...(apiKey === undefined && { defaultHeaders: { authorization: null } }),
  })
  // A guard times silence; undici's own limits of 300 s would cut off slow local models. HTTP/1.1 only: an abort then
  // closes the socket, so even an upstream that ignores it can't keep sending.
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false })

  // The same for every call except for the body. Making it each time would be a tenth of the cost of a short run.
  const envelope = client
    .buildRequest({ method: 'post', path: '/chat/completions', body: {} })
    .then(({ req, url }) => ({
      url,
      // Without it, any encoding is acceptable (RFC 9110 §12.5.3), and some gateways then compress.
      headers: {
        ...Object.fromEntries(new Headers(req.headers)),
        ...extraHeaders,
        'accept-encoding': 'identity',
      },
    }))
  const limitKey = tokenLimitKey(client.baseURL)
  const strike = striking([apiKey, ...secrets])
  const refused = new RefusedForms()
  const parameters = new ToolParameters()

  /** Sends the request. Returns the answer's body once it is known to be a stream of events. */
  const open = async (messages: readonly Message[], options: CallOptions): Promise<AnswerBody> => {
    const { signature, adapter, signal, usage, settings = {}, tools } = options
    const { url, headers } = await envelope
    const asked = {
      ...bodySettings(settings, limitKey),
      model,
      messages,
      stream: true,
      ...(usage && { stream_options: { include_usage: true } }),
      ...(adapter === 'json' && { response_format: responseFormat(signature) }),
      ...(tools && adapter === TOOL_CALLS && parameters.of(tools)),
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
      const error = errorOfStatus(
        answer.status,
        new Headers(answer.headers as Record<string, string>),
        words,
        told,
      )
      if (adapter === TOOL_CALLS && parameters.note(asked, error, words)) return open(messages, options)
      if (refused.note(error, answer.status, words, options)) {
        throw new FormRefused(`The endpoint doesn't take the form '${adapter}'.`, { cause: error })
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
      /** Whether the consumer has left the loop: it has what it wants, although the stream goes on. */
      let isLeft = true
      try {
        for (let pieces = await body.read(); pieces; pieces = await body.read()) {
          const deltas = chunks.push(pieces)
          if (deltas.length > 0) yield deltas
          if (chunks.error) throw chunks.error
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
 * Reads the rest of a body whose completion is over, so that the connection can be used again. It gives up after a
 * short time, after a few bytes, or if the model keeps writing: ending the request then ends the cost.
 */
async function settle(body: AnswerBody, chunks: ChatChunks): Promise<void> {
  const timer = setTimeout(body.destroy, GRACE_MS)
  let bytes = 0
  try {
    for (let pieces = await body.read(); pieces; pieces = await body.read()) {
      for (const piece of pieces) bytes += piece.byteLength
      const deltas = chunks.isFinished ? [] : chunks.push(pieces)
      const writesOn = deltas.some((delta) => writtenIn(delta).trim() !== '')
      if (writesOn || chunks.error || bytes > MAX_EPILOGUE) return body.destroy()
    }
  } catch {
    // It broke off, and nobody needs the rest.
  } finally {
    clearTimeout(timer)
  }
}

/** As much of an error's body as can be read. One that breaks off or never ends must not hide the status. */
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
    // What has come must do.
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
  return text
}

/** Connection errors that are this machine's own: it is out of descriptors, memory or ports. */
const OWN_ERRORS: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL'])

/** undici's error for `100 Continue`, which it can't read. RFC 9110 §15.2.1 allows servers to send it unasked. */
const isContinue = (cause: Error) => cause instanceof errors.SocketError && cause.message === 'bad response'

function failedToConnect(cause: Error & { code?: unknown }): never {
  if (OWN_ERRORS.has(cause.code)) throw new RunError('internal', { cause })
  if (isContinue(cause)) {
    const message = "The model's endpoint answered '100 Continue', which wasn't asked for and can't be read."
    throw new RunError('upstream_bad_response', { cause, message })
  }
  if (cause instanceof errors.HeadersOverflowError) {
    const message = "The headers of the endpoint's answer are too large."
    throw new RunError('upstream_bad_response', { cause, message })
  }
  const isNotHttp = cause instanceof errors.HTTPParserError // something answered, but not in HTTP
  throw new RunError(isNotHttp ? 'upstream_bad_response' : 'upstream_unreachable', { cause })
}
