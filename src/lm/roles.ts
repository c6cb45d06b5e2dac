/** Puts the models of roles beside the service's default. */
import type { LM } from '../core/lm.ts'

/**
 * @param lm the service's default
 * @param roles the models of roles that have one of their own; one may stand under several, and be the default
 * @returns the default, which loads and closes all of them
 */
export function withRoles(lm: LM, roles: ReadonlyMap<string, LM>): LM {
  if (roles.size === 0) return lm
  const all = [...new Set([lm, ...roles.values()])]
  return {
    ...lm,
    roles,
    async load() {
      await Promise.all(all.map((one) => one.load?.()))
    },
    async close() {
      await Promise.all(all.map((one) => one.close?.()))
    },
  }
}
