// E-mails on the wire: what was sent to whom, and the shop's own templates.
import Type from 'typebox'
import { EMAIL_KINDS } from '../core/email.ts'
import { Email as Address, CLOSED, Id, LanguageTag, ListOf, Nullable, OneOf } from './schemas.ts'

/** What an e-mail is about. */
export const EmailKind = OneOf(EMAIL_KINDS)

/** States of an e-mail. */
export const EmailState = OneOf(['QUEUED', 'SENDING', 'SENT', 'FAILED', 'SUPPRESSED'])

/** A row of the log. */
export const Email = Type.Object(
  {
    id: Type.String(),
    orderId: Nullable(Type.String()),
    cartId: Nullable(Type.String()),
    kind: Type.String(),
    status: Nullable(Type.String({ description: 'The new status that was told' })),
    recipient: Type.String(),
    language: Nullable(Type.String()),
    subject: Nullable(Type.String()),
    state: EmailState,
    attempts: Type.Integer(),
    dueAt: Nullable(Type.String({ description: 'When it is tried next' })),
    error: Nullable(Type.String({ description: 'Why it was not sent, or what was wrong although it was' })),
    messageId: Nullable(Type.String()),
    by: Type.String({ description: 'Whose change it told, or who sent it by hand' }),
    createdAt: Type.String(),
    sentAt: Nullable(Type.String()),
  },
  { $id: 'Email', ...CLOSED },
)

/** The log. */
export const Emails = ListOf(Type.Ref('Email'))

const Status = Type.String({ minLength: 1, maxLength: 60, pattern: '^[A-Za-z0-9_.-]+$' })

/** `POST /orders/{order}/emails`. */
export const SendEmail = Type.Object(
  {
    kind: OneOf(EMAIL_KINDS.filter((kind) => kind !== 'cart_abandoned')),
    to: Type.Optional(Address),
    status: Type.Optional(Status),
    language: Type.Optional(LanguageTag),
  },
  CLOSED,
)

const template = {
  subject: Type.String({ minLength: 1, maxLength: 500 }),
  html: Type.String({ minLength: 1, maxLength: 100_000 }),
  text: Type.String({ minLength: 1, maxLength: 100_000 }),
}

/** `PUT /email-templates/{kind}/{language}`: Liquid. */
export const TemplateInput = Type.Object(template, CLOSED)

/** For which status it is: the most specific template is taken. */
export const TemplateQuery = Type.Object({ status: Type.Optional(Status), account: Type.Optional(Id) }, CLOSED)

/** A template as it is served; `own` false: it is ours, which counts while the shop has none. */
export const Template = Type.Object(
  {
    kind: EmailKind,
    status: Nullable(Type.String()),
    language: Type.String(),
    own: Type.Boolean(),
    ...template,
    updatedAt: Nullable(Type.String()),
  },
  CLOSED,
)

/** `GET /email-templates`: the shop's own, without their texts. */
export const Templates = ListOf(
  Type.Object({ kind: EmailKind, status: Nullable(Type.String()), language: Type.String(), updatedAt: Type.String() }, CLOSED),
)

/** `POST /email-templates/preview`. */
export const PreviewEmail = Type.Object(
  {
    kind: EmailKind,
    language: Type.Optional(LanguageTag),
    status: Type.Optional(Status),
    order: Type.Optional(Id),
    template: Type.Optional(TemplateInput),
  },
  CLOSED,
)

/** An e-mail as it would be sent. `fault`: why the shop's own template was passed over. */
export const Preview = Type.Object(
  {
    subject: Type.String(),
    html: Type.String(),
    text: Type.String(),
    language: Type.String(),
    own: Type.Boolean(),
    fault: Nullable(Type.String()),
  },
  CLOSED,
)
