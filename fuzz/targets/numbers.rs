//! Numbers, sizes, times and names of boards, as typed on the command line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipsqueak_trainer::cli::options::{bytes, number, share, whole};
use pipsqueak_trainer::human::{ByteCount, Seconds, size};
use pipsqueak_trainer::sizing::boards;

fuzz_target!(|typed: &[u8]| {
    let Ok(typed) = str::from_utf8(typed) else { return };
    if let Ok(number) = number::<f64>(0.0..=0.9)(typed) {
        assert!((0.0..=0.9).contains(&number));
    }
    if let Ok(share) = share::<f32>(typed) {
        assert!(share > 0.0 && share <= 1.0);
    }
    if let Ok(number) = whole::<u16>(1..=256)(typed) {
        assert!((1..=256).contains(&number));
    }
    _ = whole::<u64>(0..=u64::MAX)(typed);
    if let Ok(Seconds(seconds)) = typed.parse() {
        assert!((1.0..=1e6).contains(&seconds));
    }
    sizes(typed);
    if let Ok(board) = boards::find(typed) {
        assert_eq!(boards::find(board.name).map(|found| found.name).ok(), Some(board.name));
    }
});

/// A size is in its range, and is read again as it is shown; the advice about a wrong one is right.
fn sizes(typed: &str) {
    let read = bytes(8 << 10..=1 << 30);
    match read(typed) {
        Ok(ByteCount(bytes)) => {
            assert!((8 << 10..=1 << 30).contains(&bytes));
            let shown = size(bytes);
            assert!(
                shown.ends_with(" bytes") || shown.parse::<ByteCount>() == Ok(ByteCount(bytes)),
                "{shown}"
            );
        }
        Err(message) => {
            let advice = message.split_once("; write ").and_then(|(_, rest)| rest.strip_suffix(" for KiB"));
            assert!(advice.is_none_or(|advice| read(advice).is_ok()), "{message}");
        }
    }
}
