-- The queue. Before it, the adopter's own migration makes the enum, for the kinds are his:
--     CREATE TYPE propagation_kind AS ENUM ('tier_elevation', …);

CREATE TABLE pending_propagations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind propagation_kind NOT NULL,
    team_id bigint,
    target_tier text,
    payload jsonb NOT NULL DEFAULT '{}',
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- that failed; a crash and a success add none
    next_attempt_at timestamptz NOT NULL DEFAULT now(),         -- while a lease lives: when it runs out
    last_attempt_at timestamptz,
    last_error text,
    applied_at timestamptz,
    failed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    lease bigint,                                               -- who holds it: the fence of every completion
    lost_leases integer NOT NULL DEFAULT 0,                     -- that ran out before their runner came back
    CHECK (applied_at IS NULL OR failed_at IS NULL)
) WITH (
    -- Each row is rewritten twice on its way; what that leaves is cleared away early, and in small portions.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.05
);

-- Serves the claim. It holds unfinished rows alone, so that those kept after they were applied cost a claim nothing.
CREATE INDEX pending_propagations_due ON pending_propagations (next_attempt_at)
    WHERE applied_at IS NULL AND failed_at IS NULL;

-- Serves the lists of dead letters; no other row pays for it.
CREATE INDEX pending_propagations_dead ON pending_propagations (id) WHERE failed_at IS NOT NULL;

-- Wakes an idle runner, when this transaction commits. A notification takes a lock that lets one transaction commit
-- at a time, in the whole database: so nobody pays for it while no runner sleeps, which an advisory lock tells.
CREATE FUNCTION propagation_ring() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_try_advisory_lock_shared(6535049900254117) THEN
        PERFORM pg_advisory_unlock_shared(6535049900254117);
    ELSE
        PERFORM pg_notify('propagation', '');
    END IF;
END
$$;

CREATE FUNCTION propagation_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM propagation_ring();
    RETURN NULL;
END
$$;

CREATE TRIGGER pending_propagations_ring AFTER INSERT ON pending_propagations
    FOR EACH STATEMENT EXECUTE FUNCTION propagation_inserted();

-- For callers in any language: call it in the transaction of the change that it is to follow.
CREATE FUNCTION propagation_enqueue(
    kind propagation_kind,
    team_id bigint DEFAULT NULL,
    target_tier text DEFAULT NULL,
    payload jsonb DEFAULT '{}',
    delay interval DEFAULT '0'
) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO pending_propagations (kind, team_id, target_tier, payload, next_attempt_at)
    VALUES ($1, $2, $3, $4, now() + $5)
    RETURNING id
$$;
