//! Two texts, beside one another and to the first difference.

use textwrap::core::display_width;

/// The narrowest terminal that shows two columns.
const TWO_COLUMNS: usize = 80;

/// The first character in which two texts differ.
pub fn first_difference(a: &str, b: &str) -> Option<usize> {
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    (a != b).then_some(common)
}

/// Two texts with their titles, wrapped to `width` columns: beside one another, or one under the other where narrow.
pub fn side_by_side(titles: [&str; 2], texts: [&str; 2], width: usize) -> String {
    if width < TWO_COLUMNS {
        let block = |i: usize| format!("{}\n{}\n", titles[i], textwrap::fill(texts[i].trim(), width));
        return format!("{}\n{}", block(0), block(1));
    }
    let column = (width - 3) / 2;
    let lines = |i: usize| {
        let mut lines = vec![titles[i].to_string(), "─".repeat(column)];
        lines.extend(textwrap::wrap(texts[i].trim(), column).into_iter().map(String::from));
        lines
    };
    let (left, right) = (lines(0), lines(1));
    let rows = left.len().max(right.len());
    (0..rows).map(|row| side(&left, row, column) + " │ " + side(&right, row, 0).trim_end() + "\n").collect()
}

fn side(lines: &[String], row: usize, column: usize) -> String {
    let line = lines.get(row).map_or("", String::as_str);
    format!("{line}{}", " ".repeat(column.saturating_sub(display_width(line))))
}

/// Shows the first difference in three lines: the surroundings in each text, and a caret under it.
pub fn show_difference(titles: [&str; 2], texts: [&str; 2]) -> Option<String> {
    const BEFORE: usize = 30;
    const AFTER: usize = 20;
    let at = first_difference(texts[0], texts[1])?;
    let start = at.saturating_sub(BEFORE);
    let part = |i: usize| {
        texts[i].chars().skip(start).take(at - start + AFTER).collect::<String>().replace('\n', "⏎")
    };
    let indent = titles.iter().map(|title| display_width(title)).max().unwrap_or(0);
    let line = |i: usize| format!("{:indent$}  {}\n", titles[i], part(i));
    let same: String = part(0).chars().take(at - start).collect();
    let caret = " ".repeat(indent + 2 + display_width(&same));
    Some(format!("different from character {at} on:\n{}{}{caret}^", line(0), line(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(first_difference("Once", "Once"), None);
        assert_eq!(first_difference("Once", "Once upon"), Some(4));
        assert_eq!(first_difference("aöb", "aöc"), Some(2));
    }

    #[test]
    fn the_caret_stands_under_the_difference() {
        let shown = show_difference(["PC", "board"], ["the mouse\nran", "the mouse\ncan"]).unwrap();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[1], "PC     the mouse⏎ran");
        assert_eq!(lines[2], "board  the mouse⏎can");
        assert_eq!(lines[3], "                 ^");
        let far = show_difference(["a", "b"], [&"x".repeat(500), &("x".repeat(499) + "y")]).unwrap();
        assert!(far.lines().all(|line| line.chars().count() < 80), "{far}");
    }

    #[test]
    fn columns_fit_the_terminal() {
        let text = "word ".repeat(100);
        for width in [40, 80, 81, 200] {
            let shown = side_by_side(["PC", "board"], [&text, &text], width);
            assert!(shown.lines().all(|line| display_width(line) <= width), "{width}:\n{shown}");
        }
    }
}
