-- Email: what was sent, what became of it, what the provider told of it, and how far the forwarder has come.
-- Needs the table audit_log (id bigint identity, kind, payload).

-- The ledger: one row for each audit row that emails, written after the provider's answer. An event never decides
-- by its arrival: classification and delivered_at follow from the stored events.
CREATE TABLE forwarder_sent (
    audit_id bigint PRIMARY KEY,
    sent_at timestamptz NOT NULL DEFAULT now(),
    provider text NOT NULL,
    provider_id text,                       -- the provider's message id without <>; null where nothing was sent
    recipient text NOT NULL DEFAULT '',     -- masked
    template_kind text NOT NULL,
    classification text NOT NULL CHECK (classification IN (
        'accepted', 'permanent_drop', 'delivered', 'bounced_soft', 'bounced_hard',
        'rejected', 'complaint', 'deferred', 'unsubscribed', 'error')),
    delivered_at timestamptz
);

CREATE INDEX forwarder_sent_by_message ON forwarder_sent (provider, provider_id);

-- Serves both looks at the whole: what was accepted too long ago, and how the last day went.
CREATE INDEX forwarder_sent_by_classification ON forwarder_sent (classification, sent_at);

-- Every event that was acknowledged, once. Those outside the declared table are kept too; the ledger ignores them.
CREATE TABLE delivery_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    provider_id text NOT NULL,              -- without <>; empty where an undeclared event names no message
    recipient_digest text NOT NULL,         -- SHA-256 of the lower-case address; empty where there is none
    event text NOT NULL,
    event_time timestamptz NOT NULL,        -- the event's own time; the epoch where an undeclared event has none
    link text NOT NULL DEFAULT '',
    raw text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    -- The provider has no id for an event: this is one.
    CONSTRAINT delivery_events_once UNIQUE (provider, provider_id, recipient_digest, event, event_time, link)
);

-- Every id up to the position that needs a ledger row has one, or waits for its next try in forwarder_claims.
CREATE TABLE forwarder_cursor (
    name text PRIMARY KEY,
    position bigint NOT NULL
);

-- Who is about to send what, for how long; and after a failed try, when the next one is due.
CREATE TABLE forwarder_claims (
    audit_id bigint PRIMARY KEY,
    token uuid NOT NULL,                    -- of the one claim that may say what came of it
    attempts integer NOT NULL DEFAULT 0,    -- tries that failed; with one, the cursor may pass
    due_at timestamptz NOT NULL,            -- the end of the lease, or the time of the next try
    last_error text
);

CREATE INDEX forwarder_claims_due ON forwarder_claims (due_at);

-- What must outlive a lost cursor: where idempotency keys come from, and the history that was there before, which
-- is nobody's to send. One row.
CREATE TABLE forwarder_deployment (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    namespace uuid NOT NULL DEFAULT gen_random_uuid(),
    starts_after bigint NOT NULL
);

INSERT INTO forwarder_deployment (starts_after) SELECT COALESCE(max(id), 0) FROM audit_log;
INSERT INTO forwarder_cursor (name, position) SELECT 'forwarder', starts_after FROM forwarder_deployment;
