import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import type { Position } from '../../src/progress/position.js'
import { Spill, type Spilled } from '../../src/progress/spill.js'
import { positionAt } from './positions.js'

t.test('what is spilled is replayed once, and stays until it is stored', async t => {
  const folder = t.testdir()
  const spill = new Spill(folder)
  t.equal(await spill.replay(async () => void t.fail('nothing is there')), 0)
  const positions = [positionAt(1), positionAt(2, { userId: 'u2', deviceId: 'ñ\n"' })]
  await spill.write(positions)
  await spill.write([positionAt(3)])
  await t.rejects(
    spill.replay(async () => {
      throw new TypeError('away')
    })
  )
  const replayed: Position[] = []
  t.equal(await spill.replay(async ({ positions: found }) => void replayed.push(...found)), 3)
  t.same(
    replayed.sort((a, b) => Number(a.version) - Number(b.version)),
    [positions[0], positions[1], positionAt(3)]
  )
  t.same(await readdir(path.join(folder, 'progress')), [])
})

t.test('a torn line costs the others nothing and is handed over, too; a torn file has no name', async t => {
  const folder = t.testdir()
  const spill = new Spill(folder)
  await spill.write([positionAt(1)])
  const [name = ''] = await readdir(path.join(folder, 'progress'))
  await writeFile(path.join(folder, 'progress', name), '["u1","x"\n[1]\n\n\0', { flag: 'a' })
  await writeFile(path.join(folder, 'progress', 'x.tmp'), 'x')
  const found: Spilled[] = []
  t.equal(await spill.replay(async spilled => void found.push(spilled)), 1)
  t.same(found, [{ positions: [positionAt(1)], unreadable: ['["u1","x"', '[1]', '\0'] }])
})
