//! The emulated boards against the PC: the same file, prompt, seed and sampler give the same tokens and logits' bits, and
//! the image takes the flash and RAM that `inspect` predicts.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use pipsqueak::{Config, Generator, Precision, Sampling};
use pipsqueak_tests::chip::{Chip, PATIENCE};
use pipsqueak_tests::{Generated, SMALL, architectures, generate, random_model, shapes, temporary};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::ModelFile;
use pipsqueak_trainer::export::passes::{Passes, Task};
use pipsqueak_trainer::sizing;
use pipsqueak_trainer::sizing::boards::{FIRMWARE_FLASH_BYTES, FIRMWARE_RAM_BYTES, Footprint};
use xtask::board::Board;
use xtask::firmware::{self, Options};
use xtask::qemu::Session;
use xtask::toolchain::Toolchain;

/// `inspect` foretells flash and RAM of the whole image to this.
const FORETOLD_BYTES: u64 = 4096;

/// Greedy, and by chance with everything on.
const SAMPLINGS: [Sampling; 2] = [
    Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, repetition_penalty: 1.0 },
    Sampling { temperature: 0.9, top_k: 50, top_p: 0.95, repetition_penalty: 1.1 },
];

/// Texts far longer than the context, by every sampling.
fn assert_identical(board: Board, name: &str, config: &Config) {
    let length = 200;
    assert!(length as usize > config.context);
    let file = random_model(config, Precision::Int8);
    let mut chip = Chip::boot(board, &format!("identity-{}", config.hidden), &file);
    for sampling in SAMPLINGS {
        let on_pc = generate(&file, "Once", sampling, 5, length);
        let on_board = chip.generate("Once", sampling, 5, length);
        let what = format!("{}, {name}, {sampling:?}", board.name());
        assert_eq!(on_pc.tokens, length);
        assert_eq!(on_board.fingerprint, on_pc.fingerprint, "{what}: {on_board:?} is not {on_pc:?}");
        assert_eq!(on_board.tokens, on_pc.tokens, "{what}");
        assert_eq!(chip.ask(":selftest"), "ok", "{what}");
    }
}

#[test]
fn the_board_writes_what_the_pc_writes() {
    for (name, config) in shapes() {
        assert_identical(Board::Mps2An386, name, &config);
    }
}

#[test]
fn a_board_with_the_kernels_checks_tests_them_too() {
    let (board, file) = (Board::Mps2An386, random_model(&shapes()[0].1, Precision::Int8));
    let options = Options { self_test: true, ..Options::default() };
    let mut chip = Chip::boot_with(board, "self-test", &file, options);
    assert_eq!(chip.ask(":selftest"), "ok");
}

/// As in `firmware/src/bin/checks.rs`, whose image takes any model.
const CHECKED: (&str, Sampling, u64, u32) = ("Once", SAMPLINGS[1], 5, 100);

/// The output of the board's program that checks its arithmetic, with a model or without.
fn run_checks(board: Board, image: &Path, model: Option<&ModelFile>) -> String {
    // Tests run side by side, and each emulator reads its own file.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let session = match model {
        None => Session::boot(board, image),
        Some(file) => {
            let path = temporary(&format!("checked-{}.pip", COUNT.fetch_add(1, Ordering::Relaxed)));
            file.save(&path).unwrap();
            Session::boot_with_model(board, image, &path)
        }
    };
    session.unwrap().wait(PATIENCE).unwrap().1
}

#[test]
fn every_chip_computes_every_format_as_the_pc_does() {
    let images = Board::COUNTED.map(|board| (board, firmware::build_checks(board).unwrap()));
    for (name, config) in shapes() {
        for precision in PRECISIONS {
            let file = random_model(&config, precision);
            let (prompt, sampling, seed, length) = CHECKED;
            let pc = generate(&file, prompt, sampling, seed, length);
            assert_eq!(pc.tokens, length);
            for (board, image) in &images {
                // Float arithmetic in software is slow: one shape is enough.
                if precision == Precision::F32 && !board.has_fpu() && config != SMALL {
                    continue;
                }
                let printed = run_checks(*board, image, Some(&file));
                let expected = format!("fingerprint {}\n", pc.fingerprint);
                let what = format!("{}, {name}, {}", board.name(), precision.name());
                assert!(printed.replace('\r', "").contains(&expected), "{what}: {printed} is not {expected}");
            }
        }
    }
}

