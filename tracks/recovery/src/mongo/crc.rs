//! CRC-64 as archives of `mongodump` have it: the polynomial of ECMA-182, reflected, as in Go's `hash/crc64`.

const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;

/// `TABLES[n][b]`: what byte `b` adds to the sum when `n` more bytes follow it.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = tables[0][(before as u8) as usize] ^ (before >> 8);
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// A sum under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crc64(u64);

impl Default for Crc64 {
    fn default() -> Self {
        Self(!0)
    }
}

impl Crc64 {
    /// Adds bytes, eight at a time.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<8>();
        let mut sum = self.0;
        for block in blocks {
            let mixed = (sum ^ u64::from_le_bytes(*block)).to_le_bytes();
            let parts = mixed.iter().zip(TABLES.iter().rev());
            sum = parts.fold(0, |sum, (byte, table)| sum ^ entry(table, *byte));
        }
        let [first, ..] = &TABLES;
        self.0 = rest.iter().fold(sum, |sum, byte| {
            let [low, ..] = sum.to_le_bytes();
            entry(first, low ^ byte) ^ (sum >> 8)
        });
    }

    /// The sum of all that was added.
    pub(super) fn sum(self) -> u64 {
        !self.0
    }
}

fn entry(table: &[u64; 256], byte: u8) -> u64 {
    table.get(usize::from(byte)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sum_that_others_compute() {
        let mut crc = Crc64::default();
        assert_eq!(crc.sum(), 0);
        // The check value of CRC-64/XZ, which is this one.
        crc.update(b"123456789");
        assert_eq!(crc.sum(), 0x995D_C9BB_DF19_39FA);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_come() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut whole = Crc64::default();
        whole.update(&bytes);
        for size in [1, 3, 7, 8, 9, 64] {
            let mut parts = Crc64::default();
            bytes.chunks(size).for_each(|part| parts.update(part));
            assert_eq!(parts.sum(), whole.sum(), "by {size}");
        }
    }
}
