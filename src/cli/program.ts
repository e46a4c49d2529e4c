// The command line: what can be asked for, in words. What each command does comes in from main.ts.
import { Command, InvalidArgumentError } from 'commander'
import { SCOPES, type Scope } from '../core/scope.ts'

/** What the commands do. Each may reject; the message is shown and the exit code is 1. */
export interface Actions {
  serve(options: { demo: boolean; port?: number; host?: string }): Promise<void>
  importProducts(file: string, options: { shop: string }): Promise<void>
  migrate(): Promise<void>
  backup(file: string): Promise<void>
  doctor(): Promise<void>
  doctorPayments(options: { shop?: string; json: boolean }): Promise<void>
  replay(file: string): Promise<void>
  makeKey(options: { shop: string; kind: 'server' | 'staff'; name: string; scopes: readonly Scope[] }): Promise<void>
}

/** Builds the program. */
export function createProgram(version: string, actions: Actions): Command {
  const program = new Command('cartwright').description('A self-hosted cart and order engine').version(version).showHelpAfterError()

  program
    .command('serve', { isDefault: true })
    .description('start the server')
    .option('--demo', 'with demo shops, a sample catalogue and sandbox payments', false)
    .option('--port <port>', 'instead of PORT', parsePort)
    .option('--host <host>', 'instead of HOST')
    .action((options: { demo: boolean; port?: number; host?: string }) => actions.serve(options))

  program
    .command('import')
    .description('import products: CSV in the Shopify format, or JSON')
    .argument('<file>', 'a .csv or .json file')
    .requiredOption('--shop <shop>', 'the shop')
    .action((file: string, options: { shop: string }) => actions.importProducts(file, options))

  program
    .command('key')
    .description('make a server or staff key; it is printed once')
    .requiredOption('--shop <shop>', 'the shop')
    .requiredOption('--name <name>', 'who or what it is for')
    .option('--staff', 'a staff token (st_…) instead of a server key (sk_…)', false)
    .option('--scopes <scopes>', `comma separated: ${SCOPES.join(', ')}`, parseScopes, ['*' as Scope])
    .action((options: { shop: string; name: string; staff: boolean; scopes: readonly Scope[] }) =>
      actions.makeKey({ shop: options.shop, name: options.name, kind: options.staff ? 'staff' : 'server', scopes: options.scopes }),
    )

  program
    .command('migrate')
    .description('bring the database schema up to date')
    .action(() => actions.migrate())
  program
    .command('backup')
    .description('copy the live SQLite database')
    .argument('<file>', 'where to')
    .action((file: string) => actions.backup(file))
  program
    .command('doctor')
    .description('check the configuration and the database')
    .action(() => actions.doctor())
    .command('payments')
    .description('prove that what was captured is what was ordered; reads only, exit code 1 when something is wrong')
    .option('--shop <shop>', 'only this shop')
    .option('--json', 'for programs', false)
    .action((options: { shop?: string; json: boolean }) => actions.doctorPayments(options))
  program
    .command('replay')
    .description('price a cart again from an explanation with facts=true; needs no database')
    .argument('<file>', 'the answer, or the facts in it')
    .action((file: string) => actions.replay(file))
  return program
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return port
}

function parseScopes(text: string): Scope[] {
  const scopes = text.split(',').map((scope) => scope.trim())
  const unknown = scopes.find((scope) => !SCOPES.includes(scope as Scope))
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no scope "${unknown}". Scopes: ${SCOPES.join(', ')}`)
  return scopes as Scope[]
}
