/** The files for browsers: the typed client and its React hook, with their types, and the page. */
import { readFile } from 'node:fs/promises'
import type { Output } from '../build.ts'
import { clientTypes, reactTypes } from './client-types.ts'
import { browserModule } from './module.ts'

/** In this order: paper changes what the others say, and nothing shows what is hidden. */
const STYLES = [
  'markdown/markdown.css',
  'page.css',
  'runs.css',
  'history/history.css',
  'print.css',
  'hidden.css',
]

/** The hook's own client would have errors of its own, of which those of the app's client are no instances. */
const BESIDE = { 'client/index.ts': './client.js' }

export async function browserFiles(): Promise<Record<Output, string>> {
  return {
    'client.js': await browserModule('client/index.ts'),
    'client.d.ts': await clientTypes(),
    'react.js': await browserModule('react/index.ts', BESIDE),
    'react.d.ts': await reactTypes(),
    'index.html': await ofPage('index.html'),
    'page.css': (await Promise.all(STYLES.map(ofPage))).join('\n'),
    'page.svg': await ofPage('page.svg'),
    'page.js': await browserModule('playground/page.ts'),
  }
}

const ofPage = (name: string) => readFile(new URL(`../../src/playground/${name}`, import.meta.url), 'utf8')
