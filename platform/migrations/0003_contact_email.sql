-- Where a team is told of what happens to it; without an address it is told nothing.

ALTER TABLE teams ADD COLUMN contact_email text
    CHECK (length(contact_email) BETWEEN 3 AND 254 AND contact_email LIKE '_%@_%');

-- Whether a refused call has been told of within the last minute.
CREATE INDEX audit_log_webhook_refused ON audit_log (created_at) WHERE kind = 'webhook.refused';
