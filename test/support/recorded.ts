/** Streams that real servers were seen to send, sent again. */
import { readFileSync } from 'node:fs'
import type { Script } from './upstream.ts'

const FOLDER = new URL('../fixtures/streams/', import.meta.url)

/** What a recording holds. The body is in the pieces in which it was sent, where those are known. */
type Recording = { readonly status: number; readonly type: string; readonly pieces: readonly string[] }

/** Answers as a server once did. */
export const recorded = (name: string): Script => {
  const { status, type, pieces } = read(name)
  return ({ response }) => {
    response.writeHead(status, { 'content-type': type })
    for (const piece of pieces) response.write(piece)
    response.end()
  }
}

/** The text of a recorded completion, and how it says that it ended. */
export function completionIn(name: string): { text: string; finishReason: string | undefined } {
  const choices = [
    ...read(name)
      .pieces.join('')
      .matchAll(/^data: (\{.*\})$/gm),
  ].flatMap(([, chunk = '']) => JSON.parse(chunk).choices)
  return {
    text: choices.map(({ delta }) => delta.content ?? '').join(''),
    finishReason: choices.findLast(({ finish_reason }) => finish_reason)?.finish_reason,
  }
}

function read(name: string): Recording {
  const all = readFileSync(new URL(`${name}.txt`, FOLDER), 'utf8')
  const end = all.indexOf('\r\n\r\n')
  if (!all.startsWith('HTTP/')) return { status: 200, type: 'text/event-stream', pieces: [all] }
  const head = all.slice(0, end)
  const body = all.slice(end + 4)
  return {
    status: Number(head.split(' ')[1]),
    type: /^content-type: (.*)$/im.exec(head)?.[1]?.trim() ?? '',
    pieces: body.endsWith('<<EOF>>') ? piecesOf(body) : [body],
  }
}

/** The HTTP chunks in a body: a length in hexadecimal, a line end, the chunk, a line end. All of them are ASCII. */
function piecesOf(body: string): string[] {
  const pieces: string[] = []
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', at)
    const length = lineEnd === -1 ? 0 : Number.parseInt(body.slice(at, lineEnd), 16)
    if (!(length > 0)) return pieces
    pieces.push(body.slice(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
}
