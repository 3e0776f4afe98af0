//! Text and numbers, written part by part. `core::fmt` would take 4 KB of flash, and its numbers have paths to a panic.

/// Where text goes.
pub trait Put {
    /// Writes some bytes of a text.
    fn bytes(&mut self, bytes: &[u8]);

    /// Writes a value; returns where the next goes.
    fn put(&mut self, value: impl Show) -> &mut Self
    where
        Self: Sized,
    {
        value.show(self);
        self
    }
}

/// A value that can be written as text.
pub trait Show {
    /// Writes the value.
    fn show(&self, out: &mut impl Put);
}

/// A number as eight hexadecimal digits.
pub struct Hex(pub u32);

impl<T: Show + ?Sized> Show for &T {
    fn show(&self, out: &mut impl Put) {
        (**self).show(out);
    }
}

impl Show for str {
    fn show(&self, out: &mut impl Put) {
        out.bytes(self.as_bytes());
    }
}

impl Show for char {
    fn show(&self, out: &mut impl Put) {
        out.bytes(self.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

impl Show for u64 {
    #[inline(never)]
    fn show(&self, out: &mut impl Put) {
        put_digits(out, *self, 10, 1);
    }
}

impl Show for u32 {
    fn show(&self, out: &mut impl Put) {
        u64::from(*self).show(out);
    }
}

impl Show for usize {
    fn show(&self, out: &mut impl Put) {
        (*self as u64).show(out);
    }
}

impl Show for Hex {
    fn show(&self, out: &mut impl Put) {
        put_digits(out, self.0.into(), 16, 8);
    }
}

impl Show for pipsqueak::Error {
    fn show(&self, out: &mut impl Put) {
        self.sentence().as_str().show(out);
    }
}

impl Show for pipsqueak::Difference {
    fn show(&self, out: &mut impl Put) {
        self.sentence().as_str().show(out);
    }
}

/// Digits of the longest number, `u64::MAX`.
const DIGITS_MAX: usize = 20;

/// Writes `value` to a base of 10 or 16, with zeros before it up to `least` digits.
pub(crate) fn put_digits(out: &mut impl Put, value: u64, base: u32, least: usize) {
    out.bytes(digits(&mut [0; DIGITS_MAX], value, base, least));
}

#[inline(never)]
fn digits(digits: &mut [u8; DIGITS_MAX], value: u64, base: u32, least: usize) -> &[u8] {
    let (mut rest, mut start) = (value, DIGITS_MAX);
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        if rest == 0 && place < DIGITS_MAX - least {
            break;
        }
        let (quotient, value) = divide(rest, base.into());
        *digit = if value < 10 { b'0' + value as u8 } else { b'a' - 10 + value as u8 };
        (rest, start) = (quotient, place);
    }
    digits.get(start..).unwrap_or_default()
}

/// Quotient and remainder, for `by` from 1 to 2^63. Bit by bit, since the compiler's own function, made for speed, takes 0.9 KB.
#[inline(never)]
pub(crate) fn divide(value: u64, by: u64) -> (u64, u64) {
    let (mut quotient, mut rest) = (value, 0u64);
    for _ in 0..u64::BITS {
        rest = rest << 1 | quotient >> 63;
        quotient <<= 1;
        if rest >= by {
            rest -= by;
            quotient |= 1;
        }
    }
    (quotient, rest)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pipsqueak::internal::SplitMix64;
    use std::string::{String, ToString};
    use std::{format, vec::Vec};

    impl Put for Vec<u8> {
        fn bytes(&mut self, bytes: &[u8]) {
            self.extend(bytes);
        }
    }

    pub(crate) fn shown(value: impl Show) -> String {
        let mut out = Vec::new();
        value.show(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Small and large, and some about the powers of ten.
    fn numbers() -> impl Iterator<Item = u64> {
        let mut random = SplitMix64::new(3);
        let any = std::iter::from_fn(move || Some((random.below(1 << 32) as u64) << random.below(33)));
        let powers = (0..20).map(|power| 10u64.pow(power)).flat_map(|power| [power - 1, power, power + 1]);
        any.take(2000).chain(powers).chain([u64::MAX])
    }

    #[test]
    fn numbers_are_written_as_by_core_fmt() {
        for number in numbers() {
            assert_eq!(shown(number), number.to_string());
            assert_eq!(shown(number as u32), (number as u32).to_string());
            assert_eq!(shown(Hex(number as u32)), format!("{:08x}", number as u32));
        }
    }

    #[test]
    fn division_is_exact() {
        for number in numbers() {
            for by in [1, 7, 10, 25_000_000, u32::MAX.into(), 1 << 63] {
                assert_eq!(divide(number, by), (number / by, number % by), "{number} / {by}");
            }
        }
    }

    #[test]
    fn errors_are_the_sentences_of_the_core() {
        let error = pipsqueak::Error::UnknownCharacter('é');
        assert_eq!(shown(error), error.to_string());
        let difference = pipsqueak::Difference::Token { place: 3, found: None, expected: 65535 };
        assert_eq!(shown(difference), difference.to_string());
    }
}
