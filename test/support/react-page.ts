/** A page in a real browser with a real React, and the hook as it is shipped: what an app has, without its bundler. */
import '../../scripts/build.ts' // makes the hook
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { openTab } from './browser.ts'

const BUILT = fileURLToPath(new URL('../../dist/browser/', import.meta.url))
const require = createRequire(import.meta.url)

/** The development builds, whose checks are what a test is there for. */
const REACT: Readonly<Record<string, string>> = {
  react: 'react/cjs/react.development.js',
  'react-dom': 'react-dom/cjs/react-dom.development.js',
  'react-dom/client': 'react-dom/cjs/react-dom-client.development.js',
  scheduler: 'scheduler/cjs/scheduler.development.js',
}

const IMPORTS = {
  ...Object.fromEntries(Object.keys(REACT).map((name) => [name, `/modules/${name}`])),
  'tributary/react': '/react.js',
}

const PAGE = `<!doctype html><html lang="en"><title>app</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script><div id="root"></div></html>`

/** Opens it. Its imports of React and of `tributary/react` find them. The service is asked from another origin. */
export async function openReactPage(t: TestContext, services: readonly { url: string }[]): Promise<Page> {
  const server = createServer(async ({ url = '/' }, response) => {
    const [type, text] =
      url === '/' ? ['text/html', PAGE] : (['text/javascript', await moduleOf(url)] as const)
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return await openTab(t, { url }, '/', {}, services)
}

async function moduleOf(path: string): Promise<string> {
  const name = path.replace(/^\/modules\//, '')
  return name === path ? await readFile(join(BUILT, path), 'utf8') : await asModule(name)
}

/** React is CommonJS, which browsers don't read. */
async function asModule(name: string): Promise<string> {
  const [folder, ...path] = (REACT[name] as string).split('/')
  const text = await readFile(join(dirname(require.resolve(`${folder}/package.json`)), ...path), 'utf8')
  const needed = [...new Set([...text.matchAll(/require\("([^"]+)"\)/g)].map(([, one]) => one as string))]
  const exported = Object.keys(require(name)).filter((one) => one !== 'default')
  return `${needed.map((one, index) => `import needed${index} from '${one}'`).join('\n')}
const needed = { ${needed.map((one, index) => `'${one}': needed${index}`).join(', ')} }
const module = { exports: {} }
;((exports, require, process) => {
${text}
})(module.exports, (name) => needed[name], { env: { NODE_ENV: 'development' } })
export default module.exports
export const { ${exported.join(', ')} } = module.exports`
}
