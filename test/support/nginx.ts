/** Debian's nginx with the configuration that is shipped, before instances of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
 * @returns its own address, once it listens
 */
export async function startNginx(t: TestContext, instances: readonly [string, string]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-nginx-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration(folder, port, instances))
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
  const url = `http://127.0.0.1:${port}`
  // Nothing tells of the moment. A request would take the turn of the first one of the test.
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said()}`)
  }
  return url
}

/** What is shipped, but for addresses and places. Fails if one of them isn't in it. */
function configuration(folder: string, port: number, instances: readonly string[]): string {
  let text = shipped
  const replace = (from: string, to: string) => {
    if (!text.includes(from)) throw new Error(`deploy/nginx.conf has no '${from}'`)
    text = text.replaceAll(from, to)
  }
  replace('listen 8080;', `listen 127.0.0.1:${port};`)
  replace('/tmp/', `${folder}/`)
  replace('access_log /dev/stdout;', 'access_log off;')
  // One worker, since each counts for itself whose turn it is.
  replace('worker_processes auto;', 'worker_processes 1;')
  for (const [index, url] of instances.entries()) replace(`tributary-${index + 1}:8000`, new URL(url).host)
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
