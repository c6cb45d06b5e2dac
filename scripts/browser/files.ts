/** The files for browsers: the typed client with its types, and the page. */
import { readFile } from 'node:fs/promises'
import type { Output } from '../build.ts'
import { clientTypes } from './client-types.ts'
import { browserModule } from './module.ts'

export async function browserFiles(): Promise<Record<Output, string>> {
  return {
    'client.js': await browserModule('client/index.ts'),
    'client.d.ts': await clientTypes(),
    'index.html': await ofPage('index.html'),
    'page.css': await ofPage('page.css'),
    'page.svg': await ofPage('page.svg'),
    'page.js': await browserModule('playground/page.ts'),
  }
}

const ofPage = (name: string) => readFile(new URL(`../../src/playground/${name}`, import.meta.url), 'utf8')
