-- Names this database, so that a cache filled from another one is known as foreign.
CREATE TABLE installation (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  database_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE books (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  document_id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  title text NOT NULL,
  author text,
  language text NOT NULL,
  description text,
  state text NOT NULL CHECK (state IN ('pending', 'processing', 'ready', 'failed')),
  total_segments integer NOT NULL DEFAULT 0,
  -- UTF-16 code units of the normalised text.
  total_characters integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Work that is not done: the row and its text go when the import ends. Whoever changes it has locked the book's row.
CREATE TABLE imports (
  book_id integer PRIMARY KEY REFERENCES books ON DELETE CASCADE,
  text text NOT NULL,
  owner uuid,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  attempts integer NOT NULL DEFAULT 0
);

CREATE TABLE segments (
  book_id integer NOT NULL REFERENCES books ON DELETE CASCADE,
  number integer NOT NULL,
  text text NOT NULL,
  preview text NOT NULL,
  text_hash bytea NOT NULL,
  char_start integer NOT NULL,
  char_end integer NOT NULL,
  PRIMARY KEY (book_id, number)
);
-- Which books hold this text; whether any still does.
CREATE INDEX segments_text_hash ON segments (text_hash);

CREATE TABLE voices (
  id text PRIMARY KEY,
  engine text NOT NULL,
  voice_code text NOT NULL,
  language text NOT NULL,
  style text,
  gender text NOT NULL CHECK (gender IN ('FEMALE', 'MALE', 'NEUTRAL')),
  settings jsonb,
  -- The operator's choice; no start changes it.
  active boolean NOT NULL DEFAULT true,
  -- False while the engine does not have the voice.
  offered boolean NOT NULL DEFAULT true,
  position integer NOT NULL
);

CREATE TABLE audios (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- SHA-256 of all that makes the sound, lower-case hexadecimal: the name of the file.
  recipe text NOT NULL UNIQUE CHECK (recipe ~ '^[0-9a-f]{64}$'),
  text_hash bytea NOT NULL,
  voice_id text NOT NULL,
  engine text NOT NULL,
  state text NOT NULL CHECK (state IN ('making', 'ready', 'failed', 'freed', 'lost')),
  owner uuid,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  -- Raised whenever the right to publish is taken from somebody.
  epoch integer NOT NULL DEFAULT 1,
  bytes integer,
  sha256 text,
  duration_ms integer,
  error text,
  retry_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ready_at timestamptz,
  CHECK (state <> 'ready' OR (bytes IS NOT NULL AND sha256 IS NOT NULL AND duration_ms IS NOT NULL AND ready_at IS NOT NULL))
);
-- The audio of a text in a voice; renewing a lease touches no column of it, so it stays cheap.
CREATE INDEX audios_text_hash_voice_id ON audios (text_hash, voice_id);
