// src/client/operations.ts is made from the server's own OpenAPI description: every operation with what it takes and what it answers. What the
// server declares and the client does not know fails here. UPDATE_CLIENT=1 writes it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import type { Client } from '../src/client/client.ts'
import type { CartwrightError } from '../src/client/problem.ts'
import { describedBy, type Operation } from './description.ts'
import { freshDatabase, startTestServer } from './harness.ts'

const FILE = fileURLToPath(new URL('../src/client/operations.ts', import.meta.url))

const { url } = await startTestServer(await freshDatabase('sqlite'))
const { document: description, operations: declared } = await describedBy(url)

const LINES = '/v1/shops/{shop}/carts/{cart}/lines'

/** Parts that have a name of their own wherever they occur, by where they stand in the description. */
const PARTS: Readonly<Record<string, readonly (string | number)[]>> = {
  Money: ['components', 'schemas', 'Cart', 'properties', 'total'],
  Address: ['components', 'schemas', 'Cart', 'properties', 'shippingAddress', 'anyOf', 0],
  Adjustment: ['components', 'schemas', 'Cart', 'properties', 'adjustments', 'items'],
  CartLine: ['components', 'schemas', 'Cart', 'properties', 'lines', 'items'],
  Notice: ['components', 'schemas', 'Cart', 'properties', 'notices', 'items'],
  LineInput: ['paths', LINES, 'post', 'requestBody', 'content', 'application/json', 'schema', 'anyOf', 0],
  InlineItem: ['paths', LINES, 'post', 'requestBody', 'content', 'application/json', 'schema', 'anyOf', 0, 'properties', 'inline'],
  OrderLine: ['components', 'schemas', 'Order', 'properties', 'lines', 'items'],
  Payment: ['components', 'schemas', 'Order', 'properties', 'payments', 'items'],
  Fulfilment: ['components', 'schemas', 'Order', 'properties', 'fulfilments', 'items'],
  Refund: ['components', 'schemas', 'Order', 'properties', 'refunds', 'items'],
  Variant: ['components', 'schemas', 'Product', 'properties', 'variants', 'items'],
  Plan: ['components', 'schemas', 'Product', 'properties', 'plans', 'items'],
  Benefit: ['components', 'schemas', 'Promotion', 'properties', 'benefit'],
  Condition: ['components', 'schemas', 'Promotion', 'properties', 'conditions', 'items'],
  InnerCondition: [
    'components',
    'schemas',
    'Promotion',
    'properties',
    'conditions',
    'items',
    'anyOf',
    12,
    'properties',
    'conditions',
    'items',
  ],
  Amounts: ['components', 'schemas', 'Promotion', 'properties', 'cap', 'anyOf', 0],
  Targets: ['components', 'schemas', 'Promotion', 'properties', 'conditions', 'items', 'anyOf', 1, 'properties', 'of'],
  ShippingMethod: ['paths', '/v1/shops/{shop}/shipping-methods', 'post', 'requestBody', 'content', 'application/json', 'schema'],
  TaxRate: ['paths', '/v1/shops/{shop}/tax-rates', 'post', 'requestBody', 'content', 'application/json', 'schema'],
}

/** Every schema that has a name, by what it says. */
const named = new Map(
  [
    ...Object.entries(description.components.schemas),
    ...Object.entries(PARTS).map(([name, place]) => [name, at(description, place) ?? assert.fail(`${name} is not where it was`)] as const),
  ].map(([name, schema]) => [JSON.stringify(schema), name]),
)

function at(value: unknown, place: readonly (string | number)[]): unknown {
  return place.reduce((within, key) => (within as Readonly<Record<string | number, unknown>> | undefined)?.[key], value)
}

/** The same, with the name of everything in it that has one. */
function withNames(value: unknown, isRoot = false): unknown {
  if (Array.isArray(value)) return value.map((each) => withNames(each))
  if (typeof value !== 'object' || value === null) return value
  const { type, properties } = value as JSONSchema
  if (type === 'object' && properties && Object.keys(properties).length === 0) return { tsType: 'Record<string, never>' }
  const name = isRoot ? undefined : named.get(JSON.stringify(value))
  if (name !== undefined) return { $ref: `#/definitions/${name}` }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withNames(each)]))
}

