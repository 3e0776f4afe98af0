//! The values of options: numbers and sizes, each with the range that it may have.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::data::clean;
use crate::human::{self, ByteCount};

/// Of a name that takes flash.
const NAME_BYTES_MAX: usize = 200;

/// Reads a number of a range.
pub fn number<T>(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + Copy + Into<f64>,
{
    move |text| {
        let number = text.parse().ok().filter(|&number: &T| range.contains(&number.into()));
        number.ok_or_else(|| format!("it must be a number from {} to {}", range.start(), range.end()))
    }
}

/// Reads a share: above 0 and at most 1.
pub fn share<T>(text: &str) -> Result<T, String>
where
    T: FromStr + Copy + Into<f64>,
{
    let number = text.parse().ok().filter(|&number: &T| number.into() > 0.0 && number.into() <= 1.0);
    number.ok_or_else(|| "it must be a number above 0 and at most 1".into())
}

/// Reads a whole number of a range.
pub fn whole<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = ungrouped(text).and_then(|digits| digits.parse().ok());
        let number = number.filter(|number| range.contains(number));
        let [first, last] = [range.start(), range.end()].map(|&end| human::count(end));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("it must be a whole number from {first} to {last}"))
    }
}

/// The digits of `1_000` or `1,000`; `None` where commas do not part thousands, as in `1,5`.
fn ungrouped(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split(',').collect();
    let first = groups[0].len();
    let is_grouped = (1..=3).contains(&first) && groups[1..].iter().all(|group| group.len() == 3);
    (groups.len() == 1 || is_grouped).then(|| text.replace(['_', ','], ""))
}

/// Reads a short text of one line, which a model file then holds.
pub(super) fn name(text: &str) -> Result<String, String> {
    let text = clean::plain(text.into()).trim().to_string();
    let fits = text.len() <= NAME_BYTES_MAX && !text.contains('\n');
    fits.then_some(text).ok_or_else(|| format!("it must be one line of at most {NAME_BYTES_MAX} bytes"))
}

/// Reads a number of bytes of a range.
pub fn bytes(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<ByteCount, String> + Clone {
    move |text| {
        let bytes: ByteCount = text.parse()?;
        if range.contains(&bytes.0) {
            return Ok(bytes);
        }
        let forgotten = text
            .parse::<u64>()
            .is_ok_and(|number| number.checked_mul(1024).is_some_and(|bytes| range.contains(&bytes)));
        let advice = if forgotten { format!("; write {text}K for KiB") } else { String::new() };
        let [first, last] = [range.start(), range.end()].map(|&end| human::size(end));
        Err(format!("it must be from {first} to {last}{advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_told_the_range() {
        assert_eq!(number(0.0..=10.0)("1e-2"), Ok(0.01f64));
        for wrong in ["-1", "NaN", "10.1", "x", ""] {
            assert_eq!(
                number::<f64>(0.0..=10.0)(wrong).unwrap_err(),
                "it must be a number from 0 to 10",
                "{wrong}"
            );
        }
        assert!(share::<f32>("0").unwrap_err().contains("above 0 and at most 1"));
        assert_eq!(whole(1..=65_536)("1,000"), Ok(1000u16));
        assert_eq!(whole(0..=u64::MAX)("1,234,567"), Ok(1_234_567u64));
        assert_eq!(whole(1..=65_536)("1_0_00"), Ok(1000u16));
        for wrong in [
            "0",
            "-1",
            "1.5",
            "1,5",
            "1,00",
            ",100",
            "1,000,0",
            "1000,000",
            "0x10",
            "1e3",
            "_",
            "65537",
            "99999999999999999999",
            "",
        ] {
            assert_eq!(
                whole::<u64>(1..=65_536)(wrong).unwrap_err(),
                "it must be a whole number from 1 to 65,536"
            );
        }
        assert_eq!(bytes(8192..=1 << 30)("256K"), Ok(ByteCount(256 << 10)));
        let message = bytes(8192..=1 << 30)("256").unwrap_err();
        assert_eq!(message, "it must be from 8 KiB to 1 GiB; write 256K for KiB");
        // In KiB this is 2^64 + 8,192 bytes.
        assert_eq!(bytes(8192..=1 << 30)("18014398509481992").unwrap_err(), "it must be from 8 KiB to 1 GiB");
        assert_eq!(bytes(8192..=1 << 30)("2G").unwrap_err(), "it must be from 8 KiB to 1 GiB");
        assert!(bytes(1..=10)("x").unwrap_err().contains("256K"));
    }

    #[test]
    fn a_name_is_one_short_line_without_what_cannot_be_seen() {
        assert_eq!(name("\u{feff}CC-BY 4.0\u{1b}\n"), Ok("CC-BY 4.0".into()));
        for wrong in ["MIT\nApache", &"x".repeat(201)] {
            assert_eq!(name(wrong).unwrap_err(), "it must be one line of at most 200 bytes");
        }
    }
}
