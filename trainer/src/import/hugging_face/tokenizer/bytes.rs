//! GPT-2's spelling of bytes as characters that can be seen.

/// The byte that a character stands for: itself, where it can be seen in Latin-1; the others, in their order, are the
/// characters from U+0100 on.
pub fn byte_of(character: char) -> Option<u8> {
    let number = u32::from(character);
    match number {
        0..256 => u8::try_from(number).ok().filter(|&byte| is_itself(byte)),
        256.. => (0..=255).filter(|&byte| !is_itself(byte)).nth(number as usize - 256),
    }
}

/// The character that stands for a byte.
pub fn character_of(byte: u8) -> char {
    let others_before = || (0..byte).filter(|&other| !is_itself(other)).count() as u32;
    if is_itself(byte) { byte.into() } else { char::from_u32(256 + others_before()).unwrap_or_default() }
}

fn is_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let mut bytes: Vec<u8> = ('\0'..='\u{200}').filter_map(byte_of).collect();
        bytes.sort_unstable();
        assert!(bytes.into_iter().eq(0..=255));
        assert_eq!(
            (byte_of('Ġ'), byte_of('Ċ'), byte_of('a'), byte_of(' ')),
            (Some(b' '), Some(b'\n'), Some(b'a'), None)
        );
        assert!((0..=255).all(|byte| byte_of(character_of(byte)) == Some(byte)));
    }
}
