-- Where each listener is in each book, the newest event alone. A deletion is a row, too: no late copy brings it back.
CREATE TABLE progress (
  user_id text COLLATE "C" NOT NULL,
  document_id uuid NOT NULL REFERENCES books (document_id) ON DELETE CASCADE,
  voice_id text NOT NULL,
  segment integer NOT NULL,
  intra_ms integer NOT NULL,
  global_offset integer,
  -- UTF-16 code units up to here.
  characters_read integer NOT NULL,
  device_id text,
  -- The client's own time of the event: how the same event sent again is known.
  client_ms bigint,
  deleted boolean NOT NULL,
  -- The event's time in microseconds.
  version bigint NOT NULL,
  PRIMARY KEY (user_id, document_id)
-- Rows are written again every few seconds: with room in their pages, and no index on what changes, that stays cheap.
) WITH (fillfactor = 70);
-- For the deletion of a book.
CREATE INDEX progress_document_id ON progress (document_id);
CREATE INDEX progress_deleted ON progress (document_id) WHERE deleted;

-- Where a listener was before a jump.
CREATE TABLE progress_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  document_id uuid NOT NULL,
  voice_id text NOT NULL,
  segment integer NOT NULL,
  intra_ms integer NOT NULL,
  global_offset integer,
  characters_read integer NOT NULL,
  device_id text,
  version bigint NOT NULL,
  jump text NOT NULL CHECK (jump IN ('back', 'forward', 'device', 'voice')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  FOREIGN KEY (user_id, document_id) REFERENCES progress ON DELETE CASCADE
);
CREATE INDEX progress_history_user_id_document_id ON progress_history (user_id, document_id, id);

-- Acknowledged positions that could not be stored, kept for whoever finds out why.
CREATE TABLE progress_dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Key and content as they were found, as JSON.
  entry text NOT NULL,
  error text NOT NULL,
  buried_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