/** An object with exactly these properties. */
function objectOf(properties: Record<string, JSONSchema>, required: readonly string[], words?: string): JSONSchema {
  return {
    type: 'object',
    properties,
    required: [...required],
    additionalProperties: false,
    ...(words === undefined ? {} : { description: words }),
  }
}

function parametersIn(place: 'path' | 'query', operation: Operation): JSONSchema {
  const wanted = (operation.parameters ?? []).filter((each) => each.in === place)
  if (wanted.length === 0) return { tsType: 'Record<never, never>' }
  const properties = wanted.map(({ name, description: words, schema }) => [name, words ? { ...schema, description: words } : schema])
  return objectOf(
    Object.fromEntries(properties),
    wanted.filter((each) => each.required).map((each) => each.name),
  )
}

/** Text for everything that is not JSON. */
function schemasOf(content: NonNullable<Operation['requestBody']>['content']): JSONSchema[] {
  return Object.entries(content).map(([mediaType, { schema }]) =>
    mediaType === 'application/json' && schema ? schema : { type: 'string' },
  )
}

function isNull(schema: JSONSchema): boolean {
  return schema.type === 'null'
}

/** What is sent. A body that may be null may be left out, and that is how the client says it. */
function bodyOf({ requestBody }: Operation): { readonly schema: JSONSchema; readonly required: boolean } {
  if (!requestBody) return { schema: { tsType: 'never' }, required: true }
  const variants = schemasOf(requestBody.content).flatMap((schema) => (schema.anyOf as JSONSchema[] | undefined) ?? [schema])
  const sent = variants.filter((each) => !isNull(each))
  const [only] = sent
  return { schema: sent.length === 1 && only ? only : { anyOf: sent }, required: sent.length === variants.length }
}

/** What comes back when it is done, whichever of its answers. */
function responseOf({ responses }: Operation): JSONSchema {
  const done = Object.entries(responses).filter(([status]) => status.startsWith('2'))
  const schemas = done.flatMap(([, { content }]) => (content ? schemasOf(content) : [{ tsType: 'undefined' }]))
  const different = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()]
  const [only] = different
  return different.length === 1 && only ? only : { anyOf: different }
}

function schemaOf(operation: Operation): JSONSchema {
  const body = bodyOf(operation)
  const parts = {
    params: parametersIn('path', operation),
    query: parametersIn('query', operation),
    body: body.schema,
    response: responseOf(operation),
  }
  return objectOf(
    parts,
    Object.keys(parts).filter((part) => part !== 'body' || body.required),
    operation.summary,
  )
}

/** The types as they stand in the file. */
async function typesOf(): Promise<string> {
  // Forms are for pages without script: they answer with redirects, and know their visitor by a cookie that the client never sends.
  const operations = declared
    .filter(({ name }) => !name.includes('/forms/'))
    .map(({ name, operation }) => [name, schemaOf(operation)] as const)
  const definitions = [...named].map(([text, name]) => {
    const schema = JSON.parse(text) as JSONSchema
    return [name, { ...(withNames(schema, true) as JSONSchema), description: schema.description ?? `${name}, as it is sent.` }] as const
  })
  const whole = objectOf(
    Object.fromEntries(operations.map(([name, operation]) => [name, withNames(operation) as JSONSchema])),
    operations.map(([name]) => name),
    'Every operation: the parameters of its path, its query, its body, and what it answers.',
  )
  const inDefinitions = JSON.parse(
    JSON.stringify({ ...whole, definitions: Object.fromEntries(definitions) }).replaceAll('#/components/schemas/', '#/definitions/'),
  ) as JSONSchema
  const banner = [
    '// What every operation of the API takes and answers, made from the OpenAPI description of the server. Not written by hand: change the contract,',
    '// then run `UPDATE_CLIENT=1 node test/setup.ts test/client-types.test.ts`.',
  ].join('\n')
  const types = await compile(inDefinitions, 'Operations', {
    additionalProperties: false,
    bannerComment: banner,
    format: false,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
  })
  const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url))
  return execFileSync(biome, ['format', `--stdin-file-path=${FILE}`], { input: types, encoding: 'utf8', maxBuffer: 2 ** 26 })
}

