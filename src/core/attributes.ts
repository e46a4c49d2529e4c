// Custom attributes of carts and lines: which are accepted, and which tell lines apart, is written in the shop's own JSON schemas (C13, DX-1).
import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema'
import { type Refusal, refuse } from './refusal.ts'
import type { JsonSchema } from './settings.ts'

/** Free data of the shop on a cart or a line; never looked at by pricing. */
export type Attributes = Readonly<Record<string, string | number | boolean | null>>

/** Reading a schema costs more than checking with it; a shop's settings are the same value until they change. */
const validators = new WeakMap<JsonSchema, Validator>()

/**
 * Why attributes do not fit a shop's schema, or null.
 * @param path where the attributes stand in the request, as a JSON pointer
 * @returns `attributes_invalid` with the path of the attribute and what is wrong with it
 */
export function attributesRefusal(schema: JsonSchema, attributes: Attributes, path: string): Refusal | null {
  const validator = validators.get(schema) ?? new Validator(schema as Schema, '2020-12', true)
  validators.set(schema, validator)
  const { valid, errors } = validator.validate(attributes)
  if (valid) return null
  const fault = errors.reduce<OutputUnit | undefined>(
    (deepest, each) => (deepest && deepest.instanceLocation.length >= each.instanceLocation.length ? deepest : each),
    undefined,
  )
  return refuse('attributes_invalid', {
    path: `${path}${fault?.instanceLocation.slice(1) ?? ''}`,
    reason: fault?.error ?? 'does not fit the schema',
  })
}

/**
 * What of a line's attributes belongs to its identity: properties that the schema marks with `"identity": true`, sorted by name. A value that
 * is null or the schema's `default` is the same as none.
 */
export function identifying(schema: JsonSchema, attributes: Attributes): Attributes {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, { identity?: unknown; default?: unknown } | boolean>>
  const told = Object.keys(attributes).filter((name) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined
    const value = attributes[name] ?? null
    return typeof property === 'object' && property.identity === true && value !== null && value !== property.default
  })
  return Object.fromEntries(told.sort().map((name) => [name, attributes[name] ?? null]))
}
