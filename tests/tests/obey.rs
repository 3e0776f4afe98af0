//! Answers from a list: the choice against brute force on the PC; and the firmware that obeys, whose pins QEMU itself is asked about.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pipsqueak::internal::Decoder;
use pipsqueak::{Generator, Model, Sampling};
use pipsqueak_tests::generate;
use pipsqueak_trainer::data::pairs::{self, Pair};
use pipsqueak_trainer::export::answers::{self, Answers};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::ModelFile;
use xtask::board::Board;
use xtask::firmware::{self, Pins};
use xtask::paths;
use xtask::qemu::Session;
use xtask::toolchain::Toolchain;

/// An emulator that says nothing for so long is stuck; no test passes or fails by a shorter time.
const PATIENCE: Duration = Duration::from_secs(120);

fn file(name: &str) -> PathBuf {
    paths::obey().join("lamp").join(name)
}

fn lamp() -> (ModelFile, Vec<Pair>) {
    (ModelFile::read(&file("lamp.pip")).unwrap(), pairs::read(&file("pairs.tsv")).unwrap())
}

/// The logits behind each of `tokens`, read from the beginning in fresh memory.
fn logits(model: &Model<'_>, tokens: &[u16]) -> Vec<Vec<f32>> {
    let mut memory = OwnedMemory::of(model);
    let (mut decoder, _) = Decoder::new(model.clone(), memory.buffers()).unwrap();
    let mut all = Vec::new();
    decoder.forward_each(tokens, 0, |logits| all.push(logits.to_vec())).unwrap();
    all
}

/// `ln softmax`, in f64.
fn log_probability(logits: &[f32], token: u16) -> f64 {
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
    f64::from(logits[usize::from(token)]) - sum.ln()
}

/// By brute force: the answers are weighed apart from each other, each with the whole prompt before it, and each token that is
/// likelier than those of the answers that are left strikes these out. Returns the place of the last one left, and the logarithm
/// of the probability of each.
fn by_brute_force(model: &Model<'_>, prompt: &str, texts: &[String]) -> (usize, Vec<f64>) {
    let (tokenizer, vocabulary) = (model.tokenizer(), model.tokenizer().vocabulary());
    let encode = |text: &str| tokenizer.encode(text).map(Result::unwrap).collect::<Vec<u16>>();
    let before = [vec![vocabulary.begin.unwrap()], encode(prompt), encode("\n")].concat();
    let answers: Vec<Vec<u16>> =
        texts.iter().map(|text| [encode(text), vec![vocabulary.end.unwrap()]].concat()).collect();
    let weighed: Vec<Vec<Vec<f32>>> = answers
        .iter()
        .map(|answer| logits(model, &[before.clone(), answer.clone()].concat()).split_off(before.len() - 1))
        .collect();
    let mut left: Vec<usize> = (0..answers.len()).collect();
    for at in 0..answers.iter().map(Vec::len).max().unwrap() {
        let logit = |&place: &usize| weighed[place][at][usize::from(answers[place][at])];
        left.retain(|&place| at < answers[place].len());
        let best = left.iter().map(logit).fold(f32::NEG_INFINITY, f32::max);
        left.retain(|place| logit(place) == best);
        if left.len() == 1 {
            break;
        }
    }
    let sum = |place: usize| {
        let tokens = answers[place].iter().zip(&weighed[place]);
        tokens.map(|(&token, logits)| log_probability(logits, token)).sum()
    };
    (left[0], (0..answers.len()).map(sum).collect())
}

#[test]
fn the_choice_is_that_of_brute_force() {
    let (file, pairs) = lamp();
    let model = file.model().unwrap();
    // Also answers that begin others, and such as the model would hardly give.
    let own = answers::read(&self::file("answers.txt")).unwrap();
    let odd = ["lamp o", "lamp on", "lamp", "fan", "fan off at once", "nothing at all", "half"]
        .map(String::from)
        .to_vec();
    let mut chosen = [0; 2];
    for (list, texts) in [own, odd].into_iter().enumerate() {
        let answers = Answers::new(texts.clone(), model.tokenizer()).unwrap();
        let [mut one, mut other] = [OwnedMemory::of(&model), OwnedMemory::of(&model)];
        let mut generator = Generator::new(model.clone(), one.buffers()).unwrap();
        let (mut decoder, _) = Decoder::new(model.clone(), other.buffers()).unwrap();
        let mut places = std::collections::HashSet::new();
        for Pair { prompt, .. } in pairs.iter().step_by(9) {
            let (place, sums) = by_brute_force(&model, prompt, &texts);
            assert_eq!(answers.choose(&mut generator, prompt).unwrap(), place, "{prompt}");
            let found = answers.log_probabilities(&mut decoder, prompt).unwrap();
            for (found, sum) in found.iter().zip(&sums) {
                assert!((found - sum).abs() < 1e-9, "{prompt}: {found} is not {sum}");
            }
            places.insert(place);
        }
        chosen[list] = places.len();
    }
    assert!(chosen[0] == 8 && chosen[1] >= 3, "too few different answers were chosen: {chosen:?}");
}

