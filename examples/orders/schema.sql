CREATE SCHEMA shop;

CREATE TABLE shop.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    plan text NOT NULL CHECK (plan IN ('basic', 'plus', 'business'))
);

CREATE TABLE shop.parcels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES shop.customers (id),
    label text NOT NULL
);

-- What happened, for the support desk.
CREATE TABLE shop.activity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what text NOT NULL,
    customer_id bigint,
    who text NOT NULL,
    summary text NOT NULL,
    details jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- What has still to be told to the shipping service.
CREATE TABLE shop.tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL CONSTRAINT tasks_type CHECK (type IN ('reprice')),
    customer_id bigint NOT NULL,
    plan text NOT NULL,
    body jsonb NOT NULL,
    tries int NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT now(),
    tried_at timestamptz,
    problem text,
    done_at timestamptz,
    dead_at timestamptz,
    made_at timestamptz NOT NULL DEFAULT now(),
    held_by text
);
CREATE INDEX tasks_due ON shop.tasks (run_at) WHERE done_at IS NULL AND dead_at IS NULL;
CREATE INDEX tasks_customer ON shop.tasks (customer_id, id);

-- Mail goes out by another team's service, which writes a row here; its provider tells us what became of it.
CREATE TABLE shop.emails (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL,
    message_id text UNIQUE,
    recipient text NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'sent',
    arrived_at timestamptz
);

CREATE TABLE shop.email_events (
    message_id text NOT NULL,
    type text NOT NULL,
    happened_at timestamptz NOT NULL,
    recipient_digest text NOT NULL,
    link text NOT NULL,
    raw json NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT email_events_once UNIQUE (message_id, type, happened_at, recipient_digest, link)
);
