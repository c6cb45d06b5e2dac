/**
 * `npm run dev`: the service, started again whenever something changes of which it is made: its sources, the page, the
 * programs and what they import, and `.env`. A service that can't start is started again after the next change.
 *
 * It isn't `node --watch`, which knows no file that isn't imported, such as the page or a program that is new in its
 * folder, and which crashes when it is stopped (Node 26.10).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, type FSWatcher, readFileSync, watch } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'

/** Milliseconds in which one save makes several events. */
const SETTLED_MS = 100

/** Milliseconds that the service has to end: what runs in a program may be a loop without an end. */
const STOP_MS = 5_000

const ENV_FILE = '.env'
const SOURCE = /\.(m?[jt]s|json|html|css|svg)$/

const url = (path: string) => new URL(path, import.meta.url)

const watchers = new Map<string, FSWatcher>()
let settled: NodeJS.Timeout | undefined
let service = start()
let isStopping = false

watchFolder('.')
for (const room of ['client', 'playground']) watchFolder(fileURLToPath(url(`../src/${room}`)))
for (const folder of programFolders()) watchFolder(folder)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, async () => {
    for (const watcher of watchers.values()) watcher.close()
    clearTimeout(settled)
    isStopping = true
    await stop(service)
    process.exit(0)
  })
}

function start(): ChildProcess {
  const imports = ['report-imports.ts', 'build.ts'].flatMap((name) => ['--import', url(name).href])
  const command = fileURLToPath(url('../src/tributary.ts'))
  const child = spawn(process.execPath, [...imports, command, 'serve'], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { DRAIN_MS: '0', ...process.env }, // whoever has changed something waits for no old answer
  })
  child.on('message', (folder: string) => watchFolder(folder))
  return child
}

async function restart(): Promise<void> {
  if (isStopping) return // it will start with what has just changed
  isStopping = true
  await stop(service)
  isStopping = false
  service = start()
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await once(child, 'exit')
  clearTimeout(timer)
}

/** Not what is below it: a program may stand beside a `node_modules`. */
function watchFolder(folder: string): void {
  const path = resolve(folder)
  if (watchers.has(path) || !existsSync(path)) return
  const watcher = watch(path, (_event, name) => {
    if (name !== ENV_FILE && !SOURCE.test(name ?? '')) return
    clearTimeout(settled)
    settled = setTimeout(restart, SETTLED_MS)
  })
  watchers.set(path, watcher)
}

/** Where programs and the state of one are, whether or not they could be loaded. */
function programFolders(): string[] {
  const file = existsSync(ENV_FILE) ? parseEnv(readFileSync(ENV_FILE, 'utf8')) : {}
  const { PROGRAM, PROGRAMS, PROGRAM_STATE } = { ...file, ...process.env }
  return [
    ...[PROGRAM, PROGRAM_STATE].flatMap((path) => (path ? [dirname(path)] : [])),
    ...(PROGRAMS ? [PROGRAMS] : []),
  ]
}
