// What is wrong with something that was sent, as one place and one reason in words, from all that the validator says. Where one of several forms
// was possible, it is the fault of the form that was meant which is told.
import type { ErrorObject } from 'ajv'

/** Where the fault is, as a JSON pointer, and what it is. */
export interface Fault {
  readonly path: string
  readonly reason: string
}

/** The fault that a caller has to mend, of the errors of a validator with `verbose`. */
export function faultOf(errors: readonly ErrorObject[]): Fault {
  const unknown = unknownKind(errors)
  if (unknown !== null) return unknown
  const told = errors.filter((error) => error.keyword !== 'anyOf')
  const meant = told.filter((error) => !isOfAnotherKind(error, errors))
  const open = meant.length > 0 ? meant : told.length > 0 ? told : errors
  const error = open.reduce((best, each) => (likelihood(each) > likelihood(best) ? each : best))
  const { additionalProperty, missingProperty } = error.params as { additionalProperty?: string; missingProperty?: string }
  const field = additionalProperty ?? missingProperty
  const pointer = field === undefined ? '' : `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return { path: `${error.instancePath}${pointer}`, reason: reasonOf(error, told) }
}

/** A schema as far as it is looked at here. */
interface Branch {
  readonly const?: unknown
  readonly anyOf?: readonly Branch[]
  readonly properties?: Readonly<Record<string, Branch>>
  readonly description?: string
}

/** The kinds that an object of this schema may have, or none where it has no `kind`. */
function kindsOf({ properties }: Branch): readonly unknown[] {
  const kind = properties?.kind
  return kind === undefined ? [] : (kind.anyOf ?? [kind]).map((each) => each.const).filter((each) => each !== undefined)
}

/** The kinds of a union whose every form has one, or null where the error is not about such a union. */
function kindsOfUnion({ keyword, schema }: ErrorObject): readonly unknown[] | null {
  if (keyword !== 'anyOf') return null
  const kinds = (schema as readonly Branch[]).map(kindsOf)
  return kinds.every((each) => each.length > 0) ? kinds.flat() : null
}

function isObject(data: unknown): data is Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}

/** A `kind` that no form of a union has, the innermost one; it is the fault whatever else is missing. */
function unknownKind(errors: readonly ErrorObject[]): Fault | null {
  const faults = errors.flatMap((error): Fault[] => {
    const kinds = kindsOfUnion(error)
    if (kinds === null || !isObject(error.data) || kinds.includes(error.data.kind)) return []
    const path = `${error.instancePath}/kind`
    return [
      { path, reason: error.data.kind === undefined ? 'is missing' : `must be ${kinds.map((kind) => JSON.stringify(kind)).join(' or ')}` },
    ]
  })
  return faults.reduce<Fault | null>((best, each) => (best === null || depthOf(each.path) > depthOf(best.path) ? each : best), null)
}

/** Whether an error is of a form of a union that the caller did not mean, because the `kind` is another one's. */
function isOfAnotherKind({ instancePath, parentSchema, data }: ErrorObject, errors: readonly ErrorObject[]): boolean {
  const isKind = errors.some((error) => kindsOfUnion(error) !== null && instancePath === `${error.instancePath}/kind`)
  if (isKind) return true
  const kinds = kindsOf(parentSchema as Branch)
  return kinds.length > 0 && isObject(data) && data.kind !== undefined && !kinds.includes(data.kind)
}

function depthOf(path: string): number {
  return path.split('/').length
}

/** How likely it is that an error of one branch of a union is the caller's: by depth, then by how much of the object that branch knows. */
function likelihood({ keyword, instancePath, params, parentSchema, data }: ErrorObject): number {
  const depth = depthOf(instancePath)
  switch (keyword) {
    case 'additionalProperties': {
      const known = Object.keys((parentSchema as Branch).properties ?? {})
      return depth + 0.5 + known.filter((key) => Object.hasOwn(data as object, key)).length / 1000
    }
    case 'required':
      return depth + 0.25
    case 'const':
      return depth - 0.25
    case 'type':
      return (params as { type: string }).type === 'null' ? depth - 0.5 : depth
    default:
      return depth
  }
}

function reasonOf(error: ErrorObject, all: readonly ErrorObject[]): string {
  if (error.keyword === 'additionalProperties') return 'is not a known field'
  if (error.keyword === 'required') return 'is missing'
  if (error.keyword === 'pattern') return patternReason(error)
  if (error.keyword !== 'const') return error.message ?? error.keyword
  const allowed = all.filter((each) => each.keyword === 'const' && each.instancePath === error.instancePath)
  return `must be ${[...new Set(allowed.map((each) => JSON.stringify((each.params as { allowedValue: unknown }).allowedValue)))].join(' or ')}`
}

/** A pattern with what it stands for, where the schema says so: few people read patterns. */
function patternReason({ message = 'is not valid', parentSchema }: ErrorObject): string {
  const { description } = parentSchema as Branch
  return description === undefined ? message : `${message} (${description})`
}
