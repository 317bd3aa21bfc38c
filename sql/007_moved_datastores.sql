-- A local datastore moves along with root, and rows name it by the path it had when they were written. Every place it
-- ever had is remembered; what readers are to be told in the place of a former one stands in datastore_moves.

CREATE TABLE anywhere.datastores (root text PRIMARY KEY, first_used timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE anywhere.datastore_moves (former text PRIMARY KEY, now text NOT NULL);
