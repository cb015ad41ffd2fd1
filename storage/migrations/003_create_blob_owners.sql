-- Who may see which blob: whoever proved to have its bytes, and whose job made it. A row may outlive its blob, which is
-- then missing for all.
CREATE TABLE blob_owners (
  project TEXT NOT NULL,
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  -- Bytes.
  size INTEGER NOT NULL CHECK (size >= 0),
  PRIMARY KEY (project, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_owners_by_digest ON blob_owners (digest);

-- The sums over blob_owners, so that nobody has to wait for them.
CREATE TABLE blob_usage (
  project TEXT PRIMARY KEY,
  blobs INTEGER NOT NULL CHECK (blobs >= 0),
  bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER count_added_blob AFTER INSERT ON blob_owners BEGIN
  INSERT INTO blob_usage VALUES (NEW.project, 1, NEW.size)
    ON CONFLICT DO UPDATE SET blobs = blobs + 1, bytes = bytes + NEW.size;
END;

CREATE TRIGGER count_removed_blob AFTER DELETE ON blob_owners BEGIN
  UPDATE blob_usage SET blobs = blobs - 1, bytes = bytes - OLD.size WHERE project = OLD.project;
END;

-- Work that the first start after a migration has to do outside of the database, by name.
CREATE TABLE pending_work (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Before there were projects all blobs belonged to everybody, who are now the project "default".
INSERT INTO pending_work SELECT 'adopt_blobs' WHERE EXISTS (SELECT 1 FROM jobs);
