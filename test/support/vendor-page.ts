/**
 * A page that imports packages of `test/vendors`, in one module: what a bundler of an app would make of it, with the one
 * that is here.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Plugin, rollup } from '@rollup/wasm-node'
import { transform } from 'oxc-transform'

const VENDORS = fileURLToPath(new URL('../vendors/', import.meta.url))

/** What packages are asked for, as bundlers do for browsers. */
const CONDITIONS = new Set(['browser', 'import', 'development'])

/** @param path of a module whose packages are those of `test/vendors` */
export async function vendorModule(path: string): Promise<string> {
  const bundle = await rollup({ input: path, plugins: [forBrowsers], onwarn: () => {} })
  const { output } = await bundle.generate({ format: 'es' })
  await bundle.close()
  return output[0].code
}

const forBrowsers: Plugin = {
  name: 'for-browsers',
  resolveId(specifier, importer) {
    if (importer === undefined) return specifier
    const from = importer.includes('node_modules') ? importer : VENDORS
    const options = { conditions: CONDITIONS }
    return createRequire(from).resolve(specifier, options as unknown as { paths: string[] }) // its types are older
  },
  async load(path) {
    const text = (await readFile(path, 'utf8')).replaceAll('process.env.NODE_ENV', '"development"')
    if (extname(path) === '.tsx') return (await transform(path, text, { lang: 'tsx' })).code
    return /^(import|export)\b/m.test(text) ? text : asModule(path, text)
  },
}

/** CommonJS, which browsers don't read. */
function asModule(path: string, text: string): string {
  const specifiers = [...text.matchAll(/require\(["']([^"']+)["']\)/g)].map(([, one]) => one as string)
  const needed = [...new Set(specifiers)].filter((one) => !one.endsWith('.production.js'))
  const exported = Object.keys(createRequire(path)(path)).filter(
    (one) => /^[A-Za-z_]\w*$/.test(one) && one !== 'default',
  )
  return `${needed.map((one, index) => `import * as needed${index} from '${one}'`).join('\n')}
const needed = { ${needed.map((one, index) => `'${one}': needed${index}.default`).join(', ')} }
const module = { exports: {} }
;((module, exports, require) => {
${text}
})(module, module.exports, (name) => needed[name])
export default module.exports
const own = module.exports
${exported.map((one, index) => `const own${index} = own['${one}']\nexport { own${index} as ${one} }`).join('\n')}`
}

/** Serves a page that runs a module. */
export async function servePage(
  scope: { after(work: () => void): void },
  code: string,
): Promise<{ readonly url: string }> {
  const page =
    '<!doctype html><html lang="en"><title>page</title><link rel="icon" href="data:,"><div id="root"></div>' +
    '<script type="module" src="/page.js"></script></html>'
  const server = createServer(({ url = '/' }, response) => {
    const isModule = url === '/page.js'
    const type = isModule ? 'text/javascript' : 'text/html'
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(isModule ? code : page)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
