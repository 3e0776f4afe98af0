//! The row of a table that stands for a pair of tokens: `floor(rows * h / 2^16)`, with a hash `h` of 16 bits. Pairs of one hash
//! share a row (Svenstrup et al. 2017, "Hash Embeddings").

/// Odd, and without a pattern in its bits: `2^32` times the golden ratio's fraction (Knuth, "Multiplicative hashing").
const FACTOR: u32 = 0x9e37_79b1;

/// The row for `token` behind `previous`, below `rows`, which is at most 65,535. Without `rows`, 0.
///
/// ```
/// use pipsqueak::internal::bigram_row;
/// assert_eq!(bigram_row(7, 300, 1024), 468);
/// ```
pub const fn bigram_row(previous: u16, token: u16, rows: usize) -> usize {
    let pair = ((previous as u32) << 16) | token as u32;
    // The upper bits of a product depend on all bits of the pair; the second product lets each pair depend on them.
    let mixed = pair.wrapping_mul(FACTOR);
    let hash = (mixed ^ (mixed >> 15)).wrapping_mul(FACTOR) >> 16;
    (hash.wrapping_mul(rows as u32) >> 16) as usize
}

#[cfg(test)]
mod tests {
    use super::bigram_row;

    #[test]
    fn pairs_spread_over_all_rows() {
        const ROWS: usize = 500;
        let mut counts = [0; ROWS];
        for previous in 0..100 {
            (0..100).for_each(|token| counts[bigram_row(previous, token, ROWS)] += 1);
        }
        // 20 a row on average. Of a random hash, 500 rows have from 7 to 35 nearly always.
        assert!(counts.iter().all(|count| (7..=35).contains(count)), "{counts:?}");
        assert!(bigram_row(u16::MAX, u16::MAX, 65_535) < 65_535);
        assert_ne!(bigram_row(3, 5, ROWS), bigram_row(5, 3, ROWS), "the order counts");
    }
}
