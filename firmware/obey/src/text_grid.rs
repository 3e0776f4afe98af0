//! Text in rows of cells, as a small display has it.

/// Rows of `COLUMNS` characters that text streams into: words that do not fit go to the next row whole, and when the last row is
/// full, all rows move up. A byte is a character of Latin-1; others are shown as a question mark.
#[derive(Debug, Clone)]
pub struct TextGrid<const COLUMNS: usize, const ROWS: usize> {
    rows: [[u8; COLUMNS]; ROWS],
    row: usize,
    column: usize,
}

/// Which rows a character has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// None.
    Nothing,
    /// This one, and the next if a word has moved.
    From(usize),
    /// All.
    All,
}

impl Changed {
    /// Whether a row may have changed.
    pub fn contains(self, row: usize) -> bool {
        match self {
            Changed::Nothing => false,
            Changed::From(first) => row == first || row == first + 1,
            Changed::All => true,
        }
    }
}

const BLANK: u8 = b' ';

impl<const COLUMNS: usize, const ROWS: usize> TextGrid<COLUMNS, ROWS> {
    /// Empty rows.
    pub const fn new() -> Self {
        TextGrid { rows: [[BLANK; COLUMNS]; ROWS], row: 0, column: 0 }
    }

    /// The characters of a row, in Latin-1; blanks at its end.
    pub fn row(&self, row: usize) -> &[u8] {
        self.rows.get(row).map_or(&[], |row| row.as_slice())
    }

    /// Adds a character.
    pub fn push(&mut self, character: char) -> Changed {
        match character {
            '\n' => self.next_row(),
            ' ' => self.space(),
            character if character.is_control() => Changed::Nothing,
            character => self.write(u8::try_from(u32::from(character)).unwrap_or(b'?')),
        }
    }

    fn space(&mut self) -> Changed {
        match self.column {
            // No row begins with a space.
            0 => Changed::Nothing,
            column if column >= COLUMNS => self.next_row(),
            _ => {
                self.column += 1;
                Changed::Nothing
            }
        }
    }

    fn write(&mut self, character: u8) -> Changed {
        let from = self.row;
        let mut changed = Changed::From(from);
        if self.column >= COLUMNS && self.wrap() == Changed::All {
            changed = Changed::All;
        }
        let cell = self.rows.get_mut(self.row).and_then(|row| row.get_mut(self.column));
        cell.into_iter().for_each(|cell| *cell = character);
        self.column += 1;
        changed
    }

    /// Goes to the next row, and takes the unfinished word along; a word as long as a row is cut.
    fn wrap(&mut self) -> Changed {
        let mut word = [BLANK; COLUMNS];
        let mut length = 0;
        if let Some(row) = self.rows.get_mut(self.row) {
            let start = row.iter().rposition(|&c| c == BLANK).map_or(0, |space| space + 1);
            if start > 0 {
                for (from, to) in row.iter_mut().skip(start).zip(&mut word) {
                    *to = core::mem::replace(from, BLANK);
                    length += 1;
                }
            }
        }
        let changed = self.next_row();
        if let Some(row) = self.rows.get_mut(self.row) {
            *row = word;
        }
        self.column = length;
        changed
    }

    fn next_row(&mut self) -> Changed {
        self.column = 0;
        if self.row + 1 < ROWS {
            self.row += 1;
            return Changed::Nothing;
        }
        self.rows.rotate_left(1.min(ROWS));
        self.rows.iter_mut().last().into_iter().for_each(|row| *row = [BLANK; COLUMNS]);
        Changed::All
    }
}

impl<const COLUMNS: usize, const ROWS: usize> Default for TextGrid<COLUMNS, ROWS> {
    fn default() -> Self {
        TextGrid::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn shown<const C: usize, const R: usize>(text: &str) -> Vec<String> {
        let mut grid = TextGrid::<C, R>::new();
        text.chars().for_each(|character| _ = grid.push(character));
        (0..R)
            .map(|row| grid.row(row).iter().map(|&c| char::from(c)).collect::<String>().trim_end().into())
            .collect()
    }

    #[test]
    fn words_go_to_the_next_row_whole() {
        assert_eq!(shown::<10, 3>("once upon a time"), ["once upon", "a time", ""]);
        assert_eq!(shown::<10, 3>("once upon time"), ["once upon", "time", ""]);
        // A word that fits to the last cell, and the space behind it.
        assert_eq!(shown::<9, 3>("once upon a time"), ["once upon", "a time", ""]);
        assert_eq!(shown::<9, 3>("once upon"), ["once upon", "", ""]);
    }

    #[test]
    fn longer_words_are_cut() {
        assert_eq!(shown::<4, 4>("a bookshelf"), ["a", "book", "shel", "f"]);
    }

    #[test]
    fn rows_move_up() {
        assert_eq!(shown::<5, 2>("one\ntwo\nthree"), ["two", "three"]);
        assert_eq!(shown::<5, 2>("aa bb cc dd ee"), ["cc dd", "ee"]);
        assert_eq!(shown::<5, 1>("aa bb"), ["aa bb"]);
        assert_eq!(shown::<5, 1>("aa bbb"), ["bbb"]);
    }

    #[test]
    fn other_characters_are_question_marks_or_nothing() {
        assert_eq!(shown::<9, 1>("caf\u{e9} \u{1f42d}\u{7}\u{44f}"), ["caf\u{e9} ??"]);
    }

    #[test]
    fn changes_are_told() {
        let mut grid = TextGrid::<4, 2>::new();
        assert_eq!(grid.push('a'), Changed::From(0));
        assert_eq!(grid.push(' '), Changed::Nothing);
        assert_eq!([grid.push('b'), grid.push('b')], [Changed::From(0); 2]);
        // «bbb» moves: both rows change.
        assert_eq!(grid.push('b'), Changed::From(0));
        assert_eq!((grid.row(0), grid.row(1)), (&b"a   "[..], &b"bbb "[..]));
        assert_eq!(grid.push('\n'), Changed::All);
    }

    #[test]
    fn nothing_makes_it_panic() {
        let text: Vec<char> = " \nab\u{e9}c d".chars().collect();
        let mut random = 1u32;
        let (mut small, mut empty, mut narrow) =
            (TextGrid::<3, 2>::new(), TextGrid::<0, 0>::new(), TextGrid::<1, 1>::new());
        for _ in 0..10_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let character = text[(random >> 16) as usize % text.len()];
            _ = (small.push(character), empty.push(character), narrow.push(character));
        }
    }
}
