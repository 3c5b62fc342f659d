-- Serves the look for a newer propagation of the same team; rows without a team don't pay for it.
CREATE INDEX pending_propagations_by_team ON pending_propagations (team_id, id) WHERE team_id IS NOT NULL;
