//! Chance that repeats: numbers that look random and depend on a seed alone.

/// A number that depends on `seed` and `number` and on nothing else, spread evenly over all 64 bits.
pub(super) fn mix(seed: u64, number: u64) -> u64 {
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// A number for `text`, to be mixed into a seed (FNV-1a).
pub(super) fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_row_of_numbers_and_another_seed_another() {
        let row = |seed| (1..50).map(|number| mix(seed, number)).collect::<Vec<_>>();
        assert_eq!(row(1), row(1));
        assert!(row(1).iter().all(|number| !row(2).contains(number)));
    }

    #[test]
    fn texts_that_differ_hash_differently() {
        assert_ne!(hash_text("reset"), hash_text("reset-created"));
    }
}
