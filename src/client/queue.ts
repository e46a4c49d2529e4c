// Changes that wait, in order, and what of them goes together in one request. A request keeps its key and its content until it is answered, so
// that sending it again after a reload does nothing twice.
import type { InputOf } from './client.ts'
import { CartwrightError, type Problem } from './problem.ts'

/** What `POST …/commands` carries out. */
export type Command = InputOf<'POST /v1/shops/{shop}/carts/{cart}/commands'>['body']['commands'][number]

/** One change of a cart that the server has not answered. */
export interface Change {
  readonly id: string
  /** Whose cart it is for: an account, or null for the guest's. */
  readonly account: string | null
  readonly command: Command | { readonly acknowledge: string[] | 'all' }
  /** The idempotency key of the request it went with; absent before it was sent. */
  readonly key?: string
  /** It goes by itself: together with others it was refused, and it was not told which of them was meant. */
  readonly isAlone?: boolean
}

/** As many commands go in one request. */
const COMMANDS_MAX = 50
/** As many lines go in one request, so that it stays small. */
const LINES_MAX = 200

/** The id of a line that the server has not made yet: the change that adds it, and which of its lines it is. */
export function newLineId(changeId: string, index: number): string {
  return `${NEW}${changeId}_${index}`
}

const NEW = 'new_'

/** Whether a line is one that the server has not made yet; with a change, whether it is one of that change's. */
export function isNewLine(lineId: string, changeId = ''): boolean {
  return lineId.startsWith(NEW + changeId)
}

/** The line that a change is about, or '' where it is about none. */
export function lineIdOf({ command }: Change): string {
  return 'set' in command ? command.set.lineId : 'remove' in command ? command.remove.lineId : ''
}

/** The same change of the line that the server made in the meantime. */
export function withLineId(change: Change, lineId: string): Change {
  const { command } = change
  if ('set' in command) return { ...change, command: { set: { ...command.set, lineId } } }
  return 'remove' in command ? { ...change, command: { remove: { lineId } } } : change
}

/**
 * The changes of the next request, in order. What was sent together is sent together again, and with nothing else. A change that names a line which is not made yet waits
 * for its answer; codes and acknowledgements go alone, because a refused code would not tell which it was.
 */
export function nextBatch([first, ...rest]: readonly Change[]): readonly Change[] {
  if (!first) return []
  if (first.key) return [first, ...rest.filter(({ key }) => key === first.key)]
  if (goesAlone(first)) return [first]
  let lines = linesOf(first)
  const batch = [first]
  for (const change of rest) {
    lines += linesOf(change)
    if (change.key || batch.length === COMMANDS_MAX || lines > LINES_MAX || goesAlone(change) || isNewLine(lineIdOf(change))) break
    batch.push(change)
  }
  return batch
}

function goesAlone({ command, isAlone = false }: Change): boolean {
  return isAlone || 'acknowledge' in command || 'applyCode' in command
}

function linesOf({ command }: Change): number {
  return 'add' in command ? command.add.lines.length : 0
}

/** Which of the commands of a request was refused, or -1 where that was not told. */
export function refusedIndex({ problem }: CartwrightError): number {
  return Number(AT_COMMAND.exec(problem.path ?? '')?.[1] ?? -1)
}

const AT_COMMAND = /^\/commands\/(\d+)(\/\w+)?(\/lines\/0(?=\/|$))?/

/** The refusal as whoever made the change meant it: its path begins at what was given, not at the request that carried it. */
export function ownRefusal(error: CartwrightError): CartwrightError {
  const { path } = error.problem
  if (path === undefined) return error
  return new CartwrightError({ ...error.problem, path: path.replace(AT_COMMAND, '') || '/' } as Problem, { cause: error })
}

/** Whether the server says that the guest or the cart is no more. */
export function isGone({ code }: CartwrightError): boolean {
  return code === 'invalid_token' || code === 'cart_not_found' || code === 'cart_closed'
}
