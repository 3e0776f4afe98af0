//! Choosing a model's shape for a chip, by the rule that `docs/budgets.md` derives from experiments.
//!
//! 1. The number format is int4 where that allows at least [`INT4_ADVANTAGE_MIN`] times the weights of int8, else int8.
//! 2. The vocabulary follows from the number of weights that flash can hold, and from the text that there is to learn.
//! 3. The weights fill the flash, up to [`PARAMETERS_MAX`], and up to what the text suffices for, tables not counted.
//! 4. Of the shapes that fill it, the one is taken whose width over its layers is nearest to [`ASPECT`].
//! 5. The context is the longest of [`CONTEXTS`] with which RAM still allows a share of [`WEIGHTS_KEPT_MIN`] of the weights
//!    that flash could hold, in a shape with a width of at most [`ASPECT_MAX`] times its layers. Before the context is
//!    shortened, all heads share one key and value head. Where even the shortest context does not get there, RAM decides:
//!    the shape with the most weights is taken.
//! 6. Flash that is left gets tables, with as many rows as the text suffices for: embeddings for each layer if there is room for
//!    them, then rows for pairs of tokens.
//! 7. Where RAM decides the layers, because without a limit to it there would be more, all but the tables takes at most
//!    `LAYERS_SHARE` of the flash.

use anyhow::{Result, anyhow, ensure};
use pipsqueak::internal::Parameter;
use pipsqueak::internal::packing::Format;
use pipsqueak::{Config, Precision};

use crate::human;
use crate::sizing::amount;
use crate::sizing::boards::{Board, FIRMWARE_FLASH_BYTES, FIRMWARE_RAM_BYTES, Footprint};
use crate::sizing::shape::{PartialConfig, Sizes, weights_without_tables};

/// More weights than this take hours to train on a PC, and a chip a second per token: only explicit options exceed it.
pub const PARAMETERS_MAX: usize = 1_000_000;
/// int4 is chosen when it allows at least this many times the weights of int8: then they are worth the coarser rounding.
pub const INT4_ADVANTAGE_MIN: f64 = 1.4;
/// The width over the layers to aim for.
pub const ASPECT: f64 = 20.0;
/// The largest width over the layers, unless even the shortest context needs more.
pub const ASPECT_MAX: f64 = 64.0;
/// Contexts to choose from.
pub const CONTEXTS: [usize; 4] = [128, 96, 64, 32];
/// A longer context must leave at least this share of the weights.
pub const WEIGHTS_KEPT_MIN: f64 = 0.8;
/// Shapes with at least this share of the largest one's weights count as filling the flash.
const FULL: f64 = 0.9;
/// The share of the flash that a model without its tables may take where RAM decides its layers and the text suffices for tables.
const LAYERS_SHARE: f64 = 0.6;
/// A table for pairs has at least so many rows: fewer were never tried.
const BIGRAMS_MIN: usize = 512;
/// More rows for pairs were never tried.
const BIGRAMS_MAX: usize = 16_384;
/// Widths are multiples of this, so that there is an even number of heads of 16 channels, and two can share keys and values.
const WIDTH_STEP: usize = 32;
const WIDTH_MAX: usize = 512;
const LAYERS_MAX: usize = 24;
/// Hidden units are multiples of this, so that rows consist of whole words.
const HIDDEN_STEP: usize = 4;
/// Bytes that a BPE token takes in a model file.
pub const MERGE_BYTES: u64 = 4;
/// Bytes of a model file beside weights and vocabulary, at most: the header, the corpus's name and licence, padding.
pub const HEADER_BYTES: u64 = 1024;

/// The memory of a chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The chip's name in messages.
    pub name: String,
    /// Flash, including the firmware's part.
    pub flash_bytes: u64,
    /// RAM, including the firmware's part.
    pub ram_bytes: u64,
    /// The text that is to be learned; `u64::MAX` where that is not known yet.
    pub text_bytes: u64,
}

/// The fixed part of a choice: given sizes, vocabulary and number format.
#[derive(Debug, Clone, Copy)]
struct Task<'a> {
    partial: &'a PartialConfig,
    vocab: usize,
    vocabulary_bytes: u64,
    precision: Precision,
    /// Whether a part of the flash is kept for tables.
    keeps_flash: bool,
}

impl Budget {
    /// The memory of a board.
    pub fn of(board: &Board) -> Budget {
        let Board { name, flash_bytes, ram_bytes, .. } = *board;
        Budget { name: name.to_string(), flash_bytes, ram_bytes, text_bytes: u64::MAX }
    }

