//! Deep readiness: dependencies with criticality, caches, one envelope, no secrets.
