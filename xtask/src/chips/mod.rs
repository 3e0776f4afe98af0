//! Instructions that the core takes on emulated chips.

mod checkpoint;
mod report;
mod rivals;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, bail};
use pipsqueak::Precision;

use self::checkpoint::{SQUARE, STORIES};
use self::report::{PRODUCTS, Report};
use self::table::{Counts, Table};
use crate::board::Board;
use crate::qemu::Session;
use crate::toolchain::Toolchain;
use crate::trainer::Profile;
use crate::{firmware, paths, trainer};

/// The formats to measure: all that the core has.
const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];
/// Matrices, rows by columns, whose products are measured.
const SHAPES: [[u64; 2]; 4] = [[64, 64], [64, 172], [512, 64], [256, 256]];
/// The most instructions a multiply-accumulate that a chip's own kernels take, rounded up, for products of a matrix of 256 x
/// 256 in int8, int4 and ternary: the proof that they are the ones that run. The portable one takes 4.7 and more.
const FAST_KERNELS: [(Board, [f64; 3]); 5] = [
    (Board::Mps2An385M0, [3.9, 3.45, 4.5]),
    (Board::Mps2An385, [2.45, 1.7, 2.1]),
    (Board::Mps2An386, [1.05, 1.15, 1.35]),
    (Board::Mps2An505, [1.05, 1.15, 1.35]),
    (Board::VirtRv32, [4.3, 3.2, 3.2]),
];
/// Positions between which attention's slope is taken, and its multiply-accumulates for each position looked at.
const SLOPE: [u64; 2] = [63, 255];
const ATTENTION_PRODUCTS: u64 = 640;
/// QEMU runs some hundred million instructions a second, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(1200);

/// A chip and a precision.
type Job = (Board, Precision);

/// Where the weights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Random ones, the same on every machine.
    Random,
    /// llama2.c's stories260K, in this folder.
    Stories(PathBuf),
}

impl Weights {
    /// stories260K where it is at hand: where PIPSQUEAK_REFERENCE says, or beside the repository.
    pub fn at_hand() -> Weights {
        let beside = paths::root().join("../shared/data");
        let folder =
            std::env::var_os("PIPSQUEAK_REFERENCE").map_or(beside, PathBuf::from).join("stories260k");
        let whole = [trainer::CHECKPOINT, trainer::TOKENIZER].iter().all(|file| folder.join(file).is_file());
        if whole { Weights::Stories(folder) } else { Weights::Random }
    }

    /// For the head of a table.
    pub fn describe(&self) -> &'static str {
        match self {
            Weights::Random => "random weights in stories260K's shape",
            Weights::Stories(_) => "stories260K",
        }
    }
}

/// The folder of a checkpoint with these weights; random ones are written to `out`.
pub(crate) fn stories_checkpoint(weights: &Weights, out: &Path) -> Result<PathBuf> {
    if let Weights::Stories(folder) = weights {
        return Ok(folder.clone());
    }
    let random = out.join("stories");
    checkpoint::write(&random, &STORIES)?;
    Ok(random)
}

/// Measurements, beside the committed ones.
pub struct Chips {
    measured: Table,
    committed: Table,
}

impl Chips {
    /// Measures `boards`, whose toolchains are installed, with the trainer that was built last.
    pub(crate) fn measure(
        boards: &[(Board, Toolchain)],
        weights: &Weights,
        profile: Profile,
    ) -> Result<Chips> {
        let models = Models::prepare(weights, profile)?;
        let mut measured = Table::default();
        let mut images = Vec::new();
        for (board, toolchain) in boards {
            measured.compilers.insert(board.chip().into(), toolchain.version()?);
            images.push((*board, firmware::build_counter(toolchain, *board)?));
        }
        for ((board, precision), counts) in run_all(&images, &models)? {
            let chip = measured.counts.entry(board.chip().into()).or_default();
            chip.insert(precision.name().into(), counts);
        }
        Ok(Chips { measured, committed: Table::load()? })
    }

