/**
 * A real HTTP server that speaks OpenAI's chat completions and does exactly what a test's script says: which
 * bytes, when, and how the connection ends. It records what it saw.
 */
import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How either format begins the sentence that lists the fields. */
const ASKS = /Answer with (?:the fields|one JSON object)/

export type ChatRequest = {
  readonly model: string
  readonly stream: boolean
  readonly stream_options?: { include_usage?: boolean }
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly response_format?: {
    readonly type: string
    readonly json_schema: {
      readonly name: string
      readonly strict: boolean
      readonly schema: { readonly properties: Readonly<Record<string, { readonly type?: unknown }>> }
    }
  }
  /** Settings, under the endpoint's own names. */
  readonly [setting: string]: unknown
}

/** What a script gets of each request, in the order of arrival. */
export class Exchange {
  readonly index: number
  readonly headers: IncomingHttpHeaders
  readonly body: ChatRequest
  readonly response: ServerResponse
  /** True while neither side has ended it. */
  isOpen = true
  /** True when the service went away before the script had ended its answer. */
  wasAborted = false
  /** Settles when the exchange is over, however that came. */
  readonly closed: Promise<void>

  constructor(index: number, headers: IncomingHttpHeaders, body: ChatRequest, response: ServerResponse) {
    this.index = index
    this.headers = headers
    this.body = body
    this.response = response
    // Not by `once`, which an error before it would reject.
    this.closed = new Promise((resolve) => {
      response.on('close', () => {
        this.isOpen = false
        this.wasAborted = !response.writableFinished
        resolve()
      })
    })
  }

  /** Whether it asks for one JSON object, not for fields between markers. */
  get isJson(): boolean {
    return this.#question.startsWith('{')
  }

