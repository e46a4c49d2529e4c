// Promotions as JSON, one by one: a bad one is a row of the import's report and never stops a good one.
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type Type from 'typebox'
import { type Refusal, refuse } from '../core/refusal.ts'
import { faultOf } from './fault.ts'
import { PortablePromotion as schema } from './promotion-code.ts'

/** A promotion as it is exported and imported. */
type Portable = Type.Static<typeof schema>

let compiled: ValidateFunction<Portable> | null = null

/** Reads whatever was sent as a promotion; the refusal (`invalid`) names the faulty path in it. */
export function readPortable(item: unknown): Portable | Refusal {
  compiled ??= compile()
  const isPortable = compiled
  if (isPortable(item)) return item
  return refuse('invalid', { ...faultOf(isPortable.errors ?? []) })
}

function compile(): ValidateFunction<Portable> {
  const ajv = new Ajv({ strict: false, verbose: true })
  addFormats.default(ajv)
  return ajv.compile<Portable>(schema)
}
