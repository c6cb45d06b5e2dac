/** The names of the adapters. */

/** Those that predictors and the configuration choose. */
export const ADAPTER_NAMES = ['chat', 'json'] as const

export type AdapterName = (typeof ADAPTER_NAMES)[number]

/** The adapter of predictors that have tools for the endpoint's own tool calling, where that is to be had. */
export const TOOL_CALLS = 'tool-calls'

/** The form of a completion: each has its adapter. */
export type FormName = AdapterName | typeof TOOL_CALLS
