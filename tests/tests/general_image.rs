//! The image that runs any model: what it says of what lies in its flash, and how a model gets there.

use std::fs;
use std::io::{self, Read, Write};

use pipsqueak::internal::parts;
use pipsqueak::{Config, Precision, Sampling};
use pipsqueak_talk::flash::loader::Loader;
use pipsqueak_talk::flash::{Part, esptool, uf2};
use pipsqueak_tests::chip::{Chip, PATIENCE};
use pipsqueak_tests::{SMALL, generate, random_model, temporary};
use pipsqueak_trainer::export::model_file::ModelFile;
use xtask::board::Board;
use xtask::commands::build;
use xtask::firmware;
use xtask::image::{Layout, contents};
use xtask::qemu::{self, Port, Session};
use xtask::toolchain::Toolchain;

const SAMPLING: Sampling = Sampling { temperature: 0.9, top_k: 50, top_p: 0.95, repetition_penalty: 1.1 };
const EMPTY: &str = "no model: its place in flash is empty; flash one with `pipsqueak flash`.";

/// Bytes of the stack's reserve that nothing may have touched.
const STACK_SPARE: u32 = 1024;

fn image(board: Board) -> std::path::PathBuf {
    firmware::build_any_model(&Toolchain::find(board.target()).unwrap(), board).unwrap()
}

/// The first words of a board that has just started, up to its prompt.
fn greeting(session: &mut Session) -> String {
    session.read_until("> ", PATIENCE).unwrap()
}

#[test]
fn an_empty_board_takes_a_model_over_its_serial_port_and_writes_what_the_pc_writes() {
    let file = random_model(&SMALL, Precision::Int8);
    for board in [Board::Mps2An385M0, Board::Mps2An386, Board::VirtRv32] {
        let mut session = Session::boot(board, &image(board)).unwrap();
        let words = greeting(&mut session);
        assert!(words.contains(EMPTY), "{words}");
        let mut chip = Chip(session);
        assert_eq!(chip.ask("Once"), format!("Refused: {EMPTY}"));
        let held = Loader::new(&mut chip.0).send(file.bytes(), |_| ()).unwrap();
        assert!(held < file.bytes().len() / 10, "{held} bytes are there already");
        let words = greeting(&mut chip.0);
        assert!(
            words.contains("model: int8, vocab 256, context 48, width 32, layers 2, heads 4; "),
            "{words}"
        );
        assert_eq!(chip.generate("Once", SAMPLING, 5, 60), generate(&file, "Once", SAMPLING, 5, 60));
        assert_eq!(chip.ask(":selftest"), "ok");
        assert_stack_has_room(&mut chip);
        // Sent again, the model is there already.
        assert_eq!(Loader::new(&mut chip.0).send(file.bytes(), |_| ()).unwrap(), file.bytes().len());
        // The board does not wait for more.
        chip.0.read_until("The transfer is over: ", PATIENCE).unwrap();
        assert!(greeting(&mut chip.0).contains("model: int8, "));
    }
}

/// A micro:bit v1's own flash, which its controller erases and writes: QEMU has that of the nRF51.
#[test]
fn a_microbit_takes_models_into_its_flash_and_keeps_them_when_a_transfer_is_torn() {
    let board = Board::MicrobitV1;
    let shape = |context| random_model(&Config { context, ..SMALL }, Precision::Int8);
    let (old, new) = (shape(24), shape(32));
    let mut session = Session::boot(board, &image(board)).unwrap();
    assert!(greeting(&mut session).contains(EMPTY));

    // Without a model before, a torn transfer leaves none.
    let words = tear(&mut session, old.bytes());
    assert!(words.contains("no model: "), "{words}");
    assert!(Loader::new(&mut session).send(old.bytes(), |_| ()).unwrap() > 0);
    let mut session = assert_model(session, &old);

    let words = tear(&mut session, new.bytes());
    assert!(words.contains("context 24,"), "{words}");
    let held = Loader::new(&mut session).send(new.bytes(), |_| ()).unwrap();
    assert!(held > new.bytes().len() / 4, "{held} bytes are there already");
    let mut session = assert_model(session, &new);

    // The chip is too small for all formats.
    let shape = Config { width: 16, heads: 2, kv_heads: 1, hidden: 20, layers: 1, ..SMALL };
    let float = random_model(&shape, Precision::F32);
    let refused = Loader::new(&mut session).send(float.bytes(), |_| ()).unwrap_err().to_string();
    assert_eq!(
        refused,
        "the model has weights in f32, which the firmware of the board leaves out; train or export it with --precision int8 or int4 or \
         ternary"
    );
    session.read_until("The transfer is over: ", PATIENCE).unwrap();
    assert_model(session, &new);
}

