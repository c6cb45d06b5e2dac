/** What programs consist of, for front ends that lay out a form or a run before it begins. */
import type { FastifyInstance } from 'fastify'
import type { Parts } from '../../compose.ts'
import { type Config, inputLimitsOf } from '../../config.ts'
import { describe } from '../../core/describe.ts'
import type { ProgramList } from '../../core/description.ts'
import type { NamedProgram } from '../../core/program.ts'

export function programRoutes(
  app: FastifyInstance,
  { programs, config }: Pick<Parts, 'programs'> & { config: Config },
): void {
  const prices = config.PRICES
  const describeOne = ({ name, program }: NamedProgram) => ({
    ...describe(name, program, inputLimitsOf(config)),
    ...(prices && { prices }),
  })
  const all: ProgramList = { default: programs.default.name, programs: programs.all.map(describeOne) }
  const ofDefault = describeOne(programs.default)
  app.get('/v1/program', () => ofDefault)
  app.get('/v1/programs', () => all)
  for (const description of all.programs) app.get(`/v1/programs/${description.name}`, () => description)
}
