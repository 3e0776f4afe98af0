//! The table of instruction counts that is committed, and what has become of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::paths;

/// The counts of a chip for a precision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Instructions a token of stories260K's shape, mean over positions 0 to 63.
    pub(super) token: u64,
    /// Instructions a multiply-accumulate of products, by `ROWSxCOLUMNS`.
    pub(super) products: BTreeMap<String, f64>,
    /// Instructions a multiply-accumulate of attention, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attention: Option<f64>,
}

/// By chip and precision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Table {
    /// The compiler of a chip's image.
    pub(super) compilers: BTreeMap<String, String>,
    pub(super) counts: BTreeMap<String, BTreeMap<String, Counts>>,
}

/// A count may rise by this factor before the check fails.
const ALLOWED: f64 = 1.02;
/// The same where another compiler built the image than the table's: instructions are its choice.
const ALLOWED_TO_ANOTHER_COMPILER: f64 = 1.15;

fn path() -> PathBuf {
    paths::root().join("benches").join("chips.json")
}

impl Table {
    /// The committed table; an empty one where there is none.
    pub(super) fn load() -> Result<Table> {
        let path = path();
        if !path.exists() {
            return Ok(Table::default());
        }
        let text = fs::read_to_string(&path)?;
        serde_json::from_str(&text).with_context(|| format!("{} can't be read", path.display()))
    }

    /// Puts what was measured into the committed table.
    pub(super) fn merge(mut self, measured: Table) -> Table {
        self.compilers.extend(measured.compilers);
        self.counts.extend(measured.counts);
        self
    }

    /// Writes the table to its place.
    pub(super) fn save(&self) -> Result<PathBuf> {
        let path = path();
        fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }

    /// A sentence for each count of `measured` that is more than allowed above this table's, or is missing here.
    pub(super) fn complaints(&self, measured: &Table) -> Vec<String> {
        let mut complaints = Vec::new();
        for (chip, precisions) in &measured.counts {
            let (old, new) = (self.compilers.get(chip), measured.compilers.get(chip));
            let allowed = if old == new { ALLOWED } else { ALLOWED_TO_ANOTHER_COMPILER };
            for (precision, counts) in precisions {
                let known = self.counts.get(chip).and_then(|precisions| precisions.get(precision));
                complaints.extend(known.map_or_else(
                    || vec![format!("{chip}, {precision}: not in the table.")],
                    |known| known.rises(counts, allowed, &format!("{chip}, {precision}")),
                ));
            }
        }
        complaints
    }
}

impl Counts {
    fn rises(&self, new: &Counts, allowed: f64, what: &str) -> Vec<String> {
        let olds = self.figures();
        let rise = |(name, new): (String, f64)| {
            let Some(&old) = olds.get(&name) else {
                return Some(format!("{what}: {name} is not in the table."));
            };
            let percent = (new / old - 1.0) * 100.0;
            (new > old * allowed)
                .then(|| format!("{what}: {name} rose from {old} to {new}, by {percent:.1} %."))
        };
        new.figures().into_iter().filter_map(rise).collect()
    }

    fn figures(&self) -> BTreeMap<String, f64> {
        let products = self.products.iter();
        let products = products.map(|(shape, &count)| (format!("instructions/MAC at {shape}"), count));
        let attention = self.attention.map(|slope| ("instructions/MAC of attention".to_string(), slope));
        let token = ("instructions/token".to_string(), self.token as f64);
        [token].into_iter().chain(products).chain(attention).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(compiler: &str, token: u64, product: f64) -> Table {
        let products = [("64x64".to_string(), product)].into();
        let counts = Counts { token, products, attention: Some(3.0) };
        let precisions = [("int8".to_string(), counts)].into();
        Table {
            compilers: [("Cortex-M0".to_string(), compiler.to_string())].into(),
            counts: [("Cortex-M0".to_string(), precisions)].into(),
        }
    }

    #[test]
    fn what_falls_or_hardly_rises_is_fine() {
        let old = table("rustc 1.95.0", 1000, 2.0);
        assert_eq!(old.complaints(&table("rustc 1.95.0", 1019, 1.5)), [""; 0]);
        assert_eq!(old.complaints(&table("rustc 1.96.0", 1100, 2.0)), [""; 0]);
    }

    #[test]
    fn what_rises_is_named() {
        let old = table("rustc 1.95.0", 1000, 2.0);
        assert_eq!(
            old.complaints(&table("rustc 1.95.0", 1021, 2.1)),
            [
                "Cortex-M0, int8: instructions/MAC at 64x64 rose from 2 to 2.1, by 5.0 %.",
                "Cortex-M0, int8: instructions/token rose from 1000 to 1021, by 2.1 %."
            ]
        );
        assert_eq!(old.complaints(&table("rustc 1.96.0", 1200, 2.0)).len(), 1);
        assert_eq!(Table::default().complaints(&old), ["Cortex-M0, int8: not in the table."]);
    }
}