/// One board of each kind of kernels, and an image built for the one model.
#[test]
fn every_architecture_runs_on_chips_as_on_the_pc() {
    let boards = [Board::Mps2An385M0, Board::Mps2An386, Board::VirtRv32];
    let images = boards.map(|board| (board, firmware::build_checks(board).unwrap()));
    let (prompt, sampling, seed, length) = CHECKED;
    for (name, config) in architectures() {
        for precision in [Precision::Int8, Precision::Int4] {
            let file = random_model(&config, precision);
            let expected = generate(&file, prompt, sampling, seed, length).fingerprint;
            for (board, image) in &images {
                let printed = run_checks(*board, image, Some(&file)).replace('\r', "");
                let what = format!("{}, {name}, {}: {printed}", board.name(), precision.name());
                assert!(printed.contains(&format!("fingerprint {expected}\n")), "{what}");
            }
        }
        let file = random_model(&config, Precision::Int8);
        let on_pc = generate(&file, "Once", SAMPLINGS[1], 5, 60);
        let on_board = Chip::boot(boards[0], name, &file).generate("Once", SAMPLINGS[1], 5, 60);
        assert_eq!(on_board, on_pc, "{name}");
        let file = random_model(&config, Precision::F32);
        let on_pc = generate(&file, prompt, sampling, seed, length).fingerprint;
        let printed = run_checks(Board::Mps2An386, &images[1].1, Some(&file)).replace('\r', "");
        assert!(printed.contains(&format!("fingerprint {on_pc}\n")), "{name}, f32: {printed}");
    }
}

#[test]
fn every_chip_s_kernels_equal_the_portable_ones() {
    for board in Board::COUNTED {
        let printed = run_checks(board, &firmware::build_checks(board).unwrap(), None);
        let count = printed.split_whitespace().skip_while(|&word| word != "checked").nth(1);
        let count: u32 = count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{printed}"));
        assert!(count > 1_000_000, "{}: {count} results compared", board.name());
    }
}

/// Reads a text that has begun to its end; returns its tokens.
fn end_of_text(chip: &mut Chip) -> u32 {
    let text = chip.0.read_until(" tokens, ", PATIENCE).unwrap();
    let numbers = text.rsplit_once('[').unwrap_or_else(|| panic!("no text has ended here: {text:?}")).1;
    chip.0.read_until("\n> ", PATIENCE).unwrap();
    numbers.split(' ').next().unwrap().parse().unwrap()
}

/// A few lines typed while a board writes are kept.
fn assert_typed_ahead_is_kept(chip: &mut Chip) {
    chip.ask(":length 300");
    chip.0.send(b"Once\n:seed 7\n\x1b[A:len\x08\x08\x08top-k 9\n").unwrap();
    assert_eq!(end_of_text(chip), 300);
    for setting in ["seed 7", "top-k 9,"] {
        assert!(chip.0.read_until("\n> ", PATIENCE).unwrap().contains(setting));
    }
}

/// A line that is more than a board keeps is left out to its end, also where it goes on when there is room again; the board
/// says so once, and takes the next line.
fn assert_a_loss_is_said(chip: &mut Chip) {
    chip.0.send(format!("Once\n{}", "x".repeat(3000)).as_bytes()).unwrap();
    assert_eq!(end_of_text(chip), 300);
    chip.0.send(b":nonsense\n").unwrap();
    let sentence = chip.0.read_until("\n> ", PATIENCE).unwrap();
    assert!(sentence.starts_with("A line is lost: ") && sentence.matches('\n').count() == 1, "{sentence}");
    assert!(chip.ask(":seed 123456789").ends_with("seed 123456789"));
}

/// Ctrl-C is seen behind anything.
fn assert_ctrl_c_stops(chip: &mut Chip) {
    chip.ask(":length 1000000");
    for ahead in [0, 63, 64, 65, 5000] {
        chip.0.send(b"Once\n").unwrap();
        chip.0.read_some(PATIENCE).unwrap(); // the text has begun
        chip.0.send(&[&vec![b'x'; ahead][..], b"\x03"].concat()).unwrap();
        assert!(end_of_text(chip) < 1_000_000, "{ahead} bytes");
    }
    assert!(chip.ask(":seed 8").contains("seed 8"));
}

