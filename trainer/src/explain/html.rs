//! An explanation as one file that a browser shows: it asks for nothing from anywhere.

use anyhow::Result;

use super::Explanation;

/// A comment by which this program knows pages that it has written.
pub const MARK: &str = "<!-- written by pipsqueak explain -->";
const SCRIPT: &str = include_str!("inside.js");
const STYLE: &str = include_str!("inside.css");

/// Characters of the text that are in the title: its last ones.
const TITLE_MAX: usize = 60;

/// The page.
///
/// # Errors
/// None that a model's numbers can cause.
pub fn page(explanation: &Explanation) -> Result<String> {
    // In a script element, JSON must not contain what ends the element.
    let data = serde_json::to_string(explanation)?.replace('<', "\\u003c");
    let script = SCRIPT.replace("\nexport ", "\n");
    let title = escaped(&format!("What comes after “{}”", end_of(&explanation.pieces.concat())));
    Ok(format!(
        r#"<!doctype html>
{MARK}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div id="inside"></div>
</main>
<script type="application/json" id="data">{data}</script>
<script type="module">
{script}
inside(document.getElementById("inside"), JSON.parse(document.getElementById("data").textContent));
</script>
</body>
</html>
"#
    ))
}

/// The end of a text, behind an ellipsis if there is more.
fn end_of(text: &str) -> String {
    let left_out = text.chars().count().saturating_sub(TITLE_MAX);
    let end: String = text.chars().skip(left_out).collect();
    if left_out > 0 { format!("…{end}") } else { end }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
