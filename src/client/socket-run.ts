/** Reads a run over a WebSocket, for where streams of events don't get through. The frames are the same. */
import type { Frame } from '../core/frame.ts'
import { describeProgram } from './describe-program.ts'
import { type Fault, IncompleteStreamError, NotTheServiceError, RefusedError } from './errors.ts'
import { framesIn } from './events.ts'
import { addressOf, type Connection } from './request.ts'

/** What the service chooses of the subprotocols: the other is the key, which it must not repeat. */
const PROTOCOL = 'tributary'

/** Of what is asked, what matters here. */
type SocketAsking = Connection & {
  readonly question?: string | undefined
  readonly inputs?: Readonly<Record<string, unknown>> | undefined
  readonly program?: string | undefined
  readonly include?: readonly string[] | undefined
  readonly onEvent?: ((data: string, id: string | undefined) => void) | undefined
}

/** A refusal comes as an error frame with a status. */
type Refused = {
  status?: number
  code: string
  message: string
  errors?: readonly Fault[]
  retry_after?: number | undefined
}

/**
 * @throws RefusedError, NotTheServiceError, IncompleteStreamError; what `fetch` throws when nothing answers; the signal's
 *   reason when it aborts
 */
export async function* socketFramesOf(asking: SocketAsking): AsyncGenerator<Frame, void, undefined> {
  const { signal, question, inputs = { question }, include, onEvent } = asking
  signal?.throwIfAborted()
  const socket = new WebSocket(socketAddress(asking), protocolsOf(asking.apiKey))
  const messages: string[] = []
  let isOpened = false
  let isClosed = false
  let wake: (() => void) | undefined
  const onAbort = () => wake?.()
  socket.onopen = () => {
    isOpened = true
    socket.send(JSON.stringify({ ...inputs, ...(include && { include }) }))
  }
  socket.onmessage = ({ data }) => {
    messages.push(String(data))
    wake?.()
  }
  socket.onclose = () => {
    isClosed = true
    wake?.()
  }
  signal?.addEventListener('abort', onAbort)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const arrived = messages.splice(0)
      for (const data of arrived) onEvent?.(data, undefined)
      for (const frame of framesIn(arrived.map((data) => ({ data, id: undefined })))) {
        if (frame.type === 'error') throwIfRefused(frame)
        yield frame
        if (frame.type === 'prediction' || frame.type === 'error') return
      }
      if (messages.length > 0) continue
      if (isClosed) throw isOpened ? cut() : await unopened(asking)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // A reader that stops ends the run: the service sees the socket closed.
    socket.close()
  }
}

function socketAddress({ url, program }: SocketAsking): URL {
  const address = addressOf(url, 'v1/ws')
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  if (program !== undefined) address.searchParams.set('program', program)
  return address
}

/** Browsers can set no header. A subprotocol is a token, so what no token has in it is percent-encoded. */
function protocolsOf(apiKey: string | undefined): string[] {
  if (apiKey === undefined) return [PROTOCOL]
  const encoded = encodeURIComponent(apiKey).replace(/[()]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)
  return [PROTOCOL, `${PROTOCOL}.key.${encoded}`]
}

function throwIfRefused({ status, code, message, errors, retry_after }: Refused): void {
  if (status === undefined) return
  throw new RefusedError(message, {
    status,
    code,
    ...(errors && { faults: errors }),
    retryAfter: retry_after,
  })
}

const cut = () => new IncompleteStreamError('The socket was closed before the run was over.')

/** Why there is no socket. Browsers tell pages nothing of it, so it asks for something that needs the same key. */
async function unopened({ url, apiKey, signal, fetch }: SocketAsking): Promise<Error> {
  await describeProgram({ url, apiKey, signal, fetch })
  return new NotTheServiceError(
    `${new URL(url).origin} gives no WebSocket: what stands in between may not pass it on, or this origin isn't let in.`,
  )
}
