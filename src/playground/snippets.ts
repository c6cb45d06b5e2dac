/** Code that asks what the page asks: for a shell, and for a browser's console or Node. */
import type { Asked } from './run-record.ts'

export type Snippet = Asked & {
  readonly url: URL
  readonly include: readonly string[]
  /** Whether the service wants a key. The code has a placeholder for it, since people share code. */
  readonly hasKey: boolean
}

const at = ({ url, program }: Snippet) =>
  new URL(program === undefined ? 'v1/stream' : `v1/programs/${program}/stream`, url).href

/** A shell changes nothing inside single quotes. A single quote itself has to stand outside them. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

export function curlCode(asked: Snippet): string {
  const { inputs, include, hasKey } = asked
  return [
    `curl -N ${quoted(at(asked))} \\`,
    `  -H 'content-type: application/json' \\`,
    ...(hasKey ? [`  -H "authorization: Bearer $TRIBUTARY_API_KEY" \\`] : []),
    `  -d ${quoted(JSON.stringify({ ...inputs, include }))}`,
  ].join('\n')
}

/** Reads events in three lines, without a library: the service sends each one as exactly one `data:` line. */
export function fetchCode(asked: Snippet): string {
  const { url, inputs, include, hasKey } = asked
  const key = hasKey ? ", authorization: 'Bearer YOUR-KEY'" : ''
  return `const response = await fetch(${JSON.stringify(at(asked))}, {
  method: 'POST',
  headers: { 'content-type': 'application/json'${key} },
  body: JSON.stringify(${JSON.stringify({ ...inputs, include })}),
})
if (!response.ok) throw new Error((await response.json()).detail)

let rest = ''
for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split('\\n')
  rest = lines.pop()
  for (const line of lines) {
    if (!line.startsWith('data: {')) continue // blank lines, keep-alive comments, [DONE]
    const frame = JSON.parse(line.slice('data: '.length))
    console.log(frame)
  }
}

// With types, and a state to render: import { streamRun, reduceRun } from ${JSON.stringify(new URL('client.js', url).href)}
`
}