/// An emulated board: its serial port, and the monitor of the emulator itself.
struct Emulated {
    qemu: Child,
    serial: TcpStream,
    monitor: TcpStream,
}

impl Emulated {
    fn boot(machine: &str, image: &Path) -> Emulated {
        let [serial, monitor] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let device = |listener: &TcpListener| format!("tcp:{},nodelay=on", listener.local_addr().unwrap());
        let mut command = Command::new("qemu-system-arm");
        command.args(["-M", machine, "-display", "none", "-icount", "shift=0", "-kernel"]).arg(image);
        command.args(["-semihosting-config", "enable=on,target=native"]);
        command.args(["-serial", &device(&serial), "-monitor", &device(&monitor)]);
        let qemu = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut emulated = Emulated { qemu, serial: accept(&serial), monitor: accept(&monitor) };
        read_until(&mut emulated.monitor, "(qemu) ");
        read_until(&mut emulated.serial, "\n> ");
        emulated
    }

    /// Types a prompt; returns what the board says of it.
    fn ask(&mut self, prompt: &str) -> String {
        writeln!(self.serial, "{prompt}").unwrap();
        let said = read_until(&mut self.serial, "\n> ");
        said.strip_suffix("\n> ").unwrap().into()
    }

    /// A register's value, from the emulated device itself.
    fn register(&mut self, address: u32) -> u32 {
        writeln!(self.monitor, "xp /1wx {address:#x}").unwrap();
        let said = read_until(&mut self.monitor, "(qemu) ");
        let (_, value) = said.rsplit_once(": 0x").unwrap_or_else(|| panic!("{said}"));
        u32::from_str_radix(value.split_whitespace().next().unwrap(), 16).unwrap()
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return stream;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("QEMU does not connect: {error}"),
        }
    }
}

fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&read)));
        read.push(byte[0]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// The LED is switched at the next tick: waits for it.
fn wait_for_leds(emulated: &mut Emulated, wanted: u32) {
    let deadline = Instant::now() + PATIENCE;
    while emulated.register(LEDS) != wanted {
        assert!(Instant::now() < deadline, "the LEDs never become {wanted:02b}");
    }
}

/// Application Notes AN385 and AN386: a bit for each user LED, the lamp's the lowest; and the fan's.
const LEDS: u32 = 0x4002_8000;
const CONTROLLER_LEDS: u32 = 0x4002_f004;

fn obeying(board: Board, answers: &Path) -> PathBuf {
    let toolchain = Toolchain::find(board.target()).expect("cargo xtask setup has been run");
    firmware::build_with_pins(&toolchain, board, &file("lamp.pip"), Pins::Obey(answers)).unwrap()
}

#[test]
fn orders_reach_the_pins_of_an_emulated_board_and_are_the_pc_s() {
    let (model_file, _) = lamp();
    let model = model_file.model().unwrap();
    let answers = Answers::new(answers::read(&file("answers.txt")).unwrap(), model.tokenizer()).unwrap();
    let mut memory = OwnedMemory::of(&model);
    let mut generator = Generator::new(model.clone(), memory.buffers()).unwrap();
    for (board, machine) in [(Board::Mps2An386, "mps2-an386"), (Board::Mps2An385M0, "mps2-an385")] {
        let mut emulated = Emulated::boot(machine, &obeying(board, &file("answers.txt")));
        let mut ask = |emulated: &mut Emulated, prompt: &str| {
            let said = emulated.ask(prompt);
            let place = answers.choose(&mut generator, prompt).unwrap();
            let (answer, fingerprint) = (&answers.texts[place], generator.fingerprint());
            assert!(said.starts_with(&format!("{answer}\n")), "{said:?} is not {answer}");
            assert!(
                said.ends_with(&format!("fingerprint {fingerprint:08x}]")),
                "{said:?}, {fingerprint:08x}"
            );
            answer.clone()
        };
        assert_eq!((emulated.register(LEDS), emulated.register(CONTROLLER_LEDS)), (0, 0));
        assert_eq!(ask(&mut emulated, "please turn on the lamp"), "lamp on");
        wait_for_leds(&mut emulated, 1);
        for _ in 0..5 {
            assert_eq!(emulated.register(LEDS), 1, "the lamp is on, and nothing else");
        }
        assert_eq!(ask(&mut emulated, "it is hot in here"), "fan on");
        assert_eq!(ask(&mut emulated, "what time is it"), "nothing");
        assert_eq!((emulated.register(LEDS), emulated.register(CONTROLLER_LEDS)), (1, 1));
        // Dimmed, the lamp is now on and now off.
        assert_eq!(ask(&mut emulated, "dim the lamp to half"), "lamp 50");
        for wanted in [0, 1, 0, 1] {
            wait_for_leds(&mut emulated, wanted);
        }
        assert_eq!(ask(&mut emulated, "good night"), "lamp off");
        assert_eq!(ask(&mut emulated, "stop the fan"), "fan off");
        wait_for_leds(&mut emulated, 0);
        for _ in 0..5 {
            assert_eq!((emulated.register(LEDS), emulated.register(CONTROLLER_LEDS)), (0, 0));
        }
    }
}

#[test]
fn the_pico_s_image_obeys_as_the_pc() {
    let (model_file, pairs) = lamp();
    let model = model_file.model().unwrap();
    let answers = Answers::new(answers::read(&file("answers.txt")).unwrap(), model.tokenizer()).unwrap();
    let mut memory = OwnedMemory::of(&model);
    let mut generator = Generator::new(model.clone(), memory.buffers()).unwrap();
    let image = obeying(Board::Pico, &file("answers.txt"));
    let mut pico = Session::boot(Board::Pico, &image).unwrap();
    pico.read_until("\n> ", PATIENCE).unwrap();
    // A program needs no echo.
    pico.send_line(":echo off").unwrap();
    pico.read_until("\n> ", PATIENCE).unwrap();
    for Pair { prompt, answer, .. } in pairs.iter().take(20) {
        pico.send_line(prompt).unwrap();
        let said = pico.read_until("\n> ", PATIENCE).unwrap();
        answers.choose(&mut generator, prompt).unwrap();
        let end = format!("fingerprint {:08x}]\n> ", generator.fingerprint());
        assert!(
            said.starts_with(&format!("{answer}\n")) && said.ends_with(&end),
            "{prompt}: {said:?}, {end:?}"
        );
    }
}

/// The emulator has no display, so that the program goes on without.
#[test]
fn a_pico_that_lacks_its_display_tells_the_pc_s_story() {
    let toolchain = Toolchain::find(Board::Pico.target()).expect("cargo xtask setup has been run");
    let model = paths::root().join("pretrained/microbit.pip");
    let image = firmware::build_with_pins(&toolchain, Board::Pico, &model, Pins::Display).unwrap();
    let told = generate(&ModelFile::read(&model).unwrap(), "Once upon a time", Sampling::default(), 42, 20);
    let mut pico = Session::boot(Board::Pico, &image).unwrap();
    for line in [":echo off", ":seed 42", ":length 20"] {
        pico.send_line(line).unwrap();
    }
    pico.read_until("length 20 tokens", PATIENCE).unwrap();
    pico.send_line("Once upon a time").unwrap();
    let said = pico.read_until(&format!("fingerprint {:08x}]", told.fingerprint), PATIENCE).unwrap();
    assert!(said.contains(told.text.trim()), "{said:?} has not {:?}", told.text);
}

#[test]
fn answers_that_the_board_can_t_obey_are_refused_before_the_first_prompt() {
    let list = std::env::temp_dir().join(format!("pipsqueak-answers-{}.txt", std::process::id()));
    for (text, reason) in [
        ("lamp on\ndoor on\n", "no output has the name \"door\""),
        ("lamp on \u{1f42d}\n", "the answers are none for this model: it never saw one of their characters"),
    ] {
        fs::write(&list, text).unwrap();
        let mut emulated = Emulated::boot("mps2-an386", &obeying(Board::Mps2An386, &list));
        let said = emulated.ask("turn on the lamp");
        assert!(said.starts_with(&format!("No text: {reason}")), "{said:?}");
        assert_eq!(emulated.register(LEDS), 0);
    }
    fs::remove_file(list).unwrap();
}
