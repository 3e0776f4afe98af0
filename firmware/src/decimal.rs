//! Decimal numbers as people type them, exactly.

use crate::text::put_digits;
use crate::{Put, Show};

/// `digits / 10^places`: a number as typed, so that it prints as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u32,
    places: u8,
}

/// Digits below this, and powers of ten up to `10^PLACES`, are exact in an `f32`.
const DIGITS_BELOW: u32 = 1 << 24;
const PLACES: u8 = 6;
const POWERS: [u32; PLACES as usize + 1] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

impl Decimal {
    /// `digits / 10^places`; out-of-range parts are cut to the largest allowed.
    pub const fn new(digits: u32, places: u8) -> Decimal {
        let digits = if digits < DIGITS_BELOW { digits } else { DIGITS_BELOW - 1 };
        Decimal { digits, places: if places < PLACES { places } else { PLACES } }
    }

    /// Reads `12`, `0.8`, `.5` or `1.`: no sign, no exponent, at most six places and 2^24 in all digits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (mut digits, mut places, mut empty) = (0u32, None::<u8>, true);
        for byte in text.bytes() {
            match (byte, &mut places) {
                (b'.', None) => places = Some(0),
                (b'0'..=b'9', places) => {
                    digits = digits.checked_mul(10)?.checked_add(u32::from(byte - b'0'))?;
                    // A line may have more zeros than an u8 counts.
                    places.iter_mut().for_each(|places| *places = places.saturating_add(1));
                    empty = false;
                }
                _ => return None,
            }
        }
        let places = places.unwrap_or(0);
        let allowed = !empty && places <= PLACES && digits < DIGITS_BELOW;
        allowed.then_some(Decimal { digits, places })
    }

    /// The nearest `f32`: the quotient of two exact floats is rounded once, so this is what the PC reads from the same
    /// text (Clinger, "How to read floating point numbers accurately", 1990: the fast path).
    pub fn to_f32(self) -> f32 {
        self.digits as f32 / self.power() as f32
    }

    /// `10^places`; never 0, so that dividing by it has no path to a panic.
    fn power(self) -> u32 {
        POWERS.get(usize::from(self.places)).copied().unwrap_or(1).max(1)
    }
}

impl Show for Decimal {
    fn show(&self, out: &mut impl Put) {
        let power = self.power();
        out.put(self.digits / power);
        if self.places > 0 {
            put_digits(out.put("."), (self.digits % power).into(), 10, self.places.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::shown;
    use std::format;

    #[test]
    fn is_the_float_that_the_pc_reads() {
        for digits in (0..2_000_000).step_by(7) {
            let text = format!("{}.{:06}", digits / 1_000_000, digits % 1_000_000);
            assert_eq!(Decimal::parse(&text).unwrap().to_f32(), text.parse::<f32>().unwrap(), "{text}");
        }
    }

    #[test]
    fn prints_as_typed() {
        for text in ["0", "0.8", "1.05", "40", "0.000001", "16.777215"] {
            assert_eq!(shown(Decimal::parse(text).unwrap()), text);
        }
        assert_eq!(shown(Decimal::parse(".5").unwrap()), "0.5");
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in
            ["", ".", "-1", "+1", "1e3", "NaN", "inf", "0,8", "1.2.3", "0.1234567", "99999999999", "16777216"]
        {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
        let zeros = format!("0.{}5", "0".repeat(256));
        assert_eq!(Decimal::parse(&zeros), None, "no half");
    }
}
