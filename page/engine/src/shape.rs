//! A shape's needs on a chip, before any training.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use pipsqueak::internal::Parameter;
use pipsqueak::{Config, Precision};
use pipsqueak_trainer::human;
use pipsqueak_trainer::sizing::boards::{BOARDS, Footprint};
use pipsqueak_trainer::sizing::budget::{PARAMETERS_MAX, tensor_bytes};
use pipsqueak_trainer::sizing::presets::STORIES_260K;
use pipsqueak_trainer::sizing::shape::weights;
use pipsqueak_trainer::training::Training;
use pipsqueak_trainer::training::recipe::BATCH;
use serde::Deserialize;
use serde_json::{Value, json};

/// Instructions that the emulated chips took, as the benchmark counts them.
const COUNTS: &str = include_str!("../../../benches/chips.json");
/// The shape that the benchmark's `token` is of.
const COUNTED: Config = STORIES_260K;
/// Positions that the benchmark's mean goes over.
const POSITIONS: usize = 64;
/// Chips by the benchmark's name, with a board to buy that has one, and its clock in MHz.
const CHIPS: [(&str, &str, u32); 5] = [
    ("Cortex-M0", "Raspberry Pi Pico", 125),
    ("Cortex-M3", "Blue Pill", 72),
    ("Cortex-M4F", "micro:bit v2", 64),
    ("Cortex-M33", "Raspberry Pi Pico 2", 150),
    ("RV32IMAC", "ESP32-C3-DevKitM", 160),
];
/// Of the instructions beside products and attention, those that turn logits into f32 and compare them: what models of two and of
/// four layers took says so.
const LOGITS_SHARE: f64 = 0.3;
/// The most memory that a tab's training takes.
const MEMORY_MAX: u64 = 1 << 30;
const FORMATS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];

/// A chip's instructions with a number format.
#[derive(Debug, Clone, Deserialize)]
struct Counted {
    /// Instructions a token.
    token: f64,
    /// Instructions a multiply-accumulate, by `ROWSxCOLUMNS`.
    products: BTreeMap<String, f64>,
    /// Instructions a multiply-accumulate.
    attention: f64,
}

#[derive(Debug, Deserialize)]
struct Counts {
    counts: BTreeMap<String, BTreeMap<String, Counted>>,
}

static CHIP_COUNTS: LazyLock<Option<Counts>> = LazyLock::new(|| serde_json::from_str(COUNTS).ok());

impl Counted {
    /// An estimate of the instructions that a token takes: those of the products and of attention, and for all else shares that grow with
    /// the vocabulary and with the vectors' lengths.
    fn instructions(&self, config: &Config) -> f64 {
        let rest = self.token - self.of_products(&COUNTED) - self.of_attention(&COUNTED);
        let logits = LOGITS_SHARE * config.vocab as f64 / COUNTED.vocab as f64;
        let all_else = (1.0 - LOGITS_SHARE) * vectors(config) / vectors(&COUNTED);
        self.of_products(config) + self.of_attention(config) + rest * (logits + all_else)
    }

    /// A product's start and end cost the same whatever its size, and so do a row's: a multiply-accumulate costs
    /// `a + b / columns + c / rows`, by three products that were counted.
    fn of_products(&self, config: &Config) -> f64 {
        let cost = |name: &str| self.products.get(name).copied().unwrap_or_default();
        let (square, tall, large) = (cost("64x64"), cost("512x64"), cost("256x256"));
        let c = (square - tall) / (1.0 / 64.0 - 1.0 / 512.0);
        let b = (tall - large + c * (1.0 / 256.0 - 1.0 / 512.0)) / (1.0 / 64.0 - 1.0 / 256.0);
        let a = large - (b + c) / 256.0;
        let product = |parameter: Parameter| {
            let shape = parameter.shape(config);
            let used = match parameter {
                // A token goes through one expert of each layer.
                Parameter::Up | Parameter::Down => shape.len() / config.experts.max(1) * config.loops,
                Parameter::Qkv | Parameter::Output | Parameter::Router => shape.len() * config.loops,
                Parameter::LmHead => shape.len(),
                Parameter::Embedding if config.tied => shape.len(),
                _ => 0,
            };
            used as f64 * (a + b / shape.columns.max(1) as f64 + c / shape.rows.max(1) as f64)
        };
        Parameter::ALL.into_iter().map(product).sum()
    }

    fn of_attention(&self, config: &Config) -> f64 {
        let positions = (POSITIONS.min(config.context) + 1) as f64 / 2.0;
        let channels = config.query_width() + config.attended_width();
        self.attention * (config.depth() * channels) as f64 * positions
    }
}

/// Numbers that a token's vectors have, matrices' results and inputs.
fn vectors(config: &Config) -> f64 {
    let a_layer = 4 * config.width + config.qkv_width() + config.up_width() + config.hidden;
    (config.depth() * a_layer) as f64
}

