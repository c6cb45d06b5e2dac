/**
 * The variables of roles: `LM_FAST_MODEL`, `LM_FAST_BASE_URL`, `LM_FAST_API_KEY`, `LM_FAST_HEADERS` for the role `fast`.
 * What a role leaves out is the default's, but key and headers go to no address but the one that they were given for.
 */
import { z } from 'zod'
import { endpointHeaders, endpointKey, endpointUrl } from './endpoint.ts'

/** An endpoint, or the embedded model. */
export type ModelConfig =
  | { readonly provider: 'local' }
  | {
      readonly provider: 'openai'
      readonly model: string
      /** Undefined: OpenAI's own. */
      readonly baseURL: string | undefined
      readonly apiKey: string | undefined
      readonly headers: Readonly<Record<string, string>> | undefined
    }

export type EndpointConfig = Extract<ModelConfig, { provider: 'openai' }>

/** The model name that means the embedded model, where a role has neither address nor key. */
const EMBEDDED = 'local'

const variables = z.object({
  MODEL: z.string().optional(),
  BASE_URL: endpointUrl.optional(),
  API_KEY: endpointKey.optional(),
  HEADERS: endpointHeaders.optional(),
})

const PATTERN = new RegExp(`^LM_([A-Z][A-Z0-9_]*?)_(${Object.keys(variables.shape).join('|')})$`)

/** The variables that a role has, such as `LM_FAST_MODEL`. */
export const variablesOfRole = (role: string): string[] =>
  Object.keys(variables.shape).map((name) => `LM_${role.toUpperCase()}_${name}`)

export type RoleFault = { readonly variable: string; readonly message: string }

/**
 * @param environment the variables that are set
 * @param standard the default's endpoint, and whether its key or its address is set
 * @returns the model of each role that has one of its own, by the role's name, and what is wrong
 */
export function readRoles(
  environment: Readonly<Record<string, string | undefined>>,
  standard: EndpointConfig & { readonly isSet: boolean },
): { roles: Readonly<Record<string, ModelConfig>>; faults: readonly RoleFault[] } {
  const roles: Record<string, ModelConfig> = {}
  const faults: RoleFault[] = []
  for (const [role, set] of variablesByRole(environment)) {
    const variable = (name: string) => `LM_${role.toUpperCase()}_${name}`
    if (role === 'default') {
      const message = "no role is named default: the default's variables are OPENAI_… and LM_HEADERS"
      faults.push(...Object.keys(set).map((name) => ({ variable: variable(name), message })))
      continue
    }
    const result = variables.safeParse(set)
    if (!result.success) {
      faults.push(
        ...result.error.issues.map(({ path, message }) => ({ variable: variable(path.join('.')), message })),
      )
      continue
    }
    const { MODEL, BASE_URL, API_KEY, HEADERS } = result.data
    const hasEndpoint = BASE_URL !== undefined || API_KEY !== undefined
    if (!hasEndpoint && MODEL === EMBEDDED) {
      roles[role] = { provider: 'local' }
      continue
    }
    if (!hasEndpoint && !standard.isSet) {
      const message = `there is no endpoint for it: set ${variable('BASE_URL')} or ${variable('API_KEY')}`
      faults.push({ variable: variable(Object.keys(set)[0] as string), message })
      continue
    }
    const baseURL = BASE_URL ?? standard.baseURL
    const isOfDefault = originOf(baseURL) === originOf(standard.baseURL)
    roles[role] = {
      provider: 'openai',
      model: MODEL ?? standard.model,
      baseURL,
      apiKey: API_KEY ?? (isOfDefault ? standard.apiKey : undefined),
      headers: HEADERS ?? (isOfDefault ? standard.headers : undefined),
    }
  }
  return { roles, faults }
}

function variablesByRole(environment: Readonly<Record<string, string | undefined>>) {
  const roles = new Map<string, Record<string, string>>()
  for (const [variable, value] of Object.entries(environment)) {
    const [, role, name] = PATTERN.exec(variable) ?? []
    if (role === undefined || name === undefined || value === undefined) continue
    const key = role.toLowerCase()
    roles.set(key, { ...roles.get(key), [name]: value })
  }
  return roles
}

/** Scheme, host and port: another port is another service. */
const originOf = (baseURL: string | undefined) => (baseURL === undefined ? 'OpenAI' : new URL(baseURL).origin)