/// The general firmware of a Blue Pill on an emulated board with as much memory. It runs the simplest models alone, and says so before
/// one of another kind takes the place of the one that is there: both would not fit.
#[test]
fn a_blue_pills_memory_holds_a_firmware_for_any_simple_model() {
    let toolchain = Toolchain::find(Board::Mps2An385.target()).unwrap();
    let image = firmware::build_any_model_in_blue_pill_memory(&toolchain).unwrap();
    let mut session = Session::boot(Board::Mps2An385, &image).unwrap();
    assert!(greeting(&mut session).contains(EMPTY));
    let file = ModelFile::read(&xtask::paths::root().join("pretrained/blue-pill-any.pip")).unwrap();
    Loader::new(&mut session).send(file.bytes(), |_| ()).unwrap();
    let mut session = assert_model(session, &file);

    let Layout { model, model_ram_bytes, model_parts, .. } = Layout::read(&image).unwrap();
    assert!(file.bytes().len() > model.len() / 2);
    assert_eq!(model_parts, parts::INT4);
    // That of the chip itself.
    let chip = Layout::read(&self::image(Board::BluePill)).unwrap();
    assert_eq!((chip.model.start, chip.model.end), (0x0800_c000, 0x0801_0000));
    assert_eq!(chip.model_parts, model_parts);
    assert!(
        chip.model_ram_bytes.abs_diff(model_ram_bytes) < 100,
        "{} {model_ram_bytes}",
        chip.model_ram_bytes
    );
    let wide = random_model(&Config { width: 8, heads: 2, layers: 1, hidden: 8, ..SMALL }, Precision::Int8);
    let refusals = [
        (wide, "the model has weights in int8, which the firmware of the board leaves out; train or export it with --precision int4".into()),
        (
            ModelFile::read(&xtask::paths::root().join("pretrained/blue-pill.pip")).unwrap(),
            format!("the model takes 28824 bytes of flash, and the board has {} for one; train one with a smaller --width or fewer --layers", model.len()),
        ),
    ];
    for (model, refusal) in refusals {
        let refused = Loader::new(&mut session).send(model.bytes(), |_| ()).unwrap_err().to_string();
        assert_eq!(refused, refusal);
        session.read_until("The transfer is over: ", PATIENCE).unwrap();
        greeting(&mut session);
    }
    let mut chip = Chip(session);
    assert_eq!(chip.ask(":selftest"), "ok");
}

/// By the functions of the chip's ROM, which the emulator has in their place, and which it refuses where a real chip would hang.
#[test]
fn a_pico_takes_a_model_into_its_flash() {
    let shape = Config { width: 16, heads: 2, kv_heads: 1, hidden: 20, layers: 1, ..SMALL };
    let file = random_model(&shape, Precision::Int8);
    assert_takes_a_model(Board::Pico, &file);
}

/// By the functions of the chip's ROM, in an emulator of our own, where a page shows what flash held before until the cache is emptied.
#[test]
fn an_esp32_c3_takes_models_into_its_flash_and_keeps_them_when_a_transfer_is_torn() {
    let shape = |context| random_model(&Config { context, ..SMALL }, Precision::Int8);
    let (old, new) = (shape(24), shape(32));
    let mut session = Session::boot(Board::Esp32c3, &image(Board::Esp32c3)).unwrap();
    assert!(greeting(&mut session).contains(EMPTY));
    let words = tear(&mut session, old.bytes());
    assert!(words.contains("no model: "), "{words}");
    assert!(Loader::new(&mut session).send(old.bytes(), |_| ()).unwrap() > 0);
    let mut session = assert_model(session, &old);
    // The new one goes into the second half, which a boot loader for 2 MB says the flash does not have.
    let words = tear(&mut session, new.bytes());
    assert!(words.contains("context 24,"), "{words}");
    Loader::new(&mut session).send(new.bytes(), |_| ()).unwrap();
    assert_model(session, &new);
}

/// From the very file that esptool writes, of firmware and model.
#[test]
fn an_esp32_c3_boots_from_a_file_for_esptool() {
    let (board, file) = (Board::Esp32c3, random_model(&SMALL, Precision::Int4));
    let path = temporary("esp32c3.bin");
    build::build(board, None, None, Some(path.clone())).unwrap();
    let part = |what, address, bytes| Part { what, address, bytes };
    let parts = [
        part("firmware", 0x1_0000, fs::read(&path).unwrap()),
        part("model", 0x11_0000, file.bytes().to_vec()),
    ];
    fs::write(&path, esptool::encode(&parts).unwrap()).unwrap();
    assert_model(Session::boot(board, &path).unwrap(), &file);
}

