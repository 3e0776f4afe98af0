//! Decimal numbers as people type them, exactly.

use core::fmt;

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
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.len() > PLACES as usize {
            return None;
        }
        let mut digits = 0u32;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            digits = digits.checked_mul(10)?.checked_add(digit.into())?;
        }
        (digits < DIGITS_BELOW).then_some(Decimal { digits, places: fraction.len() as u8 })
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

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let power = self.power();
        write!(f, "{}", self.digits / power)?;
        match self.places {
            0 => Ok(()),
            places => write!(f, ".{:0width$}", self.digits % power, width = places.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, string::ToString};

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
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Decimal::parse(".5").unwrap().to_string(), "0.5");
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in
            ["", ".", "-1", "+1", "1e3", "NaN", "inf", "0,8", "1.2.3", "0.1234567", "99999999999", "16777216"]
        {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }
}