    /// Fails with a sentence for each count that has risen, and for each kernel that did not run.
    pub fn check(&self) -> Result<()> {
        let mut complaints = self.committed.complaints(&self.measured);
        if !complaints.is_empty() {
            complaints.push("If that is meant, run: cargo xtask bench chips --update".into());
        }
        complaints.extend(self.slow_kernels());
        if complaints.is_empty() { Ok(()) } else { bail!("{}", complaints.join("\n")) }
    }

    /// A sentence for each product at 256 x 256 that takes more than its chip's own kernel would.
    fn slow_kernels(&self) -> impl Iterator<Item = String> {
        let limits = FAST_KERNELS.into_iter().flat_map(|(board, limits)| {
            [Precision::Int8, Precision::Int4, Precision::Ternary]
                .into_iter()
                .zip(limits)
                .map(move |limit| (board, limit))
        });
        limits.filter_map(|(board, (precision, limit))| {
            let counts = self.measured.counts.get(board.chip())?.get(precision.name())?;
            let &count = counts.products.get("256x256")?;
            let (chip, precision) = (board.chip(), precision.name());
            (count > limit).then(|| {
                format!("{chip}, {precision}: {count} instructions/MAC at 256x256; its own kernel takes at most {limit}.")
            })
        })
    }

    /// Rewrites the committed table.
    pub fn update(self) -> Result<PathBuf> {
        self.committed.merge(self.measured).save()
    }

    /// Prints a row for each chip and precision, and rows of rivals below a chip's.
    pub fn print(&self, boards: &[Board]) {
        println!(
            "{:11} {:22} {:>12}  {}  {:>9}",
            "chip",
            "program",
            "instr/token",
            SHAPES.map(|[r, c]| format!("{:>8}", format!("{r}x{c}"))).join(" "),
            "attention"
        );
        for &board in boards {
            let chip = self.measured.counts.get(board.chip());
            for name in PRECISIONS.map(Precision::name) {
                let Some(counts) = chip.and_then(|precisions| precisions.get(name)) else { continue };
                let products = SHAPES.map(|shape| counts.products.get(&shape_name(shape)).copied());
                print_row(
                    board,
                    &format!("Pipsqueak, {name}"),
                    Some(counts.token),
                    products,
                    counts.attention,
                );
            }
            print_rivals(board);
        }
        println!(
            "Products and attention: instructions a multiply-accumulate, quantisation and scaling included."
        );
    }
}

fn print_rivals(board: Board) {
    if let Some(rivals) = rivals::rivals(board) {
        print_row(board, "llama2.c, f32", Some(rivals.llama2c_f32), [None; 4], None);
        print_row(board, "llama2.c, int8", Some(rivals.llama2c_int8), [None; 4], None);
        print_row(board, "CMSIS-NN, int8", None, rivals.cmsis_int8.map(Some), None);
        print_row(board, "CMSIS-NN, int4", None, rivals.cmsis_int4.map(Some), None);
    }
    print_row(board, "multiply and add alone", None, [Some(rivals::bound(board)); 4], None);
}

fn print_row(
    board: Board,
    program: &str,
    token: Option<u64>,
    products: [Option<f64>; 4],
    slope: Option<f64>,
) {
    let token = token.map_or("–".into(), |token| token.to_string());
    let figure = |figure: Option<f64>| figure.map_or("–".into(), |figure| format!("{figure:.2}"));
    let products = products.map(|product| format!("{:>8}", figure(product))).join(" ");
    println!("{:11} {program:22} {token:>12}  {products}  {:>9}", board.chip(), figure(slope));
}

fn shape_name([rows, columns]: [u64; 2]) -> String {
    format!("{rows}x{columns}")
}

