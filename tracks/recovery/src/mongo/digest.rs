//! A digest of many things that does not depend on their order.

use sha2::{Digest as _, Sha256};

/// How the digests here are computed: the first 128 bits of the SHA-256 of each document as BSON, byte for byte, all
/// added up modulo 2^128. A sum, unlike an exclusive or, sees a document that is there twice.
pub const ALGORITHM: &str = "bson-sha256-128-sum-1";

/// A digest under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) count: u64,
    sum: u128,
}

impl Digest {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let hash = Sha256::digest(bytes);
        let first: [u8; 16] = hash.first_chunk().copied().unwrap_or_default();
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(first));
        self.count += 1;
    }

    /// 32 hexadecimal digits.
    pub(super) fn hexadecimal(&self) -> String {
        format!("{:032x}", self.sum)
    }
}
