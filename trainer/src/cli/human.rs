//! Numbers as people read and write them.

use std::str::FromStr;

/// A number with a comma before every three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let groups =
        digits.as_bytes()[first..].chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (first > 0).then(|| digits[..first].to_string());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// Bytes, with their KiB.
pub fn bytes(bytes: u64) -> String {
    format!("{} B ({:.1} KiB)", count(bytes), bytes as f64 / 1024.0)
}

/// A time, to the second.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{seconds:.1} s") } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}

/// A number of bytes as typed: `300`, `256K` (1024 bytes each) or `2M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = match text.strip_suffix(['K', 'k']) {
            Some(digits) => (digits, 1 << 10),
            None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
        };
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        number.map(ByteCount).ok_or(format!("'{text}' is no number of bytes; write it as 300, 256K or 2M"))
    }
}

/// A time as typed: `90s`, `10m` or `2h`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds(pub f64);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0)];
        let parsed = units.iter().find_map(|&(unit, seconds)| {
            let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
            Some(number * seconds)
        });
        let sensible = parsed.filter(|seconds| (1.0..=1e6).contains(seconds));
        sensible.map(Seconds).ok_or(format!("'{text}' is no time; write it as 90s, 10m or 2h"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!("90s".parse(), Ok(Seconds(90.0)));
        assert_eq!("1.5m".parse(), Ok(Seconds(90.0)));
        assert_eq!("2h".parse(), Ok(Seconds(7200.0)));
        for wrong in ["10", "m", "-1m", "0s", "1e9h", "NaNs"] {
            assert!(wrong.parse::<Seconds>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(123_456), "123,456");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn byte_counts_have_binary_units() {
        assert_eq!("2M".parse(), Ok(ByteCount(2 << 20)));
        assert_eq!("300".parse(), Ok(ByteCount(300)));
        assert!("2G".parse::<ByteCount>().is_err());
        assert!("99999999999999999999".parse::<ByteCount>().is_err());
    }
}
