// Liquid for e-mails. Templates are the shop's; what customers wrote is only ever a value, never a template, and is escaped in HTML without being asked.
// There are no files to include, no way to print unescaped, and bounds on time, memory and length.
import { Liquid, type LiquidError } from 'liquidjs'
import { headerText } from '../core/email.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import type { EmailTemplate } from './email-templates.ts'

/** Tags that print nothing themselves, or nothing but the template's own text: `echo` and `cycle` would print values unescaped. */
const TAGS = ['assign', 'break', 'capture', 'case', 'comment', 'continue', 'for', 'if', 'raw', 'unless', '#']
const LENGTH_MAX = 500_000
const SUBJECT_MAX = 250

/** An e-mail as it is read. */
export interface RenderedEmail {
  readonly subject: string
  readonly html: string
  readonly text: string
}

function liquidOf(isEscaped: boolean): Liquid {
  const liquid = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    dynamicPartials: false,
    relativeReference: false,
    templates: {},
    parseLimit: 200_000,
    renderLimit: 200,
    memoryLimit: 2_000_000,
    ...(isEscaped ? { outputEscape: 'escape' as const } : {}),
  })
  for (const tag of Object.keys(liquid.tags)) if (!TAGS.includes(tag)) delete liquid.tags[tag]
  delete liquid.filters.raw
  // Each evaluates an expression per element, inside of one another too, and no bound on time is looked at meanwhile: it stops the whole node.
  for (const filter of Object.keys(liquid.filters)) if (filter.endsWith('_exp')) delete liquid.filters[filter]
  return liquid
}

const html = liquidOf(true)
const plain = liquidOf(false)

/** Why a template cannot be used, with path, line and column; null for a good one. */
export function templateRefusal(template: EmailTemplate): Refusal | null {
  for (const part of ['subject', 'html', 'text'] as const) {
    try {
      const liquid = part === 'html' ? html : plain
      liquid.parse(template[part])
    } catch (error) {
      const { message } = error as LiquidError
      const at = /, line:(\d+), col:(\d+)/.exec(message)
      return refuse('email_template_invalid', {
        path: `/${part}`,
        reason: message.replace(/, line:\d+, col:\d+.*/s, '').slice(0, 300),
        line: Number(at?.[1] ?? 1),
        column: Number(at?.[2] ?? 1),
      })
    }
  }
  return null
}

/** Fills a template in. Rejects when it cannot be: then another one must do. */
export async function renderEmail(template: EmailTemplate, values: object): Promise<RenderedEmail> {
  const rendered = {
    subject: headerText(await plain.parseAndRender(template.subject, values), SUBJECT_MAX),
    html: await html.parseAndRender(template.html, values),
    text: await plain.parseAndRender(template.text, values),
  }
  if (rendered.html.length > LENGTH_MAX || rendered.text.length > LENGTH_MAX)
    throw new Error(`The e-mail is longer than ${LENGTH_MAX} characters.`)
  if (rendered.subject === '') throw new Error('The subject is empty.')
  return rendered
}
