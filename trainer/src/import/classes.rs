//! Unicode's classes of characters, as a model file holds them for words that are cut as GPT-2's.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// See `Words::Gpt2` of the model file: letters are `\p{L}`, numbers `\p{N}`, white space `\s`.
pub fn table() -> Vec<u8> {
    let mut table = Vec::new();
    let (mut class, mut length) = (0, 0);
    for number in 0..=u32::from(char::MAX) {
        let next = char::from_u32(number).map_or(0, class_of);
        if next != class {
            leb128(4 * length + class, &mut table);
            (class, length) = (next, 0);
        }
        length += 1;
    }
    if class != 0 {
        leb128(4 * length + class, &mut table);
    }
    table
}

fn class_of(character: char) -> u32 {
    match character.general_category_group() {
        GeneralCategoryGroup::Letter => 1,
        GeneralCategoryGroup::Number => 2,
        _ if character.is_whitespace() => 3,
        _ => 0,
    }
}

fn leb128(mut number: u32, bytes: &mut Vec<u8>) {
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipsqueak::internal::file::Words;

    /// The class of every character beside one of another class, as the cuts around it tell it.
    #[test]
    fn the_core_reads_every_class_from_the_table() {
        let table = table();
        assert!(table.len() < 4096, "{} bytes", table.len());
        let words = |text: &str| {
            let words = Words::Gpt2 { classes: &table, single_digits: false }.split(text, false);
            words.map(|word| word.bytes().count()).collect::<Vec<_>>()
        };
        let neighbour =
            |c: char, by: i32| (u32::from(c) as i32 + by).try_into().ok().and_then(char::from_u32);
        let ends_a_run =
            |c: char| [-1, 1].iter().any(|&by| neighbour(c, by).map(class_of) != Some(class_of(c)));
        for character in ('\0'..=char::MAX).filter(|&c| c != '\'' && c != ' ' && ends_a_run(c)) {
            let length = character.len_utf8();
            let joined = |other: &str| words(&format!("{character}{other}")) == [length + 1];
            let found = [joined("a"), joined("1"), joined("\n"), joined("!")];
            let expected = class_of(character);
            assert_eq!(found, [expected == 1, expected == 2, expected == 3, expected == 0], "{character:?}");
        }
    }
}
