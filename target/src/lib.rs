//! What is judged: its description, supervisor and lanes.
