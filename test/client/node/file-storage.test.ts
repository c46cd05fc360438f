import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { FileStorage } from '../../../src/client/node/file-storage.js'

t.test('nothing, then what was saved last, for the owner only, with no temporary file left', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'deep', 'state')
  const storage = new FileStorage(path)
  t.equal(await storage.load(), null)
  await Promise.all([1, 2, 3, 4].map((n) => storage.save(new Uint8Array([n, n]))))
  t.same([...((await storage.load()) as Uint8Array)], [4, 4])
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.same(await readdir(join(folder, 'deep')), ['state'])
})

t.test('a save that fails leaves the old bytes, and the next may succeed', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'state')
  const storage = new FileStorage(path)
  await storage.save(new Uint8Array([1]))
  const blocked = new FileStorage(join(path, 'below-a-file'))
  await t.rejects(blocked.save(new Uint8Array([2])))
  t.same([...((await storage.load()) as Uint8Array)], [1])
  await mkdir(join(folder, 'folder'))
  await t.rejects(new FileStorage(join(folder, 'folder')).save(new Uint8Array([1])), 'a folder is in the way')
  t.same((await readdir(folder)).sort(), ['folder', 'state'])
  await storage.save(new Uint8Array([3]))
  t.same([...((await storage.load()) as Uint8Array)], [3])
})

t.test('an old temporary file is no harm; another error than "no file" is told', async (t) => {
  const folder = t.testdir()
  await writeFile(join(folder, 'state.0011.tmp'), 'cut')
  t.equal(await new FileStorage(join(folder, 'state')).load(), null)
  await t.rejects(new FileStorage(folder).load(), { code: 'EISDIR' })
})
