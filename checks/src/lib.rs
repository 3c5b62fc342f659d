//! The judges: one folder per track, beside each check its failure mode and sabotages.
