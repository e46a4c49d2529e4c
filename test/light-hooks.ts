// Loaded before every test file (test/setup.ts). Node's test runner follows every promise of a process from its beginning to its end, to say which
// suite a test is in and which test an error came from that nobody waited for. Asking to be told of their ends took a sixth of the suite's time, so
// they are forgotten by number instead: what began a million steps ago.
import hooks, { type HookCallbacks } from 'node:async_hooks'

const { createHook } = hooks
const REMEMBERED = 1_000_000

function withoutEnds({ init, destroy, ...others }: HookCallbacks): HookCallbacks {
  if (!init || !destroy) return { ...(init ? { init } : {}), ...(destroy ? { destroy } : {}), ...others }
  return {
    ...others,
    init: (asyncId, type, triggerAsyncId, resource) => {
      init(asyncId, type, triggerAsyncId, resource)
      if (asyncId > REMEMBERED) destroy(asyncId - REMEMBERED)
    },
  }
}

hooks.createHook = (callbacks) => createHook(withoutEnds(callbacks))
