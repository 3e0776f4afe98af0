//! `cargo xtask`: the project's tasks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use xtask::board::Board;
use xtask::commands;
use xtask::commands::bench::Outcome;
use xtask::commands::demo::Source;
use xtask::commands::fuzz::Target;
use xtask::commands::run::{End, Program};
use xtask::firmware::{Options, Pins};
use xtask::packages::Consent;

/// Installs what is missing, then demonstrates, runs and tests Pipsqueak.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs a compiler for the chip and QEMU, where they are missing.
    ///
    /// The compiler is the machine's own Rust with the target's library, which rustup adds, or else Debian's packages
    /// rustc-web, cargo-web and rust-web-src. QEMU comes from the system's package manager. Nothing is installed with
    /// sudo unless you agree.
    #[command(after_help = "Examples:\n  cargo xtask setup\n  cargo xtask setup --yes\n  \
        PIPSQUEAK_TOOLCHAIN=debian cargo xtask setup   (own or debian: only that compiler)")]
    Setup {
        /// Install without asking.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        board: BoardOption,
    },
    /// Trains a model, then lets the PC and an emulated board continue the same prompt, and compares.
    ///
    /// Installs what is missing, trains (or takes a trained model), writes models/demo.pip, and prints both texts with
    /// the word "identical" or the first difference; the exit code is 1 if they differ.
    #[command(
        after_help = "Examples:\n  cargo xtask demo\n  cargo xtask demo --text my-stories.txt --yes\n  \
        cargo xtask demo --pretrained   (at once, with the model that comes with the project)\n  \
        cargo xtask demo -- --steps 300   (after --: options of `pipsqueak train`)"
    )]
    Demo {
        /// Train nothing: take the model of the built-in stories that comes with the project.
        #[arg(long, conflicts_with_all = ["text", "training"])]
        pretrained: bool,
        /// A text file to train on, instead of the built-in corpus.
        #[arg(long, value_name = "FILE")]
        text: Option<PathBuf>,
        /// Install without asking.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        board: BoardOption,
        /// Options of `pipsqueak train`.
        #[arg(last = true, value_name = "TRAINING")]
        training: Vec<OsString>,
    },
    /// Boots the firmware with a model in an emulator (QEMU, or another for boards that it lacks), its serial port on this terminal.
    ///
    /// Type a prompt, or :help. Ctrl-C stops a text; :quit or Ctrl-D ends it.
    #[command(after_help = "Examples:\n  cargo xtask run\n  cargo xtask run --model models/mine.pip\n  \
        cargo xtask run --model models/lamp.pip --answers answers.txt\n  \
        cargo xtask run --log 2>log.txt\n  echo 'Once upon a time' | cargo xtask run\n  \
        cargo xtask run --model pretrained/blue-pill.pip --board mps2-an385 --blue-pill-memory\n  \
        cargo xtask run --board pico --any-model --usb --pty")]
    Run {
        /// The model file; without it, the demo's last one.
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// Answer every prompt with a line of this file, and do at the board's pins what it says: docs/obey.md.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["log", "self_test", "think", "blue_pill_memory"])]
        answers: Option<PathBuf>,
        /// Show texts on an SSD1306 at the board's I2C, too: docs/obey.md.
        #[arg(long, conflicts_with_all = ["answers", "log", "self_test", "think", "blue_pill_memory"])]
        display: bool,
        /// Print the firmware's log to stderr.
        #[arg(long)]
        log: bool,
        /// Let :selftest compare the chip's kernels with the portable ones, too; takes 57 to 70 KB of flash.
        #[arg(long)]
        self_test: bool,
        /// An answer can be the best of several texts: :think, :best-of and :show-passes.
        #[arg(long)]
        think: bool,
        /// No more flash and RAM than a Blue Pill has: 64 and 20 KB; with --board mps2-an385.
        #[arg(long)]
        blue_pill_memory: bool,
        /// Boot the firmware that runs any model: with --model, that lies in its flash; without, the board waits for one.
        #[arg(long, conflicts_with_all = ["answers", "display", "log", "self_test", "think", "blue_pill_memory"])]
        any_model: bool,
        /// Give the board a serial port of its own, for `pipsqueak chat --port`, in place of this terminal.
        #[arg(long, conflicts_with = "log")]
        pty: bool,
        /// Talk to a Pico's USB socket, in place of its UART; with --pty, its cable can be pulled out.
        #[arg(long)]
        usb: bool,
        #[command(flatten)]
        board: BoardOption,
    },
    /// Builds the firmware for a board, as the file that the board takes; prints what it takes, and what a model may.
    #[command(after_help = "Examples:\n  cargo xtask build --board mps2-an386\n  \
        cargo xtask build --board mps2-an386 --model models/mine.pip --out mine.elf\n  \
        cargo xtask build --board mps2-an386 --model models/lamp.pip --answers answers.txt")]
    Build {
        /// The board.
        #[arg(long, value_enum)]
        board: Board,
        /// A model to build in; without it, the firmware runs any model that is flashed beside it.
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// Answer every prompt with a line of this file, and do at the board's pins what it says: docs/obey.md.
        #[arg(long, value_name = "FILE", requires = "model")]
        answers: Option<PathBuf>,
        /// Show texts on an SSD1306 at the board's I2C, too: docs/obey.md.
        #[arg(long, requires = "model", conflicts_with = "answers")]
        display: bool,
        /// The file to write; without it, one in target/boards.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Builds the firmware that runs any model, for every board that can be bought, into target/dist, for `pipsqueak flash`.
    ///
    /// For each board a .bin, and the .uf2 or .hex if the board takes one; SHA256SUMS; and manifest.json, which says where
    /// image and model lie, and how much a model may take.
    Dist {
        /// Install without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Puts a board's firmware and a model onto the board: builds what `pipsqueak flash` then flashes.
    #[command(after_help = "Examples:\n  cargo xtask flash --board pico pretrained/stories.pip\n  \
        cargo xtask flash --board microbit-v2 pretrained/microbit.pip -- --dry-run   (after --: options of `pipsqueak flash`)")]
    Flash {
        /// The board.
        #[arg(long, value_enum)]
        board: Board,
        /// The model file.
        model: PathBuf,
        /// Install without asking.
        #[arg(long)]
        yes: bool,
        /// Options of `pipsqueak flash`.
        #[arg(last = true, value_name = "OPTIONS")]
        options: Vec<OsString>,
    },
    /// Checks format, lints, tests and firmware, on this PC and for the board.
    #[command(after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --yes")]
    Test {
        /// Install without asking.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        board: BoardOption,
    },
    /// Feeds changed inputs to everything that reads bytes from elsewhere, and reports what fails.
    ///
    /// Prints a line for each target; the exit code is 1 if there is a finding, whose input is kept. fuzz/README.md says what
    /// the targets are and what to do with a finding. Needs a C++ compiler.
    #[command(after_help = "Examples:\n  cargo xtask fuzz\n  cargo xtask fuzz model --seconds 3600")]
    Fuzz {
        /// The targets; without one, all.
        #[arg(value_enum, value_name = "TARGET")]
        targets: Vec<Target>,
        /// How long each target runs.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// Install without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Builds the page on which a model is trained in the browser: a folder for any file server.
    ///
    /// Needs Node.js, and Rust's library for WebAssembly; both are installed if you agree. Tested in Chromium, and in Firefox if that is there, by `test`.
    #[command(after_help = "Examples:\n  cargo xtask page --open\n  cargo xtask page --out public")]
    Page {
        /// The folder; without it, target/page.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// Serve the page on this machine alone, and open it.
        #[arg(long)]
        open: bool,
        /// Install without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Packs the crates as they would be published, and tests what was packed.
    Package,
    /// Measures: instructions on emulated chips, tokens a second on this PC, the time of training steps, or the page.
    #[command(after_help = "Examples:\n  cargo xtask bench chips\n  cargo xtask bench chips --check\n  \
        cargo xtask bench chips --board virt-rv32 --update\n  \
        cargo xtask bench pc\n  cargo xtask bench pc --check\n  \
        cargo xtask bench train\n  cargo xtask bench train --against-torch\n  \
        cargo xtask bench train --against-torch --text tinyshakespeare.txt\n  \
        cargo xtask bench page")]
    Bench {
        /// The measurement to take.
        what: Measurement,
        /// Only this board; without it, all.
        #[arg(long, value_enum)]
        board: Option<Board>,
        /// Fail if a count is more than 2 % above the committed table's; on the PC, above what is promised.
        #[arg(long, conflicts_with = "update")]
        check: bool,
        /// Rewrite the committed table, benches/chips.json.
        #[arg(long)]
        update: bool,
        /// Run PyTorch in turns with `train`; it is installed into target/ from PyPI, where it is missing.
        #[arg(long)]
        against_torch: bool,
        /// Train nanoGPT's recipe on this text with ours and with PyTorch, and compare their losses.
        #[arg(long, value_name = "FILE", requires = "against_torch")]
        text: Option<PathBuf>,
        /// Install without asking.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Measurement {
    /// Instructions a token, a multiply-accumulate and a position of attention, on every emulated chip.
    Chips,
    /// Tokens a second and instructions a token on this PC, of every precision and kernel.
    Pc,
    /// Milliseconds and steps a second of training, beside the rate of the matrix products.
    Train,
    /// The page in a browser: training beside this PC and TensorFlow.js, writing, frames a second, and the first load.
    Page,
}

#[derive(clap::Args)]
struct BoardOption {
    /// The board.
    #[arg(long, value_enum, default_value = "mps2-an386")]
    board: Board,
}

/// The use that a program makes of the board's pins, if any.
fn pins(answers: Option<&Path>, display: bool) -> Option<Pins<'_>> {
    answers.map(Pins::Obey).or(display.then_some(Pins::Display))
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Setup { yes, board } => commands::setup::setup(board.board, Consent::new(yes)).map(drop),
        Task::Demo { pretrained, text, yes, board, training } => {
            let source =
                if pretrained { Source::Pretrained } else { Source::Training { text, options: training } };
            commands::demo::demo(board.board, source, Consent::new(yes))
        }
        Task::Run {
            model,
            answers,
            display,
            log,
            self_test,
            think,
            blue_pill_memory,
            any_model,
            pty,
            usb,
            board,
        } => {
            let program = match pins(answers.as_deref(), display) {
                Some(pins) => Program::Pins(pins),
                None if any_model => Program::AnyModel,
                None => Program::Prompt(Options { log, self_test, think, blue_pill_memory }),
            };
            commands::run::run(board.board, model, program, End { usb, pty })
        }
        Task::Bench { what: Measurement::Train, against_torch, text, .. } => {
            commands::bench_train::train(against_torch, text.as_deref())
        }
        Task::Bench { what: Measurement::Page, yes, .. } => commands::page::bench(Consent::new(yes)),
        Task::Bench { what: Measurement::Pc, check, .. } => commands::bench_pc::pc(check),
        Task::Bench { what: Measurement::Chips, board, check, update, yes, .. } => {
            let boards = board.map_or(Board::COUNTED.to_vec(), |board| vec![board]);
            let outcome = match (check, update) {
                (true, _) => Outcome::Check,
                (_, true) => Outcome::Update,
                _ => Outcome::Print,
            };
            commands::bench::chips(&boards, outcome, Consent::new(yes))
        }
        Task::Build { board, model, answers, display, out } => {
            commands::build::build(board, model.as_deref(), pins(answers.as_deref(), display), out)
        }
        Task::Dist { yes } => commands::dist::dist(Consent::new(yes)),
        Task::Flash { board, model, yes, options } => {
            commands::flash::flash(board, &model, &options, Consent::new(yes))
        }
        Task::Fuzz { targets, seconds, yes } => commands::fuzz::fuzz(&targets, seconds, Consent::new(yes)),
        Task::Page { out, open, yes } => commands::page::page(out, open, Consent::new(yes)),
        Task::Package => xtask::published::check(),
        Task::Test { yes, board } => commands::test::test(board.board, Consent::new(yes)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Causes follow their sentence; a backtrace helps nobody here.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
