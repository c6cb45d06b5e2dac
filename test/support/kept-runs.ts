/** What tests do with runs on the page that the service keeps. */
import type { Locator, Page } from 'playwright-core'
import { ask, holds, written } from './browser.ts'
import type { Service } from './service.ts'
import type { Exchange } from './upstream.ts'

/** Writes the beginning of an answer of `oneCall`, and no more by itself. */
export const begin = (exchange: Exchange) =>
  exchange.open().delta('[[ ## reasoning ## ]]\nHm\n\n[[ ## answer ## ]]\nSo far')

export const answer = (page: Page): Locator => written(page, 'answerer')

/** The id of the run that the page's address names. */
export const runIn = (page: Page): string | null => new URL(page.url()).searchParams.get('run')

export const connection = (page: Page): Locator =>
  page.locator('.connection').getByText('Connection lost; trying again…')

/** Asks, and waits until the answer has begun and the address names the run. */
export async function askAndBegin(page: Page, service: Service, words = 'why?'): Promise<Exchange> {
  await ask(page, words)
  await holds(answer(page), 'So far')
  await page.waitForURL(/[?&]run=[\w-]{22}/)
  return service.upstream.request(service.upstream.exchanges.length - 1)
}

type Entry = { readonly text: string; readonly standing: string }

/** Waits until the history that the browser keeps is so. */
export async function untilKept(page: Page, isSo: (entries: readonly Entry[]) => boolean): Promise<void> {
  const entries = () =>
    page.evaluate(async () => {
      const [{ name = '' } = {}] = await indexedDB.databases()
      return new Promise<Entry[]>((resolve) => {
        const opening = indexedDB.open(name)
        opening.onsuccess = () => {
          const asking = opening.result.transaction('entries').objectStore('entries').getAll()
          asking.onsuccess = () => {
            opening.result.close()
            resolve(asking.result)
          }
        }
      })
    })
  while (!isSo(await entries()))
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
}

/** Waits until the browser keeps runs, and all of them stand so. */
export const keptAs = (page: Page, standing: string): Promise<void> =>
  untilKept(page, (entries) => entries.length > 0 && entries.every((one) => one.standing === standing))
