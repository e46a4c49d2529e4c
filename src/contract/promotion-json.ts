// Promotions as JSON, one by one: a bad one is a row of the import's report and never stops a good one.
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type Type from 'typebox'
import { type Refusal, refuse } from '../core/refusal.ts'
import { PortablePromotion as schema } from './promotion-code.ts'

/** A promotion as it is exported and imported. */
type Portable = Type.Static<typeof schema>

let compiled: ValidateFunction<Portable> | null = null

/** Reads whatever was sent as a promotion; the refusal (`invalid`) names the faulty path in it. */
export function readPortable(item: unknown): Portable | Refusal {
  compiled ??= compile()
  const isPortable = compiled
  if (isPortable(item)) return item
  const told = (isPortable.errors ?? []).filter((error) => error.keyword !== 'anyOf')
  // In a union the error that got furthest is the one that was meant.
  const error = told.reduce<(typeof told)[number] | undefined>(
    (best, each) => (best === undefined || depthOf(each) > depthOf(best) ? each : best),
    undefined,
  )
  const { additionalProperty, missingProperty } = (error?.params ?? {}) as { additionalProperty?: string; missingProperty?: string }
  const field = additionalProperty ?? missingProperty
  const reason = additionalProperty ? 'is not a known field' : missingProperty ? 'is missing' : (error?.message ?? 'is not valid')
  return refuse('invalid', { path: `${error?.instancePath ?? ''}${field === undefined ? '' : `/${field}`}`, reason })
}

/** How far an error got. What a branch of a union is called tells which one was not meant. */
function depthOf({ instancePath, keyword }: { instancePath: string; keyword: string }): number {
  return instancePath.split('/').length - (keyword === 'const' ? 0.5 : 0)
}

function compile(): ValidateFunction<Portable> {
  const ajv = new Ajv({ strict: false })
  addFormats.default(ajv)
  return ajv.compile<Portable>(schema)
}
