/** One row of the registry. */
interface ErrorRow {
  /** What is wrong, one sentence without a full stop. */
  readonly message: string
  /** Which call or option of ours was given it. */
  readonly where: string
  /** What the caller can do. */
  readonly hint: string
}

/**
 * Every error that a caller of this package can cause, by its stable code. Codes are never reused or renamed;
 * `docs/errors.md` is checked against this table. Hostile datagrams, a peer that breaks the protocol and our own bugs
 * are not here: they are drop reasons, close codes and failed assertions.
 */
export const ERRORS = {
  PL_BACKUP_EXISTS: {
    message: 'the file exists already',
    where: 'backup',
    hint: 'Give a new name; a backup never replaces a file.',
  },
  PL_BACKUP_INVALID: {
    message: 'not a whole backup of Pilotlight',
    where: 'restore',
    hint: 'Give a file that `pilotlight backup` made.',
  },
  PL_BAD_ADDRESS: {
    message: 'not an IP address and port',
    where: 'addressFrom',
    hint: 'Give dotted IPv4 or IPv6 text, without brackets, and a port from 0 to 65535.',
  },
  PL_BAD_HEX: {
    message: 'not hexadecimal',
    where: 'fromHex',
    hint: 'Give an even number of the characters 0-9, a-f, A-F.',
  },
  PL_BAD_LIST: {
    message: 'not a valid person list',
    where: 'encodePersonList',
    hint: 'See wire-spec section 10: at most 256 entries, no application twice, texts of at most 128 bytes, 32736 bytes in all.',
  },
  PL_BAD_OPTION: {
    message: 'an option has a wrong value',
    where: 'options',
    hint: 'See the docstring of the option for its range.',
  },
  PL_KEYS_INVALID: {
    message: 'the key file cannot be read',
    where: 'openStore',
    hint: 'Put back the key file from a backup. Without it the sealed rows are lost.',
  },
  PL_KEYS_MISSING: {
    message: 'the key file is missing, but the database was sealed with one',
    where: 'openStore',
    hint: 'Put back the key file from a backup, or name it with `keyFile` (`--key-file`).',
  },
  PL_KEYS_OPEN: {
    message: 'others on this machine may read the key file',
    where: 'openStore',
    hint: 'Run chmod 600 on it. If others may have read it, rotate the keys.',
  },
  PL_KEYS_WRONG: {
    message: 'the key file does not belong to this database',
    where: 'openStore',
    hint: 'Put back the key file and the database from the same backup.',
  },
  PL_RESTORE_NOT_EMPTY: {
    message: 'the folder is not empty',
    where: 'restore',
    hint: 'Give an empty folder, or `force` to replace what is there.',
  },
  PL_STORE_BUSY: {
    message: 'another process uses this folder',
    where: 'openStore',
    hint: 'Stop the running server first, or use its admin commands.',
  },
  PL_STORE_CLOSED: {
    message: 'the store is closed',
    where: 'Store',
    hint: 'Make no calls after close().',
  },
  PL_STORE_DAMAGED: {
    message: 'the database file is damaged',
    where: 'openStore',
    hint: 'Check the disk, then restore a backup.',
  },
  PL_STORE_FAILED: {
    message: 'the store could not do it',
    where: 'Store',
    hint: 'The detail says why. If it repeats, restart the server.',
  },
  PL_STORE_FOLDER: {
    message: 'the folder or a file in it cannot be read or written',
    where: 'openStore',
    hint: 'Check that the path is right and that this user may write there.',
  },
  PL_STORE_FULL: {
    message: 'the disk is full',
    where: 'Store',
    hint: 'Free some space. Nothing that was confirmed is lost.',
  },
  PL_STORE_MISSING: {
    message: 'there is a key file, but its database is missing or empty',
    where: 'openStore',
    hint: 'Put the database back, or restore a backup with `pilotlight restore FILE --force`. To begin anew with these keys, start once with `serve --new-database`: everybody must enrol again.',
  },
  PL_STORE_NEWER: {
    message: 'a newer version of Pilotlight wrote this',
    where: 'openStore',
    hint: 'Run that version, or restore a backup of this one.',
  },
  PL_STORE_NOT_DATABASE: {
    message: 'the file is not a Pilotlight database',
    where: 'openStore',
    hint: 'Give the folder of a Pilotlight server, or move the file away.',
  },
  PL_STORE_SEAL: {
    message: 'a sealed row does not open: it was moved, changed or damaged',
    where: 'Store',
    hint: 'Restore a backup, or remove the device and enrol it again.',
  },
  PL_TRACE_FILE: {
    message: 'the qlog or key log cannot be written',
    where: 'options',
    hint: 'Give a folder or file that this user may write, on a disk with room, or leave the option out.',
  },
} as const satisfies Record<string, ErrorRow>

/** A stable code such as `PL_BAD_OPTION`. */
export type ErrorCode = keyof typeof ERRORS

/** A mistake of the caller. Match on `code`; the text may change. */
export class PilotlightError extends Error {
  override readonly name = 'PilotlightError'
  /** Row of the registry. */
  readonly code: ErrorCode

  /**
   * @param code   row of the registry.
   * @param detail the value or the name that was wrong, without secrets; may be empty.
   */
  constructor(code: ErrorCode, detail = '') {
    const row = ERRORS[code]
    super(`${row.message}${detail === '' ? '' : `: ${detail}`} (${row.where}). ${row.hint}`)
    this.code = code
  }
}
