-- A local artifact's location is its datastore's path, and that may be longer than the 255 characters that an official
-- service has for it; so may the type of a value be. What is not a key may be of any length. (From varchar to text no row
-- is rewritten and no index is built: the tables are locked for a few milliseconds, whatever they hold.)

ALTER TABLE artifact_v3
    ALTER COLUMN location TYPE text,
    ALTER COLUMN ds_type TYPE text,
    ALTER COLUMN sha TYPE text,
    ALTER COLUMN type TYPE text,
    ALTER COLUMN content_type TYPE text;
ALTER TABLE metadata_v3 ALTER COLUMN type TYPE text;