    /// Flash that is left for a model file.
    pub fn model_bytes(&self) -> u64 {
        self.flash_bytes.saturating_sub(FIRMWARE_FLASH_BYTES)
    }

    /// The number format to use for this partly given shape, with `vocab` tokens or as many as suit the chip.
    pub fn precision(&self, partial: &PartialConfig, vocab: Option<usize>) -> Precision {
        let held = |precision| {
            let vocab = vocab.unwrap_or_else(|| self.vocab(precision));
            let vocabulary_bytes = MERGE_BYTES * vocab as u64;
            let task = Task { partial, vocab, vocabulary_bytes, precision, keeps_flash: false };
            self.choose_layers(task).map_or(0.0, |config| weights_without_tables(&config) as f64)
        };
        let (int8, int4) = (held(Precision::Int8), held(Precision::Int4));
        if int4 > 0.0 && int4 >= INT4_ADVANTAGE_MIN * int8 { Precision::Int4 } else { Precision::Int8 }
    }

    /// The size of the vocabulary, by the number of weights that flash can hold. Its logits must not take more than an eighth
    /// of the RAM.
    pub fn vocab(&self, precision: Precision) -> usize {
        let weights_of_word = precision.format().map_or(1, Format::weights_of_word) as u64;
        let vocab = match self.model_bytes() / 4 * weights_of_word {
            0..40_000 => 512,
            40_000..250_000 => 1024,
            _ => 2048,
        };
        let logits = usize::try_from(self.ram_bytes / 8).unwrap_or(usize::MAX) / size_of::<f32>();
        vocab.min(1 << logits.max(1).ilog2()).min(amount::vocab(self.text_bytes))
    }

    /// More weights would take too long to train, or learn the text by heart.
    fn parameters_max(&self) -> usize {
        PARAMETERS_MAX.min(amount::parameters(self.text_bytes))
    }

    /// The largest sensible shape that fits, with the given sizes kept.
    ///
    /// # Errors
    /// If none fits: how much the smallest one exceeds.
    pub fn choose(
        &self,
        partial: &PartialConfig,
        vocab: usize,
        vocabulary_bytes: u64,
        precision: Precision,
    ) -> Result<Config> {
        let task = Task { partial, vocab, vocabulary_bytes, precision, keeps_flash: false };
        let config = self.choose_layers(task)?;
        if !self.suits_tables(partial, vocab) {
            return Ok(config);
        }
        let fewer = Task { keeps_flash: self.ram_decides(task, &config), ..task };
        let filled = self.with_tables(task, self.choose_layers(fewer).unwrap_or_else(|_| config.clone()));
        let tables = |config: &Config| (config.per_layer_embeddings, config.bigrams);
        // Flash that was kept for a table which does not fit would be lost.
        Ok(if tables(&filled) == tables(&config) { self.with_tables(task, config) } else { filled })
    }

    fn without_ram_limit(&self) -> Budget {
        Budget { ram_bytes: u64::MAX, ..self.clone() }
    }

    /// Whether there would be more layers if there were RAM without end.
    fn ram_decides(&self, task: Task<'_>, config: &Config) -> bool {
        self.without_ram_limit().choose_layers(task).is_ok_and(|free| free.layers > config.layers)
    }

    /// Whether the text suffices for a table that the options leave open.
    fn suits_tables(&self, partial: &PartialConfig, vocab: usize) -> bool {
        let rows = amount::rows(self.text_bytes);
        partial.per_layer_embeddings.is_none() && rows >= vocab
            || partial.bigrams.is_none() && rows >= BIGRAMS_MIN
    }

    /// The largest sensible shape that fits, with no other tables than those that are given.
    fn choose_layers(&self, task: Task<'_>) -> Result<Config> {
        let contexts = task.partial.context.map_or(CONTEXTS.to_vec(), |context| vec![context]);
        let unlimited = self.without_ram_limit();
        let shortest = *contexts.last().expect("at least one context");
        let enough = unlimited
            .best(task, shortest, false)
            .map_or(0.0, |best| WEIGHTS_KEPT_MIN * weights_without_tables(&best) as f64);
        let kinds = contexts.iter().flat_map(|&context| [false, true].map(|one| (context, one)));
        let mut fitting: Vec<Config> =
            kinds.filter_map(|(context, one)| self.best(task, context, one)).collect();
        let good =
            |config: &Config| weights_without_tables(config) as f64 >= enough && aspect(config) <= ASPECT_MAX;
        if let Some(first) = fitting.iter().position(good) {
            return Ok(fitting.swap_remove(first));
        }
        // RAM decides: the shape with the most weights.
        fitting.into_iter().max_by_key(weights_without_tables).ok_or_else(|| self.refusal(task, shortest))
    }

