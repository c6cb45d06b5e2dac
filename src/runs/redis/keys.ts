/**
 * The keys in Redis. All of them have the hash tag of one partition, so that commands on several of them stay possible
 * in a cluster.
 */
const PREFIX = 'tributary:{0}:'

/** The log of a run: a stream. */
export const runKey = (id: string) => `${PREFIX}run:${id}`

/** Says that somebody has had a run forgotten, for as long as it could still be under way. */
export const erasedKey = (id: string) => `${PREFIX}erased:${id}`

/** The runs of one version of a program that are under way: a stream, whose pending entries are their leases. */
export const workKey = (fingerprint: string) => `${PREFIX}work:${fingerprint}`

/** Says that somebody has just looked for leases of a version that were left behind for so many milliseconds. */
export const lookKey = (fingerprint: string, ms: number) => `${PREFIX}look:${fingerprint}:${ms}`

/** The versions of programs that have such a stream: a set. */
export const VERSIONS = `${PREFIX}versions`

/** A text that is another one once the server has been emptied. */
export const EPOCH = `${PREFIX}epoch`

/** The id of the run that has a key of its client's. */
export const idempotencyKey = (digest: string) => `${PREFIX}idem:${digest}`

/** The id of a conversation's newest run. */
export const newestKey = (conversation: string) => `${PREFIX}newest:${conversation}`

/** The consumer group of a work stream. */
export const OWNERS = 'owners'