/// The real boards whose very images QEMU runs, and the ESP32-C3, which hears what is typed at its USB by an interrupt.
const REAL: [Board; 3] = [Board::MicrobitV1, Board::Stm32f405, Board::Esp32c3];

#[test]
fn every_board_keeps_what_is_typed_while_it_writes() {
    let file = random_model(&SMALL, Precision::Int8);
    for board in Board::COUNTED.into_iter().chain(REAL) {
        println!("{}", board.name());
        let mut chip = Chip::boot(board, "typing", &file);
        assert_typed_ahead_is_kept(&mut chip);
        assert_a_loss_is_said(&mut chip);
        assert_ctrl_c_stops(&mut chip);
    }
}

#[test]
fn an_f32_model_too() {
    let file = random_model(&SMALL, Precision::F32);
    let pc = generate(&file, "Once", SAMPLINGS[1], 9, 60);
    let board = Chip::boot(Board::Mps2An386, "identity-f32", &file).generate("Once", SAMPLINGS[1], 9, 60);
    assert_eq!(board.fingerprint, pc.fingerprint);
}

const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];

#[test]
fn every_image_links_so_that_no_path_leads_to_a_panic_and_names_no_file_of_this_pc() {
    for precision in PRECISIONS {
        let path = temporary(&format!("image-{}.pip", precision.name()));
        random_model(&SMALL, precision).save(&path).unwrap();
        for board in Board::COUNTED {
            let image = firmware::build(board, &path, Options::default()).unwrap();
            let what = format!("{}, {}", board.name(), precision.name());
            assert_names_no_file(&loaded(&fs::read(image).unwrap()), &what);
        }
    }
}

#[test]
fn the_same_source_in_another_folder_gives_the_same_image() {
    let board = Board::Mps2An386;
    let elsewhere = std::env::temp_dir().join(format!("pipsqueak-{}-elsewhere", std::process::id()));
    let root = xtask::paths::root();
    // The workspace's manifest names all the others.
    for package in ["core", "stories", "trainer", "tests", "xtask", "firmware"] {
        copy_source(&root.join(package), &elsewhere.join(package));
    }
    fs::copy(root.join("Cargo.toml"), elsewhere.join("Cargo.toml")).unwrap();
    let model = elsewhere.join("model.pip");
    random_model(&SMALL, Precision::Int8).save(&model).unwrap();
    let toolchain = Toolchain::find(board.target()).unwrap();
    let (source, target) = (elsewhere.join("firmware"), elsewhere.join("target"));
    let there =
        firmware::build_source(&toolchain, &source, &target, board, &model, Options::default()).unwrap();
    let here = firmware::build(board, &model, Options::default()).unwrap();
    let [here, there] = [here, there].map(|image| loaded(&fs::read(image).unwrap()));
    fs::remove_dir_all(&elsewhere).unwrap();
    assert!(here == there, "{} bytes here, {} there", here.len(), there.len());
}

/// Copies a folder, without what has been built in it.
fn copy_source(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true if entry.file_name() == "target" || entry.file_name() == "node_modules" => {}
            true => copy_source(&from, &to),
            false => drop(fs::copy(&from, &to).unwrap()),
        }
    }
}

/// The part of an image that a chip gets: the segments of the ELF file that are loaded, without names and lines for debuggers.
fn loaded(elf: &[u8]) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap()) as usize;
    let half = |at: usize| usize::from(u16::from_le_bytes(elf[at..at + 2].try_into().unwrap()));
    assert_eq!(&elf[..5], b"\x7fELF\x01");
    // e_phoff, e_phentsize and e_phnum; p_type, p_offset and p_filesz.
    let headers = (0..half(44)).map(|i| word(28) + i * half(42)).filter(|&header| word(header) == 1);
    headers.flat_map(|header| &elf[word(header + 4)..][..word(header + 16)]).copied().collect()
}

