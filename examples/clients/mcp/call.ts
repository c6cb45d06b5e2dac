/** Calls a program as a tool, with the client of MCP's own SDK: npm install @modelcontextprotocol/sdk */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const url = new URL('/mcp', process.env.TRIBUTARY_URL ?? 'http://127.0.0.1:8000')
const client = new Client({ name: 'example', version: '1.0.0' })
await client.connect(new StreamableHTTPClientTransport(url))
const { tools } = await client.listTools()
console.log('tools:', tools.map(({ name }) => name).join(', '))
const call = { name: 'parallel-composer', arguments: { question: process.argv[2] ?? 'Why?' } }
const result = await client.callTool(call, undefined, {
  onprogress: ({ message }) => console.log(message),
  timeout: 300_000, // milliseconds; 60,000 is too little for a slow model
})
console.log(result.isError ? 'failed:' : 'answer:', result.structuredContent ?? result.content)
await client.close()