/// Boards whose processor Unicorn executes. Their registers are models of our own, which refuse what the makers' manuals do not allow.
#[test]
fn boards_by_their_manuals_take_a_model_into_their_flash() {
    if !unicorn() {
        return;
    }
    let shape = Config { width: 16, heads: 2, kv_heads: 1, hidden: 20, layers: 1, ..SMALL };
    let file = random_model(&shape, Precision::Int8);
    for board in [Board::MicrobitV2, Board::Nrf52840Dk, Board::BlackPill, Board::NucleoG071rb, Board::Pico2] {
        assert_takes_a_model(board, &file);
    }
    // Its firmware runs simple models of int4 alone.
    let simple = xtask::paths::root().join("pretrained/blue-pill-any.pip");
    assert_takes_a_model(Board::BluePill, &ModelFile::read(&simple).unwrap());
}

/// A transfer is torn, and leaves no model; the next one is whole.
fn assert_takes_a_model(board: Board, file: &ModelFile) {
    let mut session = Session::boot(board, &image(board)).unwrap();
    assert!(greeting(&mut session).contains(EMPTY));
    let words = tear(&mut session, file.bytes());
    assert!(words.contains("no model: "), "{words}");
    Loader::new(&mut session).send(file.bytes(), |_| ()).unwrap();
    assert_model(session, file);
}

/// A model that allows all would prove nothing.
#[test]
fn the_models_of_registers_refuse_what_the_manuals_do_not_allow() {
    if !unicorn() {
        return;
    }
    let output = qemu::check_models().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("OK"), "{said}");
}

/// The image of its one model.
#[test]
fn a_blue_pill_by_its_manual_writes_what_the_pc_writes() {
    if !unicorn() {
        return;
    }
    let (board, file) = (Board::BluePill, random_model(&SMALL, Precision::Int8));
    let path = temporary("blue-pill.pip");
    fs::write(&path, file.bytes()).unwrap();
    let mut session =
        Session::boot(board, &firmware::build(board, &path, Default::default()).unwrap()).unwrap();
    greeting(&mut session);
    session.send(b"\x05").unwrap();
    session.read_until("\x06", PATIENCE).unwrap();
    let mut chip = Chip(session);
    assert_eq!(chip.generate("Once", SAMPLING, 5, 60), generate(&file, "Once", SAMPLING, 5, 60));
    assert_eq!(chip.ask(":selftest"), "ok");
}

/// Whether Unicorn is there, as it must be in continuous integration.
fn unicorn() -> bool {
    let is_there = qemu::has_unicorn();
    assert!(
        is_there || std::env::var_os("CI").is_none(),
        "Unicorn is missing; run: cargo xtask setup --board black-pill"
    );
    if !is_there {
        eprintln!("skipped: Unicorn is missing; `cargo xtask setup --board black-pill` installs it");
    }
    is_there
}

/// QEMU's STM32F405 has flash that can't be written.
#[test]
fn a_board_whose_flash_does_not_answer_says_so() {
    let board = Board::Stm32f405;
    let mut session = Session::boot(board, &image(board)).unwrap();
    assert!(greeting(&mut session).contains(EMPTY));
    let file = random_model(&SMALL, Precision::Int8);
    let refused = Loader::new(&mut session).send(file.bytes(), |_| ()).unwrap_err().to_string();
    assert_eq!(refused, "the board refuses the model: the flash does not hold what is written to it");
}

/// Sends half of a file and pulls the cable; returns the board's words after a reset.
fn tear(session: &mut Session, file: &[u8]) -> String {
    let torn = Torn { port: session, bytes: file.len() / 2 };
    let error = Loader::new(torn).send(file, |_| ()).unwrap_err().to_string();
    assert!(error.contains("the port is gone"), "{error}");
    session.send(b"\x03").unwrap();
    session.read_until("The transfer is over: it was broken off.", PATIENCE).unwrap();
    greeting(session)
}

/// The board has restarted with this model.
fn assert_model(mut session: Session, file: &ModelFile) -> Session {
    let context = file.model().unwrap().config().context;
    let words = greeting(&mut session);
    assert!(words.contains(&format!("context {context},")), "{words}");
    session.send(b"\x05").unwrap();
    session.read_until("\x06", PATIENCE).unwrap();
    let mut chip = Chip(session);
    assert_eq!(chip.generate("Once", SAMPLING, 5, 60), generate(file, "Once", SAMPLING, 5, 60));
    assert_eq!(chip.ask(":selftest"), "ok");
    assert_stack_has_room(&mut chip);
    chip.0
}

/// Reading a file, writing and the self-test leave some of the stack's reserve untouched: below it lies the model's memory.
fn assert_stack_has_room(chip: &mut Chip) {
    let stats = chip.ask(":stats");
    let stack = stats.split("; stack ").nth(1).unwrap();
    let sizes: Vec<u32> = stack.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    println!("stack {}", stack.lines().next().unwrap());
    assert!(sizes[0] + STACK_SPARE <= sizes[1], "{stats}");
}

/// A cable that is pulled after so many bytes.
struct Torn<'s> {
    port: &'s mut Session,
    bytes: usize,
}

