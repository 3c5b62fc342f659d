//! Stores in a local folder.
