/** A run's frames as the messages of a WebSocket, one for each. */
import type { Outlet } from '../async/channel.ts'
import type { Frame } from '../core/frame.ts'
import { Batches } from './batches.ts'
import { FrameTexts } from './native.ts'

/** What is needed of a WebSocket. */
export type MessageSocket = {
  /** @param taken called when the network has the message, or never will */
  send(text: string, taken?: (error?: Error | null) => void): void
  ping(): void
  once(event: 'close', listener: () => void): unknown
}

/** What is needed of the connection under it. */
export type CorkableConnection = { cork(): void; uncork(): void }

export type SocketFramesOptions = {
  /** Milliseconds of silence after which a ping is sent, so that proxies keep the connection open. */
  readonly heartbeatMs: number
  /** Called once the last frame has been handed to the network. */
  readonly onSent: () => void
  /** Called when a frame can't be sent any more: the socket is closed, or about to be. */
  readonly onLost: () => void
}

/**
 * Sends frames for as long as the socket is open. The next batch is taken when the one before has been handed to the network:
 * a reader who takes nothing holds up the run.
 *
 * @param connection what the socket was made of
 */
export function sendToSocket(
  socket: MessageSocket,
  connection: CorkableConnection,
  frames: Outlet<Frame>,
  { heartbeatMs, onSent, onLost }: SocketFramesOptions,
): void {
  const texts = new FrameTexts()
  const onTaken = (error?: Error | null) => {
    if (error) onLost()
    else if (batches.isOver) onSent()
    else batches.ask()
  }
  const batches = new Batches(frames, {
    onBatch(batch) {
      // One write for all of them: each message would otherwise be a packet of its own.
      connection.cork()
      const last = batch.length - 1
      for (let at = 0; at < last; at++) socket.send(texts.of(batch[at] as Frame))
      if (last >= 0) socket.send(texts.of(batch[last] as Frame), onTaken)
      connection.uncork()
      if (last < 0) onTaken()
    },
    onSilence: () => socket.ping(),
    silenceMs: heartbeatMs,
  })
  socket.once('close', () => batches.end())
  batches.ask()
}
