/** What a page keeps from those who can't see it, or can't see it well. */
import { createRequire } from 'node:module'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Page } from 'playwright-core'
import { isTooWide } from './browser.ts'

/** The script to add to a page, whose policy has to be bypassed for it. */
export const axe = createRequire(import.meta.url).resolve('axe-core')

/** From a phone to a large screen, in pixels. */
const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1600, height: 900 },
  { width: 1280, height: 800 },
] as const

/** What axe finds serious or critical. */
export async function findings(page: Page, options: RunOptions = {}): Promise<string[]> {
  const { violations } = await page.evaluate(
    (options) =>
      (window as never as { axe: { run: (options: RunOptions) => Promise<AxeResults> } }).axe.run(options),
    { resultTypes: ['violations' as const], ...options },
  )
  return seriousIn(violations)
}

/** The same in both themes, which differ in nothing but colours. */
export async function findingsInThemes(page: Page): Promise<string[]> {
  const light = await findings(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  const dark = await findings(page, { runOnly: ['color-contrast'] })
  await page.emulateMedia({ colorScheme: 'light' })
  return [...light, ...dark.map((one) => `dark, ${one}`)]
}

/** The same at every width, where nothing may lie outside of the window. */
export async function findingsEverywhere(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const size of SIZES) {
    await page.setViewportSize(size)
    const here = [...(await findingsInThemes(page)), ...((await isTooWide(page)) ? ['too wide'] : [])]
    found.push(...here.map((one) => `${size.width} px, ${one}`))
  }
  return found
}

/** The elements of violations that are serious or critical. */
export function seriousIn(violations: AxeResults['violations']): string[] {
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}