    /// Fills what is left of the flash with the tables that are not given, each with as many rows as the text suffices for:
    /// first embeddings for each layer, then rows for pairs.
    fn with_tables(&self, task: Task<'_>, mut config: Config) -> Config {
        let rows = amount::rows(self.text_bytes);
        let per_layer = Config { per_layer_embeddings: true, ..config.clone() };
        if task.partial.per_layer_embeddings.is_none() && task.vocab <= rows && self.fits(task, &per_layer) {
            config = per_layer;
        }
        if task.partial.bigrams.is_none() {
            let fits = |&bigrams: &usize| self.fits(task, &Config { bigrams, ..config.clone() });
            let counts: Vec<usize> = (BIGRAMS_MIN..=rows.min(BIGRAMS_MAX)).collect();
            let fitting = counts.partition_point(fits);
            config.bigrams = fitting.checked_sub(1).map_or(0, |last| counts[last]);
        }
        config
    }

    /// Refuses a chip that has no room for a model beside the firmware.
    ///
    /// # Errors
    /// One sentence, with what the firmware takes and what there is.
    pub fn check_firmware(&self) -> Result<()> {
        ensure!(
            self.flash_bytes > FIRMWARE_FLASH_BYTES && self.ram_bytes > FIRMWARE_RAM_BYTES,
            "the firmware alone takes {} KiB of flash and {} KiB of RAM, and {} has {} and {}: choose a larger board",
            FIRMWARE_FLASH_BYTES / 1024,
            FIRMWARE_RAM_BYTES / 1024,
            self.name,
            self.flash_bytes / 1024,
            self.ram_bytes / 1024
        );
        Ok(())
    }

    /// Refuses a model that takes more than the chip has.
    ///
    /// # Errors
    /// One sentence, with the bytes it takes and those there are.
    pub fn check(&self, footprint: &Footprint) -> Result<()> {
        let Budget { name, flash_bytes, ram_bytes, .. } = self;
        for (what, needs, has) in
            [("flash", footprint.flash_bytes(), *flash_bytes), ("RAM", footprint.ram_bytes(), *ram_bytes)]
        {
            ensure!(
                needs <= has,
                "the model takes {} bytes of {what} with the firmware, and {name} has {}",
                human::count(needs),
                human::count(has)
            );
        }
        Ok(())
    }

