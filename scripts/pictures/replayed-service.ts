/** The service, with a recorded run in place of every run: the page in front of it can't tell the difference. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Recording } from '../../src/client/index.ts'
import { encodeFrame, FrameEncoder, native } from '../../src/wire/native.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Serves until it is closed. Questions are answered with the recording, once, at its own pace. */
export async function replayedService({ head, frames }: Recording) {
  const service = spawn(process.execPath, ['src/server.ts'], {
    cwd: root,
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: '0',
      LM: 'openai',
      OPENAI_BASE_URL: 'http://127.0.0.1:9', // nobody asks it
      OPENAI_MODEL: head.model ?? 'a recorded run',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const behind = await addressOf(service)
  const server = createServer(async ({ method, url, headers }, response) => {
    if (method === 'POST') return replay(frames, response)
    const answer = await fetch(behind + url, { headers: { accept: headers.accept ?? '*/*' } })
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
      service.kill()
    },
  }
}

async function replay(frames: Recording['frames'], response: ServerResponse): Promise<void> {
  const begun = performance.now()
  response.writeHead(200, native.headers)
  for await (const { at, frame } of frames) {
    // The page asks for neither.
    if (frame.type === 'usage' || (frame.type === 'token' && frame.field === 'reasoning')) continue
    await sleep(Math.max(0, at - (performance.now() - begun)))
    response.write(encodeFrame(frame))
  }
  response.end(new FrameEncoder().end)
}

/** The address in the log line that says where the service listens. */
async function addressOf({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('The service has no output.')
  for await (const line of createInterface({ input: stdout })) {
    const address = /Server listening at (http:\/\/[\d.:]+)/.exec(line)?.[1]
    if (address === undefined) continue
    stdout.resume() // the rest of the log must not fill the pipe
    return address
  }
  throw new Error('The service ended before it listened.')
}
