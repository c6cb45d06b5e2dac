/** Which model a predictor asks, with what settings, and what it does when the answer is no good. */

import { check, type Settings, type SettingsOptions, settingsOf } from './settings.ts'
import type { AnyValues } from './signature-types.ts'

/** The role of the model that answers wherever a predictor names none. */
export const DEFAULT_ROLE = 'default'

/** The most attempts that a call can have: each is paid for. */
const MOST_ATTEMPTS = 10

export type AskingOptions<Out> = SettingsOptions & {
  /** The role of the model that is asked, such as `fast`. Which model that is, the service's configuration says. */
  readonly lm?: string
  /** Roles that are asked in turn where a model fails and another may not. */
  readonly fallbacks?: readonly string[]
  /**
   * How often a call may be asked in all: again after an objection of `check`, after an answer in a broken format, or
   * after a failure in mid-answer. Readers are told by a `reset` frame that what they have of the call is void. 1 unless
   * it is set.
   */
  readonly attempts?: number
  /**
   * What is wrong with an answer, in words that the model can act on; undefined where nothing is. The words are sent to
   * the model with the next attempt, and readers get to see them too. A check that throws ends the run with `internal`.
   */
  readonly check?: (outputs: Out) => string | undefined
}

export type Asking = {
  /** The roles that are asked, in order; one at least. */
  readonly roles: readonly string[]
  readonly settings: Settings
  /** Attempts in all, 1 to 10. */
  readonly attempts: number
  readonly check: ((outputs: AnyValues) => string | undefined) | undefined
}

/**
 * @returns the options, checked: types are stripped from a program, not checked
 * @throws TypeError that says what to change
 */
export function askingOf(options: AskingOptions<AnyValues>): Asking {
  const { lm = DEFAULT_ROLE, fallbacks = [], attempts = 1, check: objection } = options
  const aRole = 'the name of a role in lower case, such as fast: letters, digits and _'
  check('lm', lm, isRole, aRole)
  check('fallbacks', fallbacks, (list) => Array.isArray(list) && list.every(isRole), `a list, each ${aRole}`)
  const roles = [lm, ...fallbacks]
  check('fallbacks', roles, (list) => new Set(list).size === list.length, 'a list that names no role twice')
  check(
    'attempts',
    attempts,
    (value) => Number.isInteger(value) && value >= 1 && value <= MOST_ATTEMPTS,
    `a whole number from 1 to ${MOST_ATTEMPTS}`,
  )
  check('check', objection, (value) => typeof value === 'function', 'a function of the outputs')
  return { roles, settings: settingsOf(options), attempts, check: objection }
}

/** Each role has variables of its own, whose names are this one's in upper case. */
const isRole = (role: unknown) => typeof role === 'string' && /^[a-z]\w*$/.test(role) && !/[A-Z]/.test(role)

/** Whether a call asks the default model once and takes what comes: nearly every call does. */
export const asksOnce = ({ roles, attempts, check }: Asking) =>
  roles.length === 1 && roles[0] === DEFAULT_ROLE && attempts === 1 && !check

/** Whether a call may be asked again after it has said something, or has to know that it hasn't. */
export const mayAskAgain = ({ roles, attempts }: Asking) => roles.length > 1 || attempts > 1
