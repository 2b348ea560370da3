import t from 'tap'
import { execute } from '../helpers/database.js'
import { waitFor } from '../helpers/processes.js'
import { crash } from './progress-stage.js'

crash(t, 'PostgreSQL stops at once', {
  short: 1,
  long: 20,
  fault: async ({ database: { server } }) => {
    const before = server.pid
    process.kill(before, 'SIGQUIT')
    // It starts itself again, as another process.
    await waitFor(
      async () => server.pid !== before && (await execute(server.url, 'SELECT 1 AS one')).length > 0,
      60_000
    )
  }
})
