//! Puts the fingerprint of the sources into the services, for `--version`.

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