    /// Of the shapes that fill the flash with this context, the one with the best proportions.
    fn best(&self, task: Task<'_>, context: usize, one_kv_head: bool) -> Option<Config> {
        let layers = task.partial.layers.map_or(1..=LAYERS_MAX, |layers| layers..=layers);
        let widths: Vec<usize> = match task.partial.width {
            Some(width) => vec![width],
            None => (WIDTH_STEP..=WIDTH_MAX).step_by(WIDTH_STEP).collect(),
        };
        let sizes = layers.flat_map(|layers| widths.iter().map(move |&width| (layers, width)));
        let shapes: Vec<Config> = sizes
            .filter_map(|(layers, width)| self.fill(task, Sizes { context, width, layers, one_kv_head }))
            .collect();
        let full = FULL * shapes.iter().map(weights_without_tables).max()? as f64;
        let distance = |config: &Config| libm::log(aspect(config) / ASPECT).abs();
        let full = shapes.into_iter().filter(|config| weights_without_tables(config) as f64 >= full);
        full.min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// The shape with these sizes and as many hidden units as fit, from 3/4 to 3/2 of the default.
    fn fill(&self, task: Task<'_>, sizes: Sizes) -> Option<Config> {
        let default = task.partial.config(task.vocab, sizes).ok()?;
        let with = |hidden: usize| Config { hidden, ..default.clone() };
        if task.partial.hidden.is_some() {
            return Some(default).filter(|config| self.leaves_room(task, config));
        }
        let hidden: Vec<usize> = (3 * default.hidden / 4..=3 * default.hidden / 2)
            .filter(|hidden| hidden.is_multiple_of(HIDDEN_STEP))
            .collect();
        let fitting = hidden.partition_point(|&hidden| self.leaves_room(task, &with(hidden)));
        Some(with(hidden[fitting.checked_sub(1)?]))
    }

    /// Whether a shape fits beside the part of the flash that is kept for tables, and their RAM.
    fn leaves_room(&self, task: Task<'_>, config: &Config) -> bool {
        if !task.keeps_flash {
            return self.fits(task, config);
        }
        let layers = Config { bigrams: 0, per_layer_embeddings: false, ..config.clone() };
        let smallest_table = Config { bigrams: config.bigrams.max(1), ..config.clone() };
        let share = LAYERS_SHARE * self.model_bytes() as f64;
        task.footprint(&layers).model_bytes as f64 <= share && self.fits(task, &smallest_table)
    }

    fn fits(&self, task: Task<'_>, config: &Config) -> bool {
        let chosen = task.partial.layers.is_some() && task.partial.width.is_some();
        let footprint = task.footprint(config);
        (chosen || weights_without_tables(config) <= self.parameters_max())
            && config.check().is_ok()
            && footprint.flash_bytes() <= self.flash_bytes
            && footprint.ram_bytes() <= self.ram_bytes
    }

    fn refusal(&self, task: Task<'_>, context: usize) -> anyhow::Error {
        let width = task.partial.width.unwrap_or(WIDTH_STEP);
        let layers = task.partial.layers.unwrap_or(1);
        let smallest = Sizes { context, width, layers, one_kv_head: true };
        let config = match task.partial.config(task.vocab, smallest) {
            Ok(config) => config,
            Err(error) => return error.into(),
        };
        if let Err(error) = self.check_firmware() {
            return error;
        }
        let Err(lack) = self.check(&task.footprint(&config)) else {
            return anyhow!(
                "no model of at most {} parameters has these sizes",
                human::count(self.parameters_max() as u64)
            );
        };
        let Config { vocab, context, .. } = config;
        anyhow!(
            "even {} of width {width}, with {vocab} tokens and a context of {context}, do not fit: {lack}; \
             choose a larger board, or less --vocab, --context, --width or --layers",
            human::counted(layers, "layer")
        )
    }
}

impl Task<'_> {
    /// The flash and RAM of a shape, at most.
    fn footprint(&self, config: &Config) -> Footprint {
        Footprint::of(config, self.precision, file_bytes(config, self.precision, self.vocabulary_bytes))
    }
}

/// The size of a model file at most, in bytes, with a vocabulary of `vocabulary_bytes`.
pub fn file_bytes(config: &Config, precision: Precision, vocabulary_bytes: u64) -> u64 {
    tensor_bytes(config, precision) + vocabulary_bytes + HEADER_BYTES
}

/// Bytes that the weights take in a model file.
pub fn tensor_bytes(config: &Config, precision: Precision) -> u64 {
    Parameter::ALL.iter().map(|parameter| parameter.bytes(config, precision)).sum()
}

