//! Puts the fingerprint of the platform's sources into this crate, which refuses services of another build.

use std::path::Path;

#[path = "../scripts/fingerprint.rs"]
mod fingerprint;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fingerprint::rerun_if_fingerprint_changes(&root);
    match fingerprint::fingerprint(&root) {
        Ok(fingerprint) => println!("cargo:rustc-env=SABOT_FINGERPRINT={fingerprint}"),
        Err(error) => panic!("the sources cannot be fingerprinted: {error}"),
    }
}