/// Parameters, and for each format flash, RAM, boards and instructions.
///
/// # Errors
/// A shape that no model can have.
pub(crate) fn describe(config: &Config) -> Result<Value> {
    config.check()?;
    let parameters = weights(config);
    let counts = CHIP_COUNTS.as_ref().context("the instructions of the chips can't be read")?;
    let format = |precision: Precision| {
        let footprint = Footprint::of(config, precision, tensor_bytes(config, precision));
        let for_sale = BOARDS.iter().filter(|board| !board.name.ends_with("(QEMU)"));
        let fits: Vec<&str> =
            for_sale.filter(|board| footprint.lacks(board).is_none()).map(|board| board.name).collect();
        let chips = CHIPS.iter().filter_map(|&(chip, board, mhz)| {
            let counted = counts.counts.get(chip)?.get(precision.name())?;
            let instructions = counted.instructions(config).round();
            Some(json!({ "chip": chip, "board": board, "mhz": mhz, "instructions": instructions }))
        });
        json!({
            "name": precision.name(),
            "flash": footprint.flash_bytes(),
            "ram": footprint.ram_bytes(),
            "fits": fits,
            "chips": chips.collect::<Vec<_>>(),
        })
    };
    Ok(json!({
        "parameters": parameters,
        "trains": check_trainable(config).err().map(|error| error.to_string()),
        "formats": FORMATS.map(format),
    }))
}

/// Refuses a shape that takes a tab too long to train, or too much memory.
///
/// # Errors
/// With both figures; or a shape that no model can have.
pub(crate) fn check_trainable(config: &Config) -> Result<()> {
    config.check()?;
    let parameters = weights(config);
    ensure!(
        parameters <= PARAMETERS_MAX,
        "a tab trains up to {} parameters, and this shape has {}: `pipsqueak train` on a PC does it",
        human::count(PARAMETERS_MAX as u64),
        human::count(parameters as u64)
    );
    let bytes = Training::bytes(config, BATCH, config.context, 1) as u64;
    ensure!(
        bytes <= MEMORY_MAX,
        "training this shape takes {} MiB of memory, and a tab has {} for it: choose a shorter context, or fewer layers",
        human::count(bytes >> 20),
        human::count(MEMORY_MAX >> 20)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instructions(config: &Config, chip: &str, format: &str) -> f64 {
        CHIP_COUNTS.as_ref().unwrap().counts[chip][format].instructions(config)
    }

    #[test]
    fn estimates_are_near_what_other_shapes_took() {
        // Of docs/architectures.md, counted in QEMU.
        let two = Config {
            context: 128,
            width: 64,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            hidden: 172,
            vocab: 512,
            ..Config::LLAMA
        };
        let shapes = [
            (two.clone(), 721_841.0, 205_038.0),
            (Config { loops: 2, ..two.clone() }, 1_204_715.0, 353_380.0),
            (Config { experts: 4, ..two.clone() }, 744_338.0, 206_807.0),
            (Config { experts: 2, hidden: 88, ..two.clone() }, 606_098.0, 171_936.0),
            (Config { layers: 4, ..two }, 1_204_683.0, 353_411.0),
        ];
        for (config, m0, m4f) in shapes {
            for (chip, counted) in [("Cortex-M0", m0), ("Cortex-M4F", m4f)] {
                let ratio = instructions(&config, chip, "int8") / counted;
                assert!((0.93..1.07).contains(&ratio), "{chip}, {config:?}: {ratio}");
            }
        }
        let same = instructions(&COUNTED, "Cortex-M0", "int8")
            / CHIP_COUNTS.as_ref().unwrap().counts["Cortex-M0"]["int8"].token;
        assert!((same - 1.0).abs() < 1e-9, "{same}");
    }

    #[test]
    fn gpt2_is_described_and_not_trained() {
        let gpt2 = Config {
            vocab: 50_257,
            context: 1024,
            width: 768,
            layers: 12,
            heads: 12,
            kv_heads: 12,
            hidden: 3072,
            ..Config::GPT2
        };
        let shown = describe(&gpt2).unwrap();
        assert_eq!(shown["parameters"], 124_439_808);
        assert!(shown["trains"].as_str().unwrap().contains("124,439,808"));
        assert_eq!(shown["formats"][1]["fits"].as_array().unwrap().len(), 0);
        assert!(describe(&Config { heads: 5, ..gpt2 }).is_err());
        let long = Config { vocab: 60, context: 4096, width: 4, layers: 6, hidden: 16_384, ..Config::GPT2 };
        let refusal = check_trainable(&long).unwrap_err().to_string();
        assert!(refusal.contains("MiB of memory"), "{refusal}");
        check_trainable(&Config { context: 32, ..long }).unwrap();
    }
}
