/** The names of the adapters, as predictors and the configuration choose them. */

export const ADAPTER_NAMES = ['chat', 'json'] as const

export type AdapterName = (typeof ADAPTER_NAMES)[number]
