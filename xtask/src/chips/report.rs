//! Parses the output of the firmware's program `instructions`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// Its numbers, all of them instructions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The mean over the positions from 0 on, where the model has enough of them.
    pub(super) token: Option<u64>,
    /// At single positions.
    pub(super) positions: BTreeMap<u64, u64>,
    /// Of [`PRODUCTS`] products of a matrix `[rows, columns]`.
    pub(super) products: BTreeMap<[u64; 2], u64>,
}

/// As in `firmware/src/bin/instructions.rs`.
pub(super) const PRODUCTS: u64 = 16;

impl Report {
    /// Reads all that the program printed.
    pub(super) fn parse(text: &str) -> Result<Report> {
        let mut report = Report::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["tokens", count, "instructions", all] => {
                    report.token = Some(all.parse::<u64>()?.div_ceil(count.parse()?));
                }
                ["position", position, "instructions", count] => {
                    report.positions.insert(position.parse()?, count.parse()?);
                }
                ["product", rows, columns, "instructions", count] => {
                    report.products.insert([rows.parse()?, columns.parse()?], count.parse()?);
                }
                ["end"] => return Ok(report),
                _ => {}
            }
        }
        bail!("The board did not finish counting; it printed {text:?}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let text = "product 64 172 instructions 320\ntokens 64 instructions 6400\nposition 63 instructions 120\nend\n";
        let report = Report::parse(text).unwrap();
        assert_eq!(report.token, Some(100));
        assert_eq!(report.positions, [(63, 120)].into());
        assert_eq!(report.products, [([64, 172], 320)].into());
    }

    #[test]
    fn a_report_without_its_end_is_none() {
        let error = Report::parse("error: this is not a Pipsqueak model.\n").unwrap_err().to_string();
        assert!(error.contains("not a Pipsqueak model"), "{error}");
    }
}