/// The models that are measured, two a precision.
struct Models(BTreeMap<&'static str, [PathBuf; 2]>);

impl Models {
    fn prepare(weights: &Weights, profile: Profile) -> Result<Models> {
        let out = paths::target().join("chips");
        let square = out.join("square");
        checkpoint::write(&square, &SQUARE)?;
        let stories = stories_checkpoint(weights, &out)?;
        let import = |folder: &Path, name: &str, precision: Precision, context: usize| -> Result<PathBuf> {
            let file = out.join(format!("{name}-{}.pip", precision.name()));
            trainer::import(profile, folder, precision, context, &file)?;
            Ok(file)
        };
        let both = |precision: Precision| {
            let stories = import(&stories, "stories", precision, 256)?;
            // Too few positions for its tokens to be counted.
            Ok((precision.name(), [stories, import(&square, "square", precision, 8)?]))
        };
        Ok(Models(PRECISIONS.into_iter().map(both).collect::<Result<_>>()?))
    }
}

/// Every precision on every image, two at a time; but float arithmetic in software is too slow to wait for.
fn run_all(images: &[(Board, PathBuf)], models: &Models) -> Result<Vec<(Job, Counts)>> {
    let jobs =
        images.iter().flat_map(|(board, image)| PRECISIONS.map(|precision| ((*board, precision), image)));
    let jobs = jobs.filter(|((board, precision), _)| *precision != Precision::F32 || board.has_fpu());
    let jobs = Mutex::new(jobs);
    let results = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let next = jobs.lock().unwrap().next();
            let Some((job, image)) = next else { return Ok(()) };
            let counts = run(job, image, &models.0[job.1.name()])?;
            results.lock().unwrap().push((job, counts));
        }
    };
    std::thread::scope(|scope| {
        let helper = scope.spawn(work);
        let own = work();
        helper.join().unwrap_or_else(|_| bail!("A measurement panicked; what it printed says why.")).and(own)
    })?;
    Ok(results.into_inner()?)
}

fn run(job: Job, image: &Path, [stories, square]: &[PathBuf; 2]) -> Result<Counts> {
    let boot = |model: &Path| -> Result<Report> {
        let (_, text) = Session::boot_with_model(job.0, image, model)?.wait(PATIENCE)?;
        Report::parse(&text)
    };
    Ok(counts(&boot(stories)?, &boot(square)?))
}

fn counts(stories: &Report, square: &Report) -> Counts {
    let product = |shape: [u64; 2]| {
        let count = square.products.get(&shape).or(stories.products.get(&shape))?;
        Some((shape_name(shape), ratio(*count, PRODUCTS * shape[0] * shape[1])))
    };
    let [early, late] = SLOPE.map(|position| stories.positions.get(&position));
    let slope =
        |early: u64, late: u64| ratio(late.saturating_sub(early), (SLOPE[1] - SLOPE[0]) * ATTENTION_PRODUCTS);
    Counts {
        token: stories.token.unwrap_or_default(),
        products: SHAPES.into_iter().filter_map(product).collect::<BTreeMap<_, _>>(),
        attention: early.zip(late).map(|(early, late)| slope(*early, *late)),
    }
}

/// To a thousandth.
fn ratio(count: u64, of: u64) -> f64 {
    (count as f64 / of as f64 * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_from_both_models() {
        let stories = "product 64 64 instructions 131072\nproduct 64 172 instructions 176128\n\
            tokens 64 instructions 640\nposition 63 instructions 1000\nposition 255 instructions 369640\nend";
        let square = "product 256 256 instructions 1048576\nend";
        let counts = counts(&Report::parse(stories).unwrap(), &Report::parse(square).unwrap());
        let products = [("64x64", 2.0), ("64x172", 1.0), ("256x256", 1.0)];
        assert_eq!(counts.products, products.map(|(name, figure)| (name.to_string(), figure)).into());
        assert_eq!((counts.token, counts.attention), (10, Some(3.0)));
    }
}
