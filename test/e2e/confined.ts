/** As the unit and the image run the server: without rights, on file systems where nothing but its folder can be written. */
import { execFileSync } from 'node:child_process'
import { chownSync } from 'node:fs'

const NOBODY = 65534
/** Mounts of its own: the root is read-only, but for one folder; then another user, who gets no more rights. */
const SCRIPT = [
  'mount --bind "$1" "$1" && mount -o remount,bind,ro / && cd / && shift',
  `&& exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups --no-new-privs --bounding-set=-all`,
  'env HOME=/nonexistent TMPDIR=/nonexistent "$@"',
].join(' ')

/**
 * A command that becomes the one behind it, confined to this folder, which is given away.
 *
 * @returns none where this machine does not let us, or the user could not read the program.
 */
export function confined(folder: string, program: string): string[] {
  const wrapper = ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', folder]
  if (process.getuid?.() !== 0) return []
  chownSync(folder, NOBODY, NOBODY)
  const [first = '', ...rest] = wrapper
  try {
    const tries = `test -r ${program} && test -x ${process.execPath} && ! test -w ${program} && touch ${folder}/y && rm ${folder}/y`
    execFileSync(first, [...rest, 'sh', '-c', tries], { stdio: 'ignore' })
    return wrapper
  } catch {
    chownSync(folder, 0, 0)
    return []
  }
}
