//! The frames and the answers of the firmware's loader, as `docs/flashing.md` describes them.

use pipsqueak::internal::file::checksum;

use super::room::Room;

/// Bytes of the file in a frame.
pub(super) const PAYLOAD_BYTES: usize = 128;
const START: u8 = 0xf5;
const ESCAPE: u8 = 0x7d;
const ESCAPED_BY: u8 = 0x20;
/// Ctrl-C, LF, CR, XON, XOFF, the board's mark for a loss, and the escape itself.
const TO_ESCAPE: [u8; 7] = [0x03, 0x0a, 0x0d, 0x11, 0x13, 0x1a, ESCAPE];

/// The kinds of frames, by the letter that answers repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of `offset` bytes is to come; the payload is its CRC-32.
    Begin = b'B' as isize,
    /// Does flash hold the file up to `offset`? The payload is the CRC-32 of these bytes but the first 128.
    Check = b'C' as isize,
    /// Bytes of the file.
    Data = b'D' as isize,
    /// The first 128 bytes of the file.
    End = b'E' as isize,
}

impl Kind {
    pub(super) fn letter(self) -> char {
        char::from(self as u8)
    }
}

/// A frame as it goes over the line.
pub fn encode(kind: Kind, offset: u32, payload: &[u8]) -> Vec<u8> {
    let content = [&[kind as u8], &offset.to_le_bytes()[..], payload].concat();
    let crc = checksum(&content).to_le_bytes();
    let content = [&content[..], &crc].concat();
    let key = key(&content);
    let escaped = |byte: u8| if is_command(byte) { vec![ESCAPE, byte ^ ESCAPED_BY] } else { vec![byte] };
    let bytes = content.iter().flat_map(|byte| escaped(byte ^ key));
    [START, key].into_iter().chain(bytes).chain([b'\n']).collect()
}

fn is_command(byte: u8) -> bool {
    TO_ESCAPE.contains(&byte)
}

/// The key with which the fewest bytes are escaped: of 249 keys, one has no more than the mean of 7 in 249.
fn key(content: &[u8]) -> u8 {
    let mut counts = [0usize; 256];
    content.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let escaped = |key: &u8| TO_ESCAPE.iter().map(|byte| counts[usize::from(byte ^ key)]).sum::<usize>();
    (0..=u8::MAX).filter(|key| !is_command(*key)).min_by_key(escaped).unwrap_or(0)
}

/// An answer of the board.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The loader is there. It erases so many bytes together. Before version 3, it did not tell RAM and parts.
    Ready { version: u32, erase_bytes: u64, room: Room },
    /// A frame was obeyed; the file is there up to `offset`.
    Done { kind: char, offset: u32 },
    /// A frame was not.
    Refused { kind: char, sort: Sort, reason: String },
}

/// The remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// The same frame once more.
    Again,
    /// Asking what the board holds, and going on from there.
    Elsewhere,
    /// Nothing.
    Never,
}

impl Answer {
    /// Reads a line, without its end; none if it is no answer, or a damaged one.
    pub(super) fn parse(line: &str) -> Option<Answer> {
        // A prompt may stand before it.
        let start = ["ready ", "ack ", "nak "].iter().filter_map(|word| line.find(word)).min()?;
        let (text, crc) = line[start..].rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16) != Ok(checksum(text.as_bytes())) {
            return None;
        }
        let mut words = text.splitn(5, ' ');
        let mut word = || words.next();
        match word()? {
            "ready" => {
                let version = word()?.parse().ok()?;
                let flash_bytes = word()?.parse().ok()?;
                let erase_bytes = word()?.parse().ok().filter(|bytes| *bytes > 0)?;
                let (ram_bytes, parts) = if version < 3 { (u64::MAX, u32::MAX) } else { limits(word()?)? };
                Some(Answer::Ready { version, erase_bytes, room: Room { flash_bytes, ram_bytes, parts } })
            }
            "ack" => Some(Answer::Done { kind: word()?.chars().next()?, offset: word()?.parse().ok()? }),
            _ => {
                let kind = word()?.chars().next()?;
                word()?;
                let sort = match word()? {
                    "again" => Sort::Again,
                    "elsewhere" => Sort::Elsewhere,
                    _ => Sort::Never,
                };
                Some(Answer::Refused { kind, sort, reason: word()?.into() })
            }
        }
    }
}

/// RAM, and the parts of models; later versions may tell more.
fn limits(words: &str) -> Option<(u64, u32)> {
    let mut words = words.split(' ');
    Some((words.next()?.parse().ok()?, u32::from_str_radix(words.next()?, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> String {
        format!("{text} {:08x}", checksum(text.as_bytes()))
    }

    #[test]
    fn a_frame_has_no_byte_that_a_port_could_take_for_a_command() {
        for bytes in
            [[0x0a; 128], std::array::from_fn(|i| TO_ESCAPE[i % 7]), std::array::from_fn(|i| i as u8)]
        {
            let frame = encode(Kind::Data, 0x0d0a_031a, &bytes);
            let (end, inside) = frame.split_last().unwrap();
            assert_eq!((inside[0], *end), (START, b'\n'));
            assert!(inside.iter().all(|byte| *byte == ESCAPE || !TO_ESCAPE.contains(byte)));
            // f5, the key, the kind, the offset, the bytes, the CRC, the end; and at most 3 escapes.
            assert!(frame.len() <= 2 + 1 + 4 + 128 + 4 + 1 + 3, "{}", frame.len());
            assert!(std::str::from_utf8(&frame).is_err(), "the prompt would take it for a text");
        }
    }

    #[test]
    fn answers_are_read_and_damaged_ones_are_not() {
        let ready = |version, ram_bytes, parts| {
            Some(Answer::Ready {
                version,
                erase_bytes: 512,
                room: Room { flash_bytes: 4096, ram_bytes, parts },
            })
        };
        let read = |text| Answer::parse(&checked(text));
        assert_eq!(
            Answer::parse(&format!("> {}", checked("ready 2 4096 512"))),
            ready(2, u64::MAX, u32::MAX)
        );
        assert_eq!(read("ready 3 4096 512 12000 00040000"), ready(3, 12_000, 0x4_0000));
        assert_eq!(read("ready 4 4096 512 12000 00040000 more"), ready(4, 12_000, 0x4_0000));
        assert_eq!(Answer::parse(&checked("ack D 768")), Some(Answer::Done { kind: 'D', offset: 768 }));
        let refused = Answer::Refused { kind: '?', sort: Sort::Again, reason: "the frame is damaged".into() };
        assert_eq!(Answer::parse(&checked("nak ? 768 again the frame is damaged")), Some(refused));
        for line in
            ["", "ack", "ack D 768", "ack D 769 00000000", "Once upon a time", &checked("ready 1 2 0")]
        {
            assert_eq!(Answer::parse(line), None, "{line}");
        }
    }
}
