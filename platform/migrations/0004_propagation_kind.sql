-- What can be propagated; the queue itself comes with the next migration.
CREATE TYPE propagation_kind AS ENUM ('tier_elevation');
