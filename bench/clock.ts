/** Microseconds of the machine's monotonic clock. All processes share it, so one may subtract what another wrote. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
