//! Verdicts, plan, schedule, limits, proof, record and reports.
