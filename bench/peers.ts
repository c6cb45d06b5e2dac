/** Who takes part: the service, what it is compared with, and how each is started and read. */
import { readFileSync } from 'node:fs'
import type { Ask, Stream } from './load.ts'
import { Peer } from './processes.ts'
import { asIs, type Reading, readBytes, readFrames } from './reading.ts'

export const SERVICE = 'tributary'

export type Contender = {
  readonly name: string
  /** Its name in the table. */
  readonly title: string
  readonly path: string
  /** Left out: in the native dialect. */
  readonly ask?: Ask
  /** `nodeOptions`: for the service alone. */
  readonly start: (upstream: Peer, nodeOptions?: string) => Promise<Peer>
  readonly read: (stream: Stream) => Reading
}

/** What the service's defaults don't allow: this many streams, and silences longer than the idle limit. */
export const ENVIRONMENT = {
  MAX_STREAMS: '10000',
  LM_FIRST_TOKEN_TIMEOUT_MS: '600000',
  LM_IDLE_TIMEOUT_MS: '600000',
  RUN_TIMEOUT_MS: '600000',
  OPENAI_API_KEY: 'none',
  HOST: '127.0.0.1',
  PORT: '0',
}

const service: Contender = {
  name: SERVICE,
  title: '**Tributary** (`npm start`)',
  path: '/v1/stream',
  start: (upstream, nodeOptions = '') =>
    Peer.start(['npm', 'start'], {
      role: 'service',
      env: {
        ...ENVIRONMENT,
        OPENAI_BASE_URL: `${upstream.url}/v1`,
        NODE_OPTIONS: `--inspect-port=0 ${nodeOptions}`, // any port, if it is asked to open one
      },
      announcement: /(?=.*"msg":"Server listening at (http:[^"]+)").*"pid":(\d+)/,
    }),
  read: (stream) => readFrames(stream, asIs),
}

function library(name: string, title: string): Contender {
  return {
    name,
    title,
    path: '/v1/stream',
    start: (upstream) =>
      Peer.start([process.execPath, `bench/peers/${name}.ts`], {
        role: 'service',
        env: { UPSTREAM: `${upstream.url}/v1`, NODE_ENV: 'production' },
      }),
    read: (stream) => readFrames(stream, asIs),
  }
}

/** The installed version of a package in this folder. */
function versionOf(name: string): string {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).version
}

/** A contender that copies bytes, which can't be read as frames. */
const copying = (title: string, name: string, path: string, start: Contender['start']): Contender => ({
  name,
  title,
  path,
  start,
  read: readBytes,
})

export const contenders: readonly Contender[] = [
  copying(
    'no service: the client at the upstream itself',
    'direct',
    '/v1/chat/completions',
    async (upstream) => upstream,
  ),
  copying('bytes copied on bare sockets', 'proxy', '/v1/stream', library('proxy', '').start),
  copying('bytes copied by `node:http`', 'http-proxy', '/v1/stream', library('http-proxy', '').start),
  service,
  library('obvious', `openai ${versionOf('openai')}, \`for await\`, async generator, Fastify`),
  library('ai-sdk', `Vercel AI SDK ${versionOf('ai')}`),
  library('langgraph', `LangGraph.js ${versionOf('@langchain/langgraph')}`),
  library('ax', `Ax ${versionOf('@ax-llm/ax')}`),
]
