// src/client/operations.ts is made from the server's own OpenAPI description: every operation with what it takes and what it answers. What the
// server declares and the client does not know fails here. UPDATE_CLIENT=1 writes it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { freshDatabase, startTestServer } from './harness.ts'

const FILE = fileURLToPath(new URL('../src/client/operations.ts', import.meta.url))

interface Content {
  readonly [mediaType: string]: { readonly schema?: JSONSchema }
}
interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly description?: string
  readonly schema: JSONSchema
}
interface Operation {
  readonly summary?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JSONSchema>> }
}

const { url } = await startTestServer(await freshDatabase('sqlite'))
const description = (await (await fetch(`${url}/openapi.json`)).json()) as Description

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
function schemasOf(content: Content): JSONSchema[] {
  return Object.entries(content).map(([mediaType, { schema }]) => (mediaType === 'application/json' && schema ? schema : { type: 'string' }))
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
async function typesOf({ paths, components }: Description): Promise<string> {
  // Forms are for pages without script: they answer with redirects, and know their visitor by a cookie that the client never sends.
  const operations = Object.entries(paths)
    .filter(([path]) => !path.includes('/forms/'))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, schemaOf(operation)] as const),
    )
  const whole = {
    ...objectOf(
      Object.fromEntries(operations),
      operations.map(([name]) => name),
      'Every operation: the parameters of its path, its query, its body, and what it answers.',
    ),
    definitions: Object.fromEntries(
      Object.entries(components.schemas).map(([name, schema]) => [name, { ...schema, description: schema.description ?? `A ${name}, as it is sent.` }]),
    ),
  }
  const inDefinitions = JSON.parse(JSON.stringify(whole).replaceAll('#/components/schemas/', '#/definitions/')) as JSONSchema
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
  const types = await typesOf(description)
  if (process.env.UPDATE_CLIENT) writeFileSync(FILE, types)
  assert.equal(readFileSync(FILE, 'utf8'), types, 'src/client/operations.ts is behind: UPDATE_CLIENT=1 node test/setup.ts test/client-types.test.ts')
})

test('no type of the client is any', () => {
  assert.doesNotMatch(readFileSync(FILE, 'utf8'), /\bany\b(?=\s*[;,)}\]|&\n])/)
})