/// Width over layers, those of all loops counted.
fn aspect(config: &Config) -> f64 {
    config.width as f64 / config.depth() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::boards::BOARDS;
    use crate::sizing::shape::tests::NONE;
    use crate::sizing::shape::weights;

    const PRECISIONS: [Precision; 3] = [Precision::Int8, Precision::Int4, Precision::Ternary];

    fn chip(flash_kib: u64, ram_kib: u64) -> Budget {
        Budget {
            name: "the chip".into(),
            flash_bytes: flash_kib << 10,
            ram_bytes: ram_kib << 10,
            text_bytes: u64::MAX,
        }
    }

    fn footprint(config: &Config, precision: Precision) -> Footprint {
        Footprint::of(config, precision, file_bytes(config, precision, 2048))
    }

    #[test]
    fn what_is_chosen_fits_and_more_would_not() {
        for board in &BOARDS {
            for precision in PRECISIONS {
                let budget = Budget::of(board);
                let Ok(config) = budget.choose(&NONE, 512, 2048, precision) else {
                    assert_eq!(board.name, "Blue Pill"); // its flash is smaller than the firmware
                    continue;
                };
                budget.check(&footprint(&config, precision)).unwrap();
                let deeper = Config {
                    layers: 2 * config.layers,
                    width: config.width + 64,
                    per_layer_embeddings: false,
                    bigrams: 0,
                    ..config.clone()
                };
                let fits = budget.check(&footprint(&deeper, precision)).is_ok();
                assert!(
                    !fits || weights(&deeper) > PARAMETERS_MAX,
                    "{}, {precision:?}: {config:?}",
                    board.name
                );
            }
        }
    }

    #[test]
    fn the_flash_is_filled_where_ram_allows() {
        for flash_kib in [128, 256, 512] {
            let config = chip(flash_kib, 256).choose(&NONE, 512, 2048, Precision::Int8).unwrap();
            let filled = footprint(&config, Precision::Int8).flash_bytes() as f64 / (flash_kib << 10) as f64;
            assert!(filled > 0.9, "{flash_kib} KiB: {filled} of {config:?}");
        }
    }

    #[test]
    fn a_short_text_gets_a_small_model_and_few_tokens() {
        let pico = Budget::of(BOARDS.iter().find(|board| board.name == "Raspberry Pi Pico").unwrap());
        let of = |text_bytes| {
            let budget = Budget { text_bytes, ..pico.clone() };
            let vocab = budget.vocab(Precision::Int8);
            (weights(&budget.choose(&NONE, vocab, 2048, Precision::Int8).unwrap()), vocab)
        };
        let sizes = [20_000, 60_000, 150_000, 1_000_000, u64::MAX].map(of);
        assert!(sizes.is_sorted(), "{sizes:?}");
        assert!(sizes[0].0 < 200_000 && sizes[1].0 < 500_000 && sizes[2].1 == 512, "{sizes:?}");
        assert!(sizes[4].0 > 900_000 && sizes[4].1 == 2048, "{sizes:?}");
    }

    /// No tables, as an option says it.
    const WITHOUT_TABLES: PartialConfig =
        PartialConfig { per_layer_embeddings: Some(false), bigrams: Some(0), ..NONE };

    #[test]
    fn flash_that_is_left_gets_tables_that_the_text_suffices_for() {
        let pico = Budget::of(BOARDS.iter().find(|board| board.name == "Raspberry Pi Pico 2").unwrap());
        let choose = |partial: &PartialConfig, text_bytes| {
            let budget = Budget { text_bytes, ..pico.clone() };
            let config = budget.choose(partial, 1024, 4096, Precision::Int8).unwrap();
            budget.check(&footprint(&config, Precision::Int8)).unwrap();
            config
        };
        let without = choose(&WITHOUT_TABLES, u64::MAX);
        for (text_bytes, per_layer_embeddings, bigrams) in [
            (u64::MAX, true, BIGRAMS_MAX),
            (5_000_000, true, 6250),
            (2_000_000, true, 2500),
            (1_999_999, false, 0),
        ] {
            let config = choose(&NONE, text_bytes);
            assert_eq!((config.per_layer_embeddings, config.bigrams), (per_layer_embeddings, bigrams));
            assert_eq!(
                Config { per_layer_embeddings: false, bigrams: 0, ..config.clone() },
                choose(&WITHOUT_TABLES, text_bytes),
                "{text_bytes}"
            );
        }
        let given = PartialConfig { per_layer_embeddings: Some(true), bigrams: Some(100), ..NONE };
        let tables = Config { per_layer_embeddings: true, bigrams: 100, ..without };
        assert_eq!(choose(&given, u64::MAX), tables);
        assert_eq!(choose(&given, 1_999_999).bigrams, 100);
    }

    #[test]
    fn tables_fit_and_cost_no_board_a_part_of_its_flash() {
        for board in &BOARDS {
            let budget = Budget::of(board);
            let sizes = |partial| {
                let config = budget.choose(partial, 512, 2048, Precision::Int4).ok()?;
                Some(footprint(&config, Precision::Int4))
            };
            let (Some(without), Some(with)) = (sizes(&WITHOUT_TABLES), sizes(&NONE)) else { continue };
            budget.check(&with).unwrap();
            assert!(with.model_bytes as f64 >= FULL * without.model_bytes as f64, "{}: {with:?}", board.name);
        }
    }

    #[test]
    fn tables_change_no_number_format_and_take_no_layers_where_flash_decides() {
        for name in ["Arduino Zero", "Nucleo-G071RB", "micro:bit v2", "Raspberry Pi Pico"] {
            let budget = Budget::of(BOARDS.iter().find(|board| board.name == name).unwrap());
            let formats = [&NONE, &WITHOUT_TABLES].map(|partial| budget.precision(partial, None));
            assert_eq!(formats[0], formats[1], "{name}");
            let vocab = budget.vocab(formats[0]);
            let [with, without] = [&NONE, &WITHOUT_TABLES]
                .map(|partial| budget.choose(partial, vocab, 4 * vocab as u64, formats[0]).unwrap());
            let layers = Config { per_layer_embeddings: false, bigrams: 0, ..with };
            assert_eq!(layers, without, "{name}");
        }
    }

    #[test]
    fn where_ram_decides_the_layers_tables_have_their_share_of_the_flash() {
        let microbit = Budget::of(BOARDS.iter().find(|board| board.name == "micro:bit v1").unwrap());
        let choose = |partial: &PartialConfig| microbit.choose(partial, 512, 2048, Precision::Int4).unwrap();
        let (wide, config) = (choose(&WITHOUT_TABLES), choose(&NONE));
        assert_eq!((wide.layers, wide.width), (2, 128));
        assert_eq!((config.layers, config.width, config.per_layer_embeddings), (2, 96, true));
        assert!(config.bigrams >= BIGRAMS_MIN && config.context == wide.context, "{config:?}");
        let given = PartialConfig { width: Some(128), layers: Some(2), ..NONE };
        assert_eq!(choose(&given).bigrams, 0);
        // Embeddings for each layer do not fit beside these tokens, and pairs are not wanted.
        let no_pairs = PartialConfig { bigrams: Some(0), ..NONE };
        let choose = |partial: &PartialConfig| microbit.choose(partial, 1500, 6000, Precision::Int4).unwrap();
        assert_eq!(choose(&no_pairs), choose(&WITHOUT_TABLES));
    }

    #[test]
    fn little_ram_shortens_the_context_first() {
        let choose =
            |ram_kib| chip(215, ram_kib).choose(&WITHOUT_TABLES, 512, 2048, Precision::Int8).unwrap();
        let (much, little, least) = (choose(255), choose(19), choose(11));
        assert_eq!(much.context, CONTEXTS[0]);
        assert!(
            little.context < much.context
                && weights(&little) as f64 >= WEIGHTS_KEPT_MIN * weights(&much) as f64
        );
        assert!(weights(&least) < weights(&little), "{least:?}");
    }

    #[test]
    fn int4_is_for_flash_that_binds() {
        assert_eq!(chip(256, 64).precision(&NONE, None), Precision::Int4);
        assert_eq!(chip(4096, 512).precision(&NONE, None), Precision::Int8);
        let given = PartialConfig { width: Some(64), layers: Some(2), hidden: Some(176), ..NONE };
        assert_eq!(chip(512, 128).precision(&given, Some(512)), Precision::Int8);
        assert_eq!(chip(10, 512).precision(&NONE, None), Precision::Int8);
    }

    #[test]
    fn given_sizes_are_kept_and_what_cannot_fit_is_refused_with_the_bytes() {
        let partial = PartialConfig { width: Some(80), context: Some(48), ..NONE };
        let config = chip(256, 64).choose(&partial, 512, 2048, Precision::Int8).unwrap();
        assert_eq!((config.width, config.context), (80, 48));
        let partial = PartialConfig { width: Some(512), layers: Some(4), ..NONE };
        let refusal = |budget: Budget, partial: &PartialConfig| {
            budget.choose(partial, 512, 2048, Precision::Int8).unwrap_err().to_string()
        };
        let config =
            NONE.config(512, Sizes { context: 32, width: 512, layers: 4, one_kv_head: true }).unwrap();
        let needs = human::count(footprint(&config, Precision::Int8).flash_bytes());
        let message = refusal(chip(256, 64), &partial);
        let expected = format!("takes {needs} bytes of flash with the firmware, and the chip has 262,144");
        assert!(message.contains("4 layers of width 512") && message.contains(&expected), "{message}");
        assert!(
            refusal(chip(256, 7), &NONE).contains("bytes of RAM with the firmware, and the chip has 7,168")
        );
        assert!(
            refusal(chip(35, 64), &NONE)
                .contains("bytes of flash with the firmware, and the chip has 35,840")
        );
        for smaller in [chip(34, 20), chip(256, 3)] {
            let message = refusal(smaller, &NONE);
            assert!(
                message.starts_with("the firmware alone takes 34 KiB of flash and 3 KiB of RAM"),
                "{message}"
            );
            assert!(message.ends_with("choose a larger board") && !message.contains("--vocab"), "{message}");
        }
        let odd = PartialConfig { width: Some(50), heads: Some(4), ..NONE };
        assert!(refusal(chip(256, 64), &odd).contains("width is 50; it must be a multiple of heads (4)"));
    }
}
