/** What a page keeps from those who can't see it, or can't see it well. */
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

/** The script to add to a page, whose policy has to be bypassed for it. */
export const axe = createRequire(import.meta.url).resolve('axe-core')

/** What axe finds serious or critical. */
export async function findings(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(() =>
    (window as never as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  )
  return seriousIn(violations)
}

/** The elements of violations that are serious or critical. */
export function seriousIn(violations: AxeResults['violations']): string[] {
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}