impl Read for Torn<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.port.read(buffer)
    }
}

impl Write for Torn<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        self.port.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.port.flush()
    }
}

/// The chip of the Raspberry Pi Pico in rp2040js, from the very UF2 file that is dropped onto its drive; an independent reader
/// takes the file apart. The prompt is at UART0, even if a program at the USB socket reads nothing, and at that socket.
#[test]
fn a_pico_boots_from_a_uf2_file_of_firmware_and_model() {
    let (board, file) = (Board::Pico, random_model(&SMALL, Precision::Int8));
    let elf = image(board);
    let model_start = Layout::read(&elf).unwrap().model.start;
    let boot = |name: &str, model: &[u8], port| {
        let parts =
            [contents(&elf).unwrap(), Part { what: "model", address: model_start, bytes: model.to_vec() }];
        let path = temporary(name);
        fs::write(&path, uf2::encode(&parts, 0xe48b_ff56)).unwrap();
        Session::boot_at(board, &path, port).unwrap()
    };
    let expected = generate(&file, "Once", SAMPLING, 5, 60);
    for port in [Port::UartBesideUsb, Port::Usb] {
        let mut session = boot("pico.uf2", file.bytes(), port);
        assert!(
            greeting(&mut session)
                .contains("model: int8, vocab 256, context 48, width 32, layers 2, heads 4; ")
        );
        session.send(b"\x05").unwrap();
        session.read_until("\x06", PATIENCE).unwrap();
        let mut chip = Chip(session);
        assert_eq!(chip.generate("Once", SAMPLING, 5, 60), expected, "{port:?}");
        assert_eq!(chip.ask(":selftest"), "ok");
        // The longest line, at once.
        let line = format!(":settings{}", " ".repeat(503));
        assert!(chip.ask(&line).starts_with("temperature "), "{port:?}");
    }

    let (damaged, reason) = damaged(&file);
    let words = greeting(&mut boot("damaged.uf2", &damaged, Port::Usb));
    assert!(words.contains(&reason), "{words}");
}

/// As the ROM of an RP2350 looks for it: RP2350 Datasheet, "Blocks and block loops", "Image definition items". No emulator has that ROM.
#[test]
fn a_pico_2s_rom_finds_the_image_and_where_it_begins() {
    let elf = image(Board::Pico2);
    let (flash, layout) = (contents(&elf).unwrap(), Layout::read(&elf).unwrap());
    let word = |at: usize| u32::from_le_bytes(flash.bytes[4 * at..][..4].try_into().unwrap());
    assert_eq!((flash.address, layout.model), (0x1000_0000, 0x1004_0000..0x103f_f000));
    let start = (0..1024).find(|&at| word(at) == 0xffff_ded3).expect("a block in the first 4 KB");
    let [kind, words, low, high] = word(start + 1).to_le_bytes();
    assert_eq!((kind, words), (0x42, 1), "the type of an image");
    let flags = u16::from_le_bytes([low, high]);
    // A program, secure, for Arm's processors, of an RP2350.
    assert_eq!([flags & 0xf, flags >> 4 & 3, flags >> 8 & 7, flags >> 12 & 7], [1, 2, 0, 1]);
    let [last, words, high, _] = word(start + 2).to_le_bytes();
    assert_eq!((last, u16::from_le_bytes([words, high])), (0xff, 1), "no other items");
    assert_eq!((word(start + 3), word(start + 4)), (0, 0xab12_3579), "the only block");
    // Without an item that says otherwise, the vectors are at the image's beginning.
    let (stack, entry) = (word(0), word(1));
    assert_eq!(stack, 0x2000_0000 + 520 * 1024);
    assert!(entry % 2 == 1 && layout.program.contains(&entry), "{entry:#x}");
    assert_eq!(start, 16 + 34, "the block lies behind the vectors, of which the last is the UART's");
}

/// A file with a bit that is wrong, and what the firmware says of it.
fn damaged(file: &ModelFile) -> (Vec<u8>, String) {
    let mut bytes = file.bytes().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let reason = format!("no model: {}.", ModelFile::from_bytes(&bytes).model().unwrap_err());
    (bytes, reason)
}

#[test]
fn a_damaged_model_is_refused_in_words() {
    let (board, file) = (Board::Mps2An386, random_model(&SMALL, Precision::Int4));
    let path = temporary("damaged.pip");
    let (damaged, reason) = damaged(&file);
    fs::write(&path, &damaged).unwrap();
    let mut session = Session::boot_with_model(board, &image(board), &path).unwrap();
    let words = greeting(&mut session);
    assert!(words.contains(&reason), "{words}");
    let mut chip = Chip(session);
    assert!(chip.ask(":selftest").contains("no model: "));
    assert!(chip.ask(":help").contains(":seed"));
}
