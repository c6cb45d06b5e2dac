/** Microseconds of the machine's monotonic clock, which all processes share: what one writes, another may subtract. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