  /** The fields that it asks for, in order, read off the prompt's last line. */
  get fields(): string[] {
    if (this.isJson) {
      const keys = this.#question.slice(this.#question.lastIndexOf('Its keys are'))
      return [...keys.matchAll(/"(\w+)"/g)].map(([, name]) => name as string)
    }
    const asked = this.#question.slice(this.#question.lastIndexOf('Answer with the fields'))
    return [...asked.matchAll(/\[\[ ## (\w+) ## \]\]/g)].map((match) => match[1] as string).slice(0, -1)
  }

  /** The field that the predictor is there for: its last. */
  get field(): string {
    return this.fields.at(-1) as string
  }

  /** The value of an input field, read off the prompt. */
  input(name: string): string {
    if (this.isJson) return JSON.parse(this.#question.split('\n', 1)[0] as string)[name]
    const after = this.#question.split(`[[ ## ${name} ## ]]\n`)[1] ?? ''
    return after.split(/\n\n(?:\[\[ ## |Answer with the fields)/)[0] as string
  }

  /** The last message that asks for fields: objections to what came of it may follow. */
  get #question(): string {
    return this.body.messages.findLast(({ content }) => ASKS.test(content))?.content ?? ''
  }

  /** Sends status and headers now. */
  open(headers: Record<string, string> = {}): this {
    this.response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
    this.response.flushHeaders()
    return this
  }

  /** Sends bytes as they are. */
  raw(bytes: string | Uint8Array): this {
    this.response.write(bytes)
    return this
  }

  /** Sends one chunk of a completion. */
  chunk(choice: object, rest: object = {}): this {
    return this.raw(eventOf({ choices: [{ index: 0, ...choice }], ...rest }))
  }

  /** Sends one piece of text. */
  delta(content: string): this {
    return this.chunk({ delta: { content }, finish_reason: null })
  }

  /** Sends a text in pieces of so many UTF-16 units. */
  deltas(text: string, size = 7): this {
    for (let at = 0; at < text.length; at += size) this.delta(text.slice(at, at + size))
    return this
  }

  /** Ends the completion as endpoints do: finish reason, usage where asked for, `[DONE]`, end of the body. */
  finish(reason = 'stop'): void {
    this.chunk({ delta: {}, finish_reason: reason })
    if (this.body.stream_options?.include_usage) {
      this.raw(
        eventOf({ model: this.body.model, choices: [], usage: { prompt_tokens: 12, completion_tokens: 34 } }),
      )
    }
    this.raw('data: [DONE]\n\n').response.end()
  }

  /**
   * Answers with a whole completion, in the format that is asked for.
   *
   * @param values of a `str` its text, of any other field its JSON text
   */
  answer(values: Record<string, string>, size?: number): void {
    this.open().deltas(this.#completion(values), size).finish()
  }

  #completion(values: Record<string, string>): string {
    if (!this.isJson) return completion(values)
    const types = this.body.response_format?.json_schema.schema.properties ?? {}
    return jsonCompletion(values, (name) => types[name]?.type === 'string')
  }

  /** Answers with an error status. */
  refuse(
    status: number,
    body: unknown = { error: { message: 'no' } },
    headers: Record<string, string> = {},
  ): void {
    this.response.writeHead(status, { 'content-type': 'application/json', ...headers })
    this.response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

  /** Cuts the connection with a TCP reset. */
  reset(): void {
    this.response.socket?.resetAndDestroy()
  }
}

/** One event of a completion's stream. */
export const eventOf = (chunk: object) =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', ...chunk })}\n\n`

/** A completion in the format that the prompt asks for. */
export function completion(values: Record<string, string>): string {
  const fields = Object.entries(values).map(([name, value]) => `[[ ## ${name} ## ]]\n${value}\n\n`)
  return `${fields.join('')}[[ ## completed ## ]]`
}

/** The same as one JSON object. */
function jsonCompletion(values: Record<string, string>, isText: (name: string) => boolean): string {
  const members = Object.entries(values).map(
    ([name, value]) => `"${name}": ${isText(name) ? JSON.stringify(value) : value}`,
  )
  return `{${members.join(', ')}}`
}

export type Script = (exchange: Exchange, upstream: Upstream) => unknown

/** Answers every predictor with a sentence that names its field and its question: tells runs apart. */
export const echo: Script = (exchange) => {
  exchange.answer(
    Object.fromEntries(exchange.fields.map((field) => [field, `${field} on ${exchange.input('question')}`])),
  )
}

/** Answers with a completion in pieces, each once the one before has been taken. */
export const atReadersPace =
  (values: Record<string, string>): Script =>
  async (exchange) => {
    exchange.open()
    const all = completion(values)
    for (let at = 0; at < all.length; at += 100_000) {
      exchange.delta(all.slice(at, at + 100_000))
      if (exchange.response.writableNeedDrain) await once(exchange.response, 'drain')
    }
    exchange.finish()
  }

/** Answers the predictor that writes `field` by a script of its own, and echoes the others. */
export const only =
  (field: string, script: Script): Script =>
  (exchange, upstream) =>
    exchange.field === field ? script(exchange, upstream) : echo(exchange, upstream)

/** Answers the first request of the predictor that writes `field` by a script, and echoes all others. */
export const onlyFirst = (field: string, script: Script): Script => {
  let isFirst = true
  return only(field, (exchange, upstream) => {
    if (!isFirst) return echo(exchange, upstream)
    isFirst = false
    return script(exchange, upstream)
  })
}

/** Sends a body as it is, byte for byte, and ends it. */
export const verbatim =
  (body: string | Uint8Array): Script =>
  (exchange) =>
    exchange.open().response.end(body)

/** Sends a completion in pieces of so many UTF-16 units, and finishes it. */
export const completing =
  (text: string, size?: number): Script =>
  (exchange) =>
    exchange.open().deltas(text, size).finish()

export class Upstream {
  readonly exchanges: Exchange[] = []
  readonly url: string
  readonly #server: Server
  readonly #arrivals = new EventEmitter()
  #script: Script

  private constructor(server: Server, script: Script) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    this.#server = server
    this.#script = script
  }

  static async start(script: Script = echo): Promise<Upstream> {
    const server = createServer(async (request, response) => {
      let text = ''
      for await (const piece of request.setEncoding('utf8')) text += piece
      const exchange = new Exchange(upstream.exchanges.length, request.headers, JSON.parse(text), response)
      response.on('error', () => {}) // the service may leave at any moment
      upstream.exchanges.push(exchange)
      upstream.#arrivals.emit('request', exchange)
      await upstream.#script(exchange, upstream)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const upstream = new Upstream(server, script)
    upstream.#arrivals.setMaxListeners(0)
    return upstream
  }

  get script(): Script {
    return this.#script
  }

  /** What the requests from now on get. */
  set script(script: Script) {
    this.#script = script
  }

  /** Exchanges that neither side has ended. */
  get open(): number {
    return this.exchanges.filter(({ isOpen }) => isOpen).length
  }

  /** The nth request, as soon as it is there, from 0. */
  async request(index: number): Promise<Exchange> {
    while (this.exchanges.length <= index) await once(this.#arrivals, 'request')
    return this.exchanges[index] as Exchange
  }

  /** The requests for the predictor that writes this field. */
  asking(field: string): Exchange[] {
    return this.exchanges.filter((exchange) => exchange.field === field)
  }

  /** Refuses connections from now on; those that are open stay. */
  stopListening(): void {
    this.#server.close()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }
}
