// The OpenAPI document of a running server, and what it declares of each answer: what is held against it is the answer as it came.
import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Answer } from './harness.ts'

type Content = Readonly<Record<string, { readonly schema?: object }>>

/** One operation of the document. */
export interface Operation {
  readonly summary?: string
  readonly parameters?: readonly { name: string; in: string; required?: boolean; description?: string; schema: object }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { description?: string; content?: Content }>>
}

/** The document, as far as it is looked at. */
export interface Description {
  readonly openapi: string
  readonly info: { title: string; version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly webhooks: Readonly<Record<string, { post: { requestBody: { content: Record<string, { schema: object }> } } }>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

/** What a server declares. */
export interface Declared {
  readonly document: Description
  /** Every operation, as `METHOD /path`. */
  readonly operations: readonly { readonly name: string; readonly operation: Operation }[]
  /** The schema at a JSON pointer of the document. */
  schemaOf(pointer: string): ValidateFunction | undefined
  /** The documented path that an address belongs to; a fixed segment wins over a parameter. */
  templateOf(path: string): string
  /** Fails unless the document declares this answer and the answer is what it declares. */
  assertDeclared(method: string, template: string, answer: Answer): void
}

const escaped = (text: string) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'))

/** Reads the document of the server at `url`. */
export async function describedBy(url: string): Promise<Declared> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Description
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema(document as object, 'https://api/')
  const schemaOf = (pointer: string) => ajv.getSchema(`https://api/#${pointer}`)
  return {
    document,
    operations: Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
    ),
    schemaOf,
    templateOf(path) {
      const segments = (path.split('?', 1)[0] ?? '').split('/')
      const fits = Object.keys(document.paths).filter((template) => {
        const wanted = template.split('/')
        return wanted.length === segments.length && wanted.every((part, index) => part.startsWith('{') || part === segments[index])
      })
      return fits.sort((a, b) => a.split('{').length - b.split('{').length)[0] ?? assert.fail(`${path} is not documented`)
    },
    assertDeclared(method, template, { status, headers, body }) {
      const { responses } = document.paths[template]?.[method.toLowerCase()] ?? assert.fail(`${method} ${template} is not documented`)
      const declared = responses[status] ? String(status) : `${String(status)[0]}XX`
      const answer = responses[declared] ?? assert.fail(`${method} ${template} declares no ${status}: ${JSON.stringify(body)}`)
      if (!answer.content) {
        assert.equal(body, '', `${method} ${template} declares no body`)
        return
      }
      const type = headers.get('content-type')?.split(';', 1)[0] ?? ''
      assert.ok(type in answer.content, `${method} ${template} declares ${Object.keys(answer.content)}, not ${type}`)
      const pointer = `/paths/${escaped(template)}/${method.toLowerCase()}/responses/${declared}/content/${escaped(type)}/schema`
      const validate = schemaOf(pointer) ?? assert.fail(`no schema at ${pointer}`)
      assert.ok(
        validate(body),
        `${method} ${template} ${status}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body).slice(0, 600)}`,
      )
    },
  }
}
