/**
 * The schema, one step after the other. `PRAGMA user_version` counts the steps that a database has had. A step that was
 * released is never changed; a new one goes to the end.
 *
 * Times are Unix ms unless a comment says otherwise. Sealed columns: see `row-sealer.ts`. No table names a person and
 * an application together.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot_seconds INTEGER NOT NULL,  -- Unix seconds of the last start, or more
    clock_seconds INTEGER NOT NULL, -- how far the server's clock has come at most, whole minutes
    key_check BLOB                  -- sealed under the master key: tells a key file that is not ours
  ) STRICT;
  INSERT INTO meta (id, boot_seconds, clock_seconds) VALUES (1, 0, 0);

  -- AUTOINCREMENT: a number is never used again, because a PUID is made of it
  CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    list_version INTEGER NOT NULL DEFAULT 0,
    list_sealed BLOB                -- ciphertext from the person's devices
  ) STRICT;
  -- what a start reads of every account, without the lists
  CREATE INDEX accounts_versions ON accounts (id, list_version);

  CREATE TABLE devices (
    slot INTEGER PRIMARY KEY CHECK (slot BETWEEN 0 AND 16777215),
    generation INTEGER NOT NULL,
    rotation INTEGER NOT NULL,
    device_id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES accounts (id),
    public_key BLOB NOT NULL UNIQUE CHECK (length(public_key) = 32),
    psk BLOB NOT NULL,              -- sealed
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    stamp INTEGER NOT NULL DEFAULT 0,
    session BLOB                    -- sealed, of one fixed size, or null
  ) STRICT;
  CREATE INDEX devices_account ON devices (account);

  -- slots that had an owner and have none now: their counts go on with the next
  CREATE TABLE free_slots (
    slot INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    rotation INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE apps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id BLOB NOT NULL UNIQUE CHECK (length(app_id) = 8),
    name TEXT NOT NULL,
    created INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE app_keys (
    id INTEGER PRIMARY KEY,
    app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    hash BLOB NOT NULL UNIQUE,      -- SHA-256 of the API key
    created INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX app_keys_app ON app_keys (app);

  CREATE TABLE codes (
    hash BLOB PRIMARY KEY,          -- keyed, see enrolment-codes.ts
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX codes_account ON codes (account);
  CREATE INDEX codes_expires ON codes (expires);

  CREATE TABLE hour_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created INTEGER NOT NULL,
    key BLOB NOT NULL               -- sealed under the master key
  ) STRICT;

  CREATE TABLE rings (
    ring BLOB PRIMARY KEY,
    hour_key INTEGER NOT NULL REFERENCES hour_keys (id),
    until INTEGER NOT NULL,
    row BLOB NOT NULL               -- sealed under the hour's key
  ) STRICT;
  CREATE INDEX rings_hour_key ON rings (hour_key);
  CREATE INDEX rings_until ON rings (until);
  `,
  `
  -- how an application is told by webhook: URL, secrets, what it wants; sealed, for the secrets sign
  CREATE TABLE webhooks (
    app INTEGER PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    config BLOB NOT NULL            -- sealed under the master key
  ) STRICT;

  -- ends of rings that webhooks are still to tell
  CREATE TABLE outcomes (
    ring BLOB PRIMARY KEY,
    hour_key INTEGER NOT NULL REFERENCES hour_keys (id),
    until INTEGER NOT NULL,
    row BLOB NOT NULL               -- sealed under the hour's key
  ) STRICT;
  CREATE INDEX outcomes_hour_key ON outcomes (hour_key);
  CREATE INDEX outcomes_until ON outcomes (until);
  `,
  // Consents, applications of developers, sessions of persons in a browser. docs/consent.md
  `
  -- consents on their way to a device: person and application stand in the sealed row only
  CREATE TABLE grants (
    grant_id BLOB PRIMARY KEY,
    until INTEGER NOT NULL,
    key BLOB NOT NULL,              -- of this row alone, sealed under the master key; goes with the row
    row BLOB NOT NULL               -- sealed under it
  ) STRICT;
  CREATE INDEX grants_until ON grants (until);

  CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,          -- keyed, of the bearer token
    session_id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    label TEXT NOT NULL,            -- what the person calls the browser
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    known BLOB UNIQUE,              -- keyed hash of what the browser keeps after it; null: nothing
    until INTEGER NOT NULL          -- when the row goes: with its session, or when the browser is forgotten
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_account ON sessions (account);
  CREATE INDEX sessions_until ON sessions (until);

  -- who develops it, not who uses it: docs/threat-model.md. Null: the operator
  ALTER TABLE apps ADD COLUMN owner INTEGER REFERENCES accounts (id) ON DELETE SET NULL;
  ALTER TABLE apps ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '[]'; -- JSON
  ALTER TABLE apps ADD COLUMN home_page TEXT NOT NULL DEFAULT '';
  ALTER TABLE apps ADD COLUMN domain TEXT NOT NULL DEFAULT '';
  ALTER TABLE apps ADD COLUMN domain_verified INTEGER NOT NULL DEFAULT 0; -- when it was; 0 it was not
  CREATE INDEX apps_owner ON apps (owner);

  ALTER TABLE app_keys ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE app_keys ADD COLUMN mode TEXT NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'test'));
  ALTER TABLE app_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'presence:read rings:write';
  UPDATE app_keys SET key_id = 'key_' || lower(hex(randomblob(8)));
  `,
  // Who signs in at a provider of identities. docs/pages.md
  `
  CREATE TABLE identities (
    hash BLOB PRIMARY KEY,          -- keyed, of issuer and subject
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX identities_account ON identities (account);

  CREATE TABLE passkeys (
    credential TEXT PRIMARY KEY,    -- base64url
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    public_key BLOB NOT NULL,       -- COSE
    counter INTEGER NOT NULL,
    label TEXT NOT NULL,            -- the browser that made it
    created INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX passkeys_account ON passkeys (account);
  `,
]
