/**
 * One POST through undici, with the answer read as the network brings it. Servers that flush every token send each as
 * an HTTP chunk, and undici's own body hands those out one by one, with promises around each. Here everything that one
 * read of the socket brought comes at once.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { Channel } from '../../async/channel.ts'

/** Bytes that may wait before the socket is paused: half of what one read of it may bring. */
const CAPACITY = 32 * 1024

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: AnswerBody
}

/** An answer's bytes, for one reader. */
export type AnswerBody = {
  /**
   * @returns what has come since the last read, as soon as there is something, in the pieces that HTTP split it into;
   *   undefined at the end
   * @throws the signal's reason when aborted; the connection's error, after everything that came before it
   */
  readonly read: () => Promise<readonly Buffer[] | undefined>
  /** Gives up on the rest and closes the connection. */
  readonly destroy: () => void
}

type Request = {
  readonly headers: Record<string, string>
  readonly body: string
  readonly signal: AbortSignal
}

/**
 * @param signal closes the connection, at any time
 * @returns the answer, as soon as its headers have come
 * @throws the signal's reason when aborted, at once; undici's errors
 */
export function post(dispatcher: Dispatcher, url: string, request: Request): Promise<Answer> {
  const { signal, ...rest } = request
  const { origin, pathname, search } = new URL(url)
  const pieces = new Channel<Buffer>(CAPACITY, ({ byteLength }) => byteLength)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  let connection: Dispatcher.DispatchController | undefined
  let error: Error | undefined

  const end = (cause?: Error) => {
    signal.removeEventListener('abort', onAbort)
    error ??= cause
    pieces.close()
    if (cause) reject(cause)
  }
  const giveUp = (reason: Error) => {
    end(reason)
    connection?.abort(reason)
  }
  const onAbort = () => giveUp(signal.reason)
  const body: AnswerBody = {
    async read() {
      const some = await pieces.take()
      signal.throwIfAborted() // even if something still waits
      if (!some && error) throw error
      return some
    },
    destroy: () => giveUp(new Error('The rest of the answer is not wanted.')),
  }

  if (signal.aborted) return Promise.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  dispatcher.dispatch(
    { origin, path: pathname + search, method: 'POST', ...rest },
    {
      onRequestStart(controller) {
        connection = controller
        if (error) controller.abort(error) // aborted before there was a connection
      },
      onResponseStart(_, status, headers) {
        if (status >= 200) resolve({ status, headers, body }) // lower ones are interim (RFC 9110 §15.2)
      },
      onResponseData(controller, piece) {
        const room = pieces.pushOne(piece)
        if (!room || controller.paused) return
        controller.pause()
        room.then(() => controller.resume())
      },
      onResponseEnd: () => end(),
      onResponseError: (_, cause) => end(cause),
    },
  )
  return promise
}