/// No source file's name, be it the project's or a crate's, and nothing of the folder it lies in.
fn assert_names_no_file(image: &[u8], what: &str) {
    let root = xtask::paths::root();
    let absolute = root.to_str().unwrap();
    let words = b"pipsqueak on ";
    assert!(image.windows(words.len()).any(|part| part == words), "{what}: where is the greeting?");
    for name in [absolute, ".rs", "/registry/", "/rustc/"] {
        let found = image.windows(name.len()).position(|part| part == name.as_bytes());
        let near = found.map(|at| String::from_utf8_lossy(&image[at.saturating_sub(80)..at + name.len()]));
        assert_eq!(near, None, "{what} has {name}");
    }
}

/// The numbers in a line of `:stats`, in their order.
fn numbers(stats: &str, line: &str) -> Vec<u64> {
    let line = stats.lines().find(|l| l.starts_with(line)).unwrap();
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// Flash and RAM that the firmware may take beside an int8 or int4 model, on chips without and with an FPU.
const SMALL_CHIPS: [Board; 2] = [Board::Mps2An385M0, Board::Mps2An386];
const FLASH_BESIDE_MODEL: u64 = 32 << 10;
const RAM_BESIDE_MODEL: u64 = 3 << 10;

#[test]
fn flash_and_ram_are_as_inspect_says() {
    for board in SMALL_CHIPS {
        for name in ["stories", "blue-pill"] {
            is_as_foretold(board, name);
        }
    }
}

/// With one of the models that come with the project; of int8 and of int4.
fn is_as_foretold(board: Board, name: &str) {
    let file = ModelFile::read(&xtask::paths::root().join(format!("pretrained/{name}.pip"))).unwrap();
    let model = file.model().unwrap();
    let foretold = Footprint::of(model.config(), model.precision(), model.file_bytes() as u64);
    let mut chip = Chip::boot(board, &format!("footprint-{name}"), &file);
    chip.generate("Once", SAMPLINGS[1], 5, 20);
    // The deepest of all that a line can lead to.
    for line in
        [&"x".repeat(600), ":help", ":nonsense", ":selftest", "caf\u{e9} \u{1f42d}", &"a b ".repeat(120)]
    {
        chip.ask(line);
    }
    let stats = chip.ask(":stats");
    let [statics, memory, stack, _] = numbers(&stats, "RAM")[..] else { panic!("{stats}") };
    let [flash, model_bytes] = numbers(&stats, "flash")[..] else { panic!("{stats}") };
    let (flash_beside, ram_beside) = (flash - model_bytes, statics + stack - memory);
    println!("{} {name}: {flash_beside} B of flash, {ram_beside} B of RAM", board.name());
    assert_eq!((memory, model_bytes), (foretold.memory_bytes, foretold.model_bytes));
    assert!(flash_beside <= FLASH_BESIDE_MODEL && ram_beside <= RAM_BESIDE_MODEL, "{stats}");
    let (ram, flash_said, ram_said) = (statics + stack, foretold.flash_bytes(), foretold.ram_bytes());
    assert!(flash <= flash_said && flash_said - flash <= FORETOLD_BYTES, "{FIRMWARE_FLASH_BYTES}: {stats}");
    assert!(ram <= ram_said && ram_said - ram <= FORETOLD_BYTES, "{FIRMWARE_RAM_BYTES}: {stats}");
}

/// The lines of the board's scores, and the text that is kept, on the PC.
fn best_of_passes(file: &ModelFile, passes: Passes, task: &Task<'_>) -> (String, Generated) {
    let model = file.model().unwrap();
    let mut memory = OwnedMemory::of(&model);
    let mut generator = Generator::new(model, memory.buffers()).unwrap();
    let mut lines = String::new();
    let best = passes.best(&mut generator, task, |pass, _, score| {
        lines += &format!("[pass {}: {:.3} nats a token]\n", pass + 1, score.mean());
    });
    lines += &format!("[pass {} is kept]\n", best.unwrap() + 1);
    let mut text = String::new();
    while generator.tokens() < task.length {
        let Some(piece) = generator.next_piece() else { break };
        text += piece;
    }
    (lines, Generated { text, tokens: generator.tokens(), fingerprint: generator.fingerprint() })
}

#[test]
fn the_board_keeps_the_pass_that_the_pc_keeps() {
    let file = ModelFile::read(&xtask::paths::root().join("pretrained/blue-pill.pip")).unwrap();
    let options = Options { think: true, ..Options::default() };
    let (prompt, length) = ("Once upon a time", 40);
    for board in SMALL_CHIPS {
        let mut chip = Chip::boot_with(board, "think", &file, options);
        let mut kept = Vec::new();
        for (command, feeds_back) in [(":think 3", true), (":best-of 3", false)] {
            chip.ask(command);
            for seed in 1..=3 {
                let task = Task { prompt, sampling: SAMPLINGS[1], seed, length };
                let (lines, text) = best_of_passes(&file, Passes { count: 3, feeds_back }, &task);
                let answer = chip.generate(prompt, SAMPLINGS[1], seed, length);
                kept.push(lines.split('[').next_back().unwrap().to_string());
                assert_eq!(answer, Generated { text: lines + &text.text, ..text }, "{command}, seed {seed}");
            }
        }
        // Not the same pass each time, or the choice says nothing.
        assert!(kept.iter().any(|line| *line != kept[0]), "{kept:?}");
        let stats = chip.ask(":stats");
        let [statics, memory, stack, _] = numbers(&stats, "RAM")[..] else { panic!("{stats}") };
        let [flash, model_bytes] = numbers(&stats, "flash")[..] else { panic!("{stats}") };
        let (flash, ram) = (flash - model_bytes, statics + stack - memory);
        println!("{}: {flash} B of flash, {ram} B of RAM", board.name());
        assert!(flash <= FLASH_BESIDE_MODEL + THINKING_FLASH, "{stats}");
        assert!(ram <= RAM_BESIDE_MODEL + THINKING_RAM, "{stats}");
    }
}

/// Flash and RAM that the feature `think` takes, for what `FLASH_BESIDE_MODEL` and `RAM_BESIDE_MODEL` have no room.
const THINKING_FLASH: u64 = 3500;
const THINKING_RAM: u64 = 64;

/// With a model that comes with the project: the PC's text, on a board with the memory of a real one.
fn assert_tells_a_story(board: Board, model: &str, options: Options) -> Chip {
    let file = ModelFile::read(&xtask::paths::root().join("pretrained").join(model)).unwrap();
    let mut chip = Chip::boot_with(board, "story", &file, options);
    let prompt = "Once upon a time";
    for sampling in SAMPLINGS {
        let expected = generate(&file, prompt, sampling, 3, 150);
        assert_eq!(chip.generate(prompt, sampling, 3, 150), expected, "{}", board.name());
    }
    assert_eq!(chip.ask(":selftest"), "ok", "{}", board.name());
    chip
}

#[test]
fn a_blue_pills_memory_holds_a_storyteller() {
    let options = Options { blue_pill_memory: true, ..Options::default() };
    assert_tells_a_story(Board::Mps2An385, "blue-pill.pip", options);
}

#[test]
fn real_boards_tell_the_pcs_stories() {
    assert_tells_a_story(Board::MicrobitV1, "microbit.pip", Options::default());
    assert_tells_a_story(Board::Stm32f405, "stories.pip", Options::default());
}

/// In an emulator of our own.
#[test]
fn an_esp32_c3_tells_the_pcs_stories() {
    assert_tells_a_story(Board::Esp32c3, "stories.pip", Options::default());
}

#[test]
fn every_real_board_has_an_image_without_a_path_to_a_panic() {
    let path = temporary("real.pip");
    random_model(&SMALL, Precision::Int8).save(&path).unwrap();
    for board in Board::real() {
        let image = firmware::build(board, &path, Options::default()).unwrap();
        assert_names_no_file(&loaded(&fs::read(image).unwrap()), board.name());
    }
}

#[test]
fn too_little_ram_for_the_stack_is_refused_in_words() {
    // Its memory takes 15,024 of the 16,384 bytes.
    let model = xtask::paths::root().join("pretrained/blue-pill.pip");
    let error = firmware::build(Board::MicrobitV1, &model, Options::default()).unwrap_err().to_string();
    assert!(error.contains("take more flash or RAM than microbit-v1 has"), "{error}");
}

#[test]
fn the_trainer_knows_every_real_board_by_its_name() {
    for board in Board::real() {
        let found = sizing::boards::find(board.name()).unwrap();
        println!("{}: {}", board.name(), found.name);
        assert!(found.chip.contains(board.chip()), "{}: {}", board.name(), found.chip);
    }
}
