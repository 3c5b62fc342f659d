-- The reference of an email: the idempotency key under which it is sent, which its events carry. Where the provider's
-- answer got lost, and with it the message's id, an event tells which email it speaks of.

ALTER TABLE forwarder_sent ADD COLUMN reference uuid;  -- null where nothing was sent, and of older rows

-- The rows that still wait for their message's id: few.
CREATE INDEX forwarder_sent_unnamed ON forwarder_sent (provider, reference)
    WHERE provider_id IS NULL AND reference IS NOT NULL;

-- Events that came before the ledger knew their message: which email that is.
CREATE TABLE delivery_references (
    provider text NOT NULL,
    reference uuid NOT NULL,
    provider_id text NOT NULL,              -- without <>; the first that was told
    PRIMARY KEY (provider, reference)
);
