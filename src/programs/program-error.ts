/** What is wrong with the programs that the configuration names. */
import { ConfigError } from '../config.ts'

/** Says of every program that can't be loaded what is wrong with it, a line each, with file and place. */
export class ProgramError extends ConfigError {
  /** @param faults a sentence each, which names the file or the variable that it is about */
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
  }
}
