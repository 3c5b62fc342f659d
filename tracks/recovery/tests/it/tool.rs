//! External programs: found, run, stopped, and heard.
