/** Debian's nginx with the configuration that is shipped, before instances of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from './free-port.ts'

const shipped = readFileSync(new URL('../../deploy/nginx.conf', import.meta.url), 'utf8')

/**
 * Starts it on a free port; it is killed when the test ends.
 *
 * @param instances addresses of two, in the order in which they get the first requests
 * @param options.path the one under which they are, without a slash at its end: the root if there is none
 * @param options.silence how long an instance may be silent, in words of nginx
 * @returns its own address and that path, once it listens
 */
export async function startNginx(
  t: TestContext,
  instances: readonly [string, string],
  {
    path = '',
    silence = '60s',
  }: { readonly path?: string | undefined; readonly silence?: string | undefined } = {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-nginx-'))
  chmodSync(folder, 0o755) // started by root, its workers are another user's, and keep long bodies in it
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration({ folder, port, instances, path, silence }))
  const child = spawn('/usr/sbin/nginx', ['-c', file, '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said = collect(child)
  t.after(async () => {
    // Asked, not killed: its workers end with it.
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true })
  })
  const url = `http://127.0.0.1:${port}${path}`
  // Nothing tells of the moment. A request would take the turn of the first one of the test.
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said()}`)
  }
  return url
}

type Setting = {
  readonly folder: string
  readonly port: number
  readonly instances: readonly string[]
  readonly path: string
  readonly silence: string
}

/** What is shipped, but for addresses and places. Fails if one of them isn't in it. */
function configuration({ folder, port, instances, path, silence }: Setting): string {
  let text = shipped
  const replace = (from: string, to: string) => {
    if (!text.includes(from)) throw new Error(`deploy/nginx.conf has no '${from}'`)
    text = text.replaceAll(from, to)
  }
  replace('listen 8080;', `listen 127.0.0.1:${port};`)
  replace('/tmp/', `${folder}/`)
  replace('access_log /dev/stdout;', 'access_log off;')
  replace('proxy_read_timeout 60s;', `proxy_read_timeout ${silence};`)
  // One worker, since each counts for itself whose turn it is.
  replace('worker_processes auto;', 'worker_processes 1;')
  for (const [index, url] of instances.entries()) replace(`tributary-${index + 1}:8000`, new URL(url).host)
  if (path === '') return text
  for (const location of ['/', '/v1/']) {
    replace(
      `location ${location} {\n      proxy_pass http://tributary;`,
      `location ${path}${location} {\n      proxy_pass http://tributary${location};`,
    )
  }
  return text
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

function collect(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (piece) => {
    text += piece
  })
  return () => text
}
