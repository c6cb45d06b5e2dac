/** `GET /v1/program`: what the program consists of, for front ends that lay out a run before it begins. */
import type { FastifyInstance } from 'fastify'
import { describe } from '../../core/describe.ts'
import type { Program } from '../../core/program.ts'

export function programRoute(app: FastifyInstance, program: Program): void {
  const description = describe(program)
  app.get('/v1/program', () => description)
}