test('the types of the client are what the server declares', async () => {
  const types = await typesOf()
  if (process.env.UPDATE_CLIENT) writeFileSync(FILE, types)
  assert.equal(
    readFileSync(FILE, 'utf8'),
    types,
    'src/client/operations.ts is behind: UPDATE_CLIENT=1 node test/setup.ts test/client-types.test.ts',
  )
})

test('no type of the client is any', () => {
  assert.doesNotMatch(readFileSync(FILE, 'utf8'), /\bany\b(?=\s*[;,)}\]|&\n])/)
})

/** Never called: the compiler reads it, and fails the check where an error that is expected does not come. */
async function whatTheCompilerKnows({ call }: Client): Promise<unknown> {
  const { cart } = await call('POST /v1/shops/{shop}/carts/{cart}/lines', { params: { cart: 'current' }, body: { sku: 'A', quantity: 2 } })
  const total: number = cart.total.amount
  const names: string[] = cart.lines.map((line) => line.name)
  // @ts-expect-error an amount is no text
  const text: string = cart.total.amount
  // @ts-expect-error the cart is missing
  await call('POST /v1/shops/{shop}/carts/{cart}/lines', { body: { sku: 'A' } })
  // @ts-expect-error the body is missing
  await call('POST /v1/shops/{shop}/carts/{cart}/lines', { params: { cart: 'current' } })
  // @ts-expect-error a quantity is a number
  await call('POST /v1/shops/{shop}/carts/{cart}/lines', { params: { cart: 'current' }, body: { sku: 'A', quantity: '2' } })
  // @ts-expect-error there is no such field
  await call('POST /v1/shops/{shop}/carts/{cart}/lines', { params: { cart: 'current' }, body: { sku: 'A', price: 1 } })
  // @ts-expect-error nothing is given to an operation that takes nothing
  await call('DELETE /v1/shops/{shop}/carts/{cart}/lines', { params: { cart: 'current' }, body: {} })
  // @ts-expect-error there is no such operation
  await call('GET /v1/shops/{shop}/baskets')
  // @ts-expect-error everything that the operation needs is missing
  await call('POST /v1/shops/{shop}/orders')
  await call('GET /v1/shops/{shop}/products')
  await call('GET /v1/shops/{shop}/products', { params: { shop: 'demo' }, query: { limit: 10 } })
  // @ts-expect-error a limit is a number
  await call('GET /v1/shops/{shop}/products', { query: { limit: 'ten' } })
  // A body that may be left out.
  await call('POST /v1/shops/{shop}/orders/{order}/cancel', { params: { order: 'ord_1' } })
  const nothing: undefined = await call(
    'DELETE /v1/shops/{shop}/api-keys/{key}',
    { params: { key: 'k' } },
    { signal: new AbortController().signal },
  )
  const stream: Response = await call('GET /v1/shops/{shop}/carts/{cart}/stream', { params: { cart: 'current' } })
  return [total, names, text, nothing, stream]
}

/** The same, of problems: a code tells which data comes along. */
function whatTheCompilerKnowsOfProblems({ problem }: CartwrightError): unknown {
  switch (problem.code) {
    case 'insufficient_stock': {
      const pieces: number = problem.available
      return pieces
    }
    case 'price_changed':
      return problem.current.amount - problem.expected.amount
    case 'email_required': {
      // @ts-expect-error nothing is known of what comes with this code
      const pieces: number = problem.available
      return pieces
    }
    // @ts-expect-error there is no such code
    case 'out_of_luck':
      return null
    default:
      return problem.title
  }
}

// `npm run check` is what proves them.
void [whatTheCompilerKnows, whatTheCompilerKnowsOfProblems]
