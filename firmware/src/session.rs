//! The prompt: reads a line, does what it says, reads the next.

use heapless::Vec;
use pipsqueak::Progress;

use crate::command::put_help;
use crate::stats::Answer;
use crate::text::put_digits;
#[cfg(feature = "think")]
use crate::thinking::Passes;
use crate::{Board, Command, Console, Hex, Input, LINE_BYTES, Put, Serial, Settings, Show, TextSource};

/// A board, its serial port and a model that writes.
pub struct Session<B, S: Serial, T> {
    board: B,
    pub(crate) console: Console<S>,
    pub(crate) source: T,
    pub(crate) settings: Settings,
    last: Option<Answer>,
    /// Whether the present text has ended by itself or by Ctrl-C.
    pub(crate) stopped: bool,
    /// RAM that the model writes in, in bytes, for `:stats`.
    memory_bytes: usize,
    /// Flash that the model's file takes, in bytes, for `:stats`.
    model_bytes: usize,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// `:quit` was typed, on a board that can exit.
    Quit,
    /// `:load` was typed: the loader is to take another model.
    Load,
}

/// Whether to read another line.
enum Next {
    Line,
    End(Ended),
}

/// Typed by `pipsqueak flash` rather than by people.
const LOAD: &str = ":load";

impl<B: Board, S: Serial, T: TextSource> Session<B, S, T> {
    /// Takes a board that runs. The sizes are those of the model, in bytes, for `:stats`.
    pub fn new(board: B, serial: S, source: T, memory_bytes: usize, model_bytes: usize) -> Self {
        let settings = Settings::new(board.seed());
        let console = Console::new(serial, B::ECHO);
        Session { board, console, source, settings, last: None, stopped: false, memory_bytes, model_bytes }
    }

    /// Runs until `:quit` on a board that can exit, or `:load` where the model can be replaced.
    ///
    /// # Errors
    /// If the serial port is closed or fails.
    // Not inlined, nor those below, so that a frame takes stack only while it is at work.
    #[inline(never)]
    pub fn run(&mut self) -> Result<Ended, S::Error> {
        self.console.put("pipsqueak on ").put(B::NAME).put(": type the beginning of a text, or :help\n");
        self.source.introduce(&mut self.console);
        let mut line = Vec::new();
        loop {
            self.console.put("> ").send()?;
            match self.console.read_line(&mut line)? {
                Input::TooLong => self.print_too_long()?,
                Input::NotText => self.print_no_text()?,
                Input::Damaged => self.print_damaged()?,
                Input::Line(line) => {
                    if let Next::End(ended) = self.obey(line)? {
                        return Ok(ended);
                    }
                }
            }
        }
    }

    /// The board and the console, for the loader; the model is let go.
    pub fn into_parts(self) -> (B, Console<S>) {
        (self.board, self.console)
    }

    fn obey(&mut self, line: &str) -> Result<Next, S::Error> {
        if T::IS_REPLACEABLE && line == LOAD {
            return Ok(Next::End(Ended::Load));
        }
        match Command::parse(line) {
            Err(refusal) => self.console.put(refusal).put("\n").send()?,
            Ok(Command::Quit) => return self.quit(),
            Ok(Command::Prompt("")) => {}
            Ok(Command::Prompt(prompt)) => self.respond(prompt)?,
            Ok(Command::Help) => {
                put_help(&mut self.console);
                self.console.send()?;
            }
            Ok(Command::Stats) => self.print_stats()?,
            Ok(Command::SelfTest) => self.self_test()?,
            Ok(Command::Settings) => self.print_settings()?,
            Ok(setting) => self.set(setting)?,
        }
        Ok(Next::Line)
    }

    /// Takes a setting, or says what the core has against it.
    fn set(&mut self, setting: Command<'_>) -> Result<(), S::Error> {
        let mut settings = self.settings;
        match setting {
            Command::Temperature(temperature) => settings.temperature = temperature,
            Command::TopK(top_k) => settings.top_k = top_k,
            Command::TopP(top_p) => settings.top_p = top_p,
            Command::Penalty(penalty) => settings.penalty = penalty,
            Command::Seed(seed) => (settings.seed, settings.seed_is_fixed) = (seed, true),
            Command::Length(length) => settings.length = length,
            #[cfg(feature = "think")]
            Command::Passes(passes) => settings.passes = Passes { shown: settings.passes.shown, ..passes },
            #[cfg(feature = "think")]
            Command::ShowPasses(shown) => settings.passes.shown = shown,
            Command::Echo(echo) => self.console.echo = echo,
            _ => {}
        }
        if let Err(error) = settings.check() {
            return self.console.put("Refused: ").put(error).put(".\n").send();
        }
        self.settings = settings;
        self.print_settings()
    }

    /// Chooses a pass, and lets it write.
    fn respond(&mut self, prompt: &str) -> Result<(), S::Error> {
        self.print_left_out(prompt)?;
        let seed = self.settings.take_seed();
        self.stopped = self.console.interrupted();
        #[cfg(feature = "think")]
        let pass = self.think(prompt, seed)?;
        #[cfg(not(feature = "think"))]
        let pass = 0;
        self.answer(prompt, seed, pass)
    }

    /// Writes the model's text as it comes, and the numbers after it.
    #[cfg_attr(feature = "think", inline(never))] // Its frame would lie under all passes.
    fn answer(&mut self, prompt: &str, seed: u64, pass: u16) -> Result<(), S::Error> {
        let started = self.board.ticks();
        if let Err(error) = self.start_pass(prompt, seed, pass) {
            return self.console.put("Refused: ").put(error).put(".\n").send();
        }
        let mut first_ticks = u64::from(self.board.ticks().wrapping_sub(started));
        first_ticks += self.write_text(1)?;
        let later_ticks = self.write_text(self.settings.length)?;
        self.source.rest();
        let (tokens, fingerprint) = (self.source.tokens(), self.source.fingerprint());
        let answer = Answer { tokens, first_ticks, later_ticks, fingerprint, clock: B::CLOCK };
        self.last = Some(answer);
        log_info!(
            "answer: seed {}, {} tokens, {} ticks, fingerprint {:08x}",
            seed,
            tokens,
            later_ticks,
            fingerprint
        );
        self.console.put("\n").put(answer).put("\n").send()
    }

    /// Writes until there are `tokens`, the model ends its text, or Ctrl-C stops it, also in the midst of a token or
    /// of a long prompt. Returns the ticks that the model took, without the serial port's.
    fn write_text(&mut self, tokens: u32) -> Result<u64, S::Error> {
        let mut ticks = 0;
        while !self.stopped && self.source.tokens() < tokens {
            self.board.feed_watchdog();
            let before = self.board.ticks();
            let progress = self.source.advance();
            ticks += u64::from(self.board.ticks().wrapping_sub(before));
            match progress {
                Progress::Working => {}
                Progress::Piece(piece) => self.console.put(piece).send()?,
                Progress::Ended => self.stopped = true,
            }
            self.stopped |= self.console.interrupted();
        }
        self.board.stop_watchdog();
        Ok(ticks)
    }

    #[inline(never)]
    fn self_test(&mut self) -> Result<(), S::Error> {
        match self.source.self_test() {
            Ok(()) => self.console.put("ok\n").send(),
            Err(difference) => print_difference(&mut self.console, difference),
        }
    }

    fn quit(&mut self) -> Result<Next, S::Error> {
        if self.board.can_exit() {
            return Ok(Next::End(Ended::Quit));
        }
        self.console.put("A chip has nothing to quit to; unplug it when you like.\n").send()?;
        Ok(Next::Line)
    }

    fn print_settings(&mut self) -> Result<(), S::Error> {
        self.console.put(self.settings).put("\n").send()
    }

    fn print_stats(&mut self) -> Result<(), S::Error> {
        let (out, used) = (&mut self.console, self.board.memory_use());
        match self.last {
            None => out.put("no text yet\n"),
            Some(last) => {
                out.put("last text: ").put(last.tokens).put(" tokens, ").put(last.speed());
                out.put(", first token after ").put(last.first_token());
                out.put(", fingerprint ").put(Hex(last.fingerprint)).put("\n")
            }
        };
        out.put("RAM: ").put(used.static_bytes).put(" bytes of statics, ").put(self.memory_bytes);
        out.put(" of them the model's memory; stack ").put(used.stack_peak_bytes);
        out.put(" bytes at its deepest, of ").put(used.stack_room_bytes);
        out.put("\nflash: ").put(used.flash_bytes).put(" bytes, ").put(self.model_bytes);
        out.put(" of them the model\n").send()
    }

    fn print_too_long(&mut self) -> Result<(), S::Error> {
        self.console
            .put("That line has more than ")
            .put(LINE_BYTES)
            .put(" bytes; type a shorter one.\n")
            .send()
    }

    /// Names the characters of a prompt that the model cannot read, if there are any.
    #[inline(never)]
    fn print_left_out(&mut self, prompt: &str) -> Result<(), S::Error> {
        let mut lead = "[left out: ";
        for character in self.source.unreadable(prompt) {
            let out = self.console.put(lead);
            match u32::from(character) {
                code if character.is_control() => put_digits(out.put("U+"), code.into(), 16, 4),
                _ => _ = out.put("'").put(character).put("'"),
            }
            lead = ", ";
        }
        if lead == ", " { self.console.put(", which the model never saw]\n").send() } else { Ok(()) }
    }

    fn print_damaged(&mut self) -> Result<(), S::Error> {
        self.console
            .put("A line is lost: more came than the board keeps meanwhile. Send it again, less at once.\n")
            .send()
    }

    fn print_no_text(&mut self) -> Result<(), S::Error> {
        self.console.put("That line is not UTF-8 text; set the terminal to UTF-8 and type it again.\n").send()
    }
}

// Not inlined: its frame would lie under the whole test.
#[inline(never)]
fn print_difference<S: Serial>(console: &mut Console<S>, difference: impl Show) -> Result<(), S::Error> {
    console.put("Not ok: ").put(difference).put(".\n").send()
}

/// Stands in for a session where there is no model: answers every line with the reason, so that nothing hangs.
#[inline(never)]
pub fn refuse<B: Board, S: Serial>(board: &B, serial: S, reason: impl Show) -> Result<(), S::Error> {
    let mut console = Console::new(serial, B::ECHO);
    let mut line = Vec::new();
    loop {
        console.put("No text: ").put(&reason).put(".\n> ").send()?;
        match console.read_line(&mut line)? {
            Input::Line(":quit") if board.can_exit() => return Ok(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FakeBoard, FakeSerial, Parrot};
    use pipsqueak::internal::SplitMix64;
    use std::{format, string::String};

    /// Types into a session; returns all that it wrote, without the greeting and the prompts.
    fn typing(typed: &[u8]) -> String {
        talking(FakeSerial::typing(typed))
    }

    fn talking(serial: FakeSerial) -> String {
        let mut session = Session::new(FakeBoard::default(), serial.clone(), Parrot::default(), 100, 1000);
        // Ends with `:quit`, or with what is typed.
        let _ = session.run();
        let written = serial.written();
        let (_, answers) = written.split_once("> ").unwrap();
        answers.replace("> ", "")
    }

    #[test]
    fn a_prompt_is_answered() {
        let answer = typing(b":length 3\nPolly\n");
        let (settings, answer) = answer.split_once('\n').unwrap();
        assert!(settings.contains("length 3 tokens"), "{settings}");
        assert_eq!(answer, "Polly Polly Polly \n[3 tokens, 80 instructions/token, fingerprint 00000007]\n");
    }

    /// The answer to four passes, of which the third is the likeliest.
    #[cfg(feature = "think")]
    fn answered(command: &str, text: &str) {
        let typed = format!(":length 2\n:seed 4\n:{command} 4\nPolly\n");
        let answer = typing(typed.as_bytes());
        let (_, answer) = answer.split_once(" 4\n[pass").unwrap();
        let passes = " 1: -1.386 nats a token]\n[pass 2: -0.693 nats a token]\n\
                      [pass 3: -0.000 nats a token]\n[pass 4: -0.693 nats a token]\n[pass 3 is kept]\n";
        let text = format!("{passes}{text} {text} \n[2 tokens, ");
        assert!(answer.starts_with(&text), "{answer}");
    }

    #[test]
    #[cfg(feature = "think")]
    fn the_likeliest_pass_is_written_again() {
        answered("best-of", "Polly");
        // Behind the same two texts as before.
        answered("think", "Polly''");
    }

    #[test]
    #[cfg(feature = "think")]
    fn all_passes_can_be_shown_and_stopped() {
        let answer = typing(b":length 1\n:seed 6\n:show-passes on\n:think 2\nPolly\n:think 1\nPolly\n");
        let shown = "Polly \n[pass 1: -0.000 nats a token]\nPolly' \n[pass 2: -0.693 nats a token]\n\
                     [pass 1 is kept]\nPolly \n[1 tokens";
        assert!(answer.contains(&format!(", think 2, passes shown\n{shown}")), "{answer}");
        assert!(answer.ends_with("seed 6\nPolly \n[1 tokens, 0 instructions/token, fingerprint 00000007]\n"));
        let stopped = talking(FakeSerial::polled(b":think 9\nPolly\nx\x03:seed 5\n"));
        assert!(!stopped.contains("[pass") && stopped.contains("\n[0 tokens"), "{stopped}");
        assert!(typing(b":think 2\nrefuse\n").ends_with("\nRefused: the parrot has no beak.\n"));
        assert!(typing(b":best-of 0\n").starts_with(":best-of takes a whole number from 1 to 1000"));
    }

    #[test]
    fn characters_that_are_left_out_are_named_before_the_text() {
        let answer = typing(":length 1\nPolly \u{1f42d}\u{44f}\n".as_bytes());
        assert!(
            answer.contains("[left out: '\u{1f42d}', '\u{44f}', which the model never saw]\nPolly"),
            "{answer}"
        );
        let control = typing(":length 1\nPolly \u{85}\n".as_bytes());
        assert!(control.contains("[left out: U+0085, which the model never saw]\nPolly"), "{control}");
        assert!(!typing(b"Polly\n").contains("left out"));
    }

    #[test]
    fn two_colons_begin_a_text_with_one() {
        assert!(typing(b":length 1\n::) Polly\n").contains("\n:) Polly \n[1 tokens"));
    }

    #[test]
    fn a_text_may_end_by_itself() {
        assert_eq!(typing(b"end\n"), "end \n[1 tokens, 0 instructions/token, fingerprint 00000007]\n");
    }

    #[test]
    fn ctrl_c_stops_a_text_and_nothing_else() {
        let answer = talking(FakeSerial::typing_ahead(b"Polly\n\x03:seed 5\n", 1));
        assert!(answer.starts_with("Polly \n[1 tokens, 0 instructions/token"), "{answer}");
        assert!(answer.contains("seed 5\n"), "{answer}");
    }

    #[test]
    fn ctrl_c_is_seen_in_the_midst_of_a_token() {
        let answer = talking(FakeSerial::polled(b"Polly\nx\x03:seed 5\n"));
        assert!(answer.starts_with("\n[0 tokens, 0 instructions/token"), "{answer}");
        assert!(answer.contains("seed 5\n"), "{answer}");
    }

    #[test]
    fn ctrl_c_is_seen_behind_more_than_the_board_keeps() {
        let ahead = "x".repeat(10 * FakeSerial::RECEIVED_BYTES);
        let typed = format!(":length 20000\nPolly\n{ahead}\x03:seed 5\n");
        let answer = talking(FakeSerial::typing_ahead(typed.as_bytes(), 30));
        let (_, end) = answer.rsplit_once("Polly \n[").unwrap();
        assert!(!end.starts_with("20000") && end.contains("seed 5\n"), "{answer}");
    }

    #[test]
    fn a_loss_gets_a_sentence() {
        let pasted = format!(":seed 5\n{}\n", "x".repeat(2 * FakeSerial::RECEIVED_BYTES));
        let answer = talking(FakeSerial::pasting(pasted.as_bytes()));
        let (settings, sentence) = answer.split_once('\n').unwrap();
        assert!(settings.ends_with("seed 5"), "{answer}");
        assert!(sentence.starts_with("A line is lost: "), "{answer}");
    }

    #[test]
    fn every_setting_is_set() {
        let typed = b":temperature 0.5\n:top-k 3\n:top-p 0.25\n:penalty 1.1\n:seed 9\n:length 7\n";
        let last = "temperature 0.5, top-k 3, top-p 0.25, penalty 1.1, length 7 tokens, seed 9";
        assert_eq!(typing(typed).lines().last(), Some(last));
    }

    #[test]
    fn a_setting_out_of_range_gets_its_range_and_changes_nothing() {
        assert_eq!(typing(b":top-p 0\n"), "Refused: top-p must be a number above 0 and at most 1.\n");
        let settings = typing(b":temperature 101\n:top-k 257\n:penalty 0\n:settings\n");
        let lines: std::vec::Vec<_> = settings.lines().collect();
        assert_eq!(lines.iter().filter(|line| line.starts_with("Refused: ")).count(), 3, "{settings}");
        assert!(lines[3].starts_with("temperature 0.8, top-k 40, top-p 1, penalty 1,"), "{settings}");
    }

    #[test]
    fn what_is_no_line_gets_a_sentence() {
        let too_long = format!("{}\n", "x".repeat(2000));
        assert_eq!(typing(too_long.as_bytes()), "That line has more than 512 bytes; type a shorter one.\n");
        let no_text = "That line is not UTF-8 text; set the terminal to UTF-8 and type it again.\n";
        assert_eq!(typing(b"\xff\n"), no_text);
        assert!(typing(b":nonsense 1\n").starts_with("There is no command :nonsense; :help lists all."));
        assert_eq!(typing(b":echo 1\n"), ":echo takes on or off, not \"1\".\n");
        assert_eq!(typing(b"\n"), "");
    }

    #[test]
    fn a_refused_prompt_gets_its_reason() {
        assert_eq!(typing(b"refuse\n"), "Refused: the parrot has no beak.\n");
    }

    #[test]
    fn a_self_test_says_ok_or_what_differs() {
        assert_eq!(typing(b":selftest\n"), "ok\n");
        assert!(typing(b":length 1\nPolly\n:selftest\n").ends_with("Not ok: the parrot is hoarse.\n"));
    }

    #[test]
    fn quit_ends_what_can_end() {
        assert_eq!(typing(b":quit\n:help\n"), "");
        let serial = FakeSerial::typing(b":quit\n");
        assert!(Session::new(FakeBoard::chip(), serial.clone(), Parrot::default(), 0, 0).run().is_err());
        assert!(serial.written().contains("nothing to quit to"));
    }

    #[test]
    fn a_model_that_can_be_replaced_is_let_go() {
        struct Replaceable(Parrot);
        impl TextSource for Replaceable {
            type Error = &'static str;
            const IS_REPLACEABLE: bool = true;

            fn start(
                &mut self,
                prompt: &str,
                sampling: pipsqueak::Sampling,
                seed: u64,
            ) -> Result<(), &'static str> {
                self.0.start(prompt, sampling, seed)
            }
            fn start_behind(
                &mut self,
                prompt: &str,
                sampling: pipsqueak::Sampling,
                seed: u64,
            ) -> Result<(), &'static str> {
                self.0.start_behind(prompt, sampling, seed)
            }
            fn advance_scored(&mut self, score: &mut pipsqueak::Score) -> Progress<'_> {
                self.0.advance_scored(score)
            }
            fn unreadable(&self, prompt: &str) -> impl Iterator<Item = char> {
                self.0.unreadable(prompt)
            }
            fn advance(&mut self) -> Progress<'_> {
                self.0.advance()
            }
            fn self_test(&mut self) -> Result<(), impl Show> {
                self.0.self_test()
            }
            fn tokens(&self) -> u32 {
                self.0.tokens()
            }
            fn fingerprint(&self) -> u32 {
                self.0.fingerprint()
            }
        }
        let serial = FakeSerial::typing(b":load\n");
        let mut session = Session::new(FakeBoard::default(), serial, Replaceable(Parrot::default()), 0, 0);
        assert_eq!(session.run(), Ok(Ended::Load));
        assert!(typing(b":load\n").starts_with("There is no command :load;"));
    }

    #[test]
    fn stats_tell_sizes_and_speed() {
        assert!(typing(b":stats\n").starts_with("no text yet\nRAM: 2 bytes of statics, 100 of them"));
        let stats = typing(b":length 2\nPolly\n:stats\n");
        assert!(
            stats.contains("last text: 2 tokens, 80 instructions/token, first token after 120 instructions"),
            "{stats}"
        );
        assert!(stats.contains("flash: 1 bytes, 1000 of them the model\n"), "{stats}");
    }

    #[test]
    fn no_bytes_whatever_make_it_panic() {
        let mut random = SplitMix64::new(1);
        for _ in 0..200 {
            let bytes: std::vec::Vec<u8> = (0..2000).map(|_| random_byte(&mut random)).collect();
            typing_anything(&bytes);
        }
    }

    /// Colons, line ends and letters of the commands come often.
    fn random_byte(random: &mut SplitMix64) -> u8 {
        let likely = b"\n\r:: 0123456789.topseedlngthkaure-\x03\x08\x1b\x1a[";
        if random.below(4) == 0 { random.below(256) as u8 } else { likely[random.below(likely.len())] }
    }

    fn typing_anything(typed: &[u8]) {
        for serial in
            [FakeSerial::typing(typed), FakeSerial::typing_ahead(typed, 3), FakeSerial::polled(typed)]
        {
            // The port is closed in the end.
            assert!(Session::new(FakeBoard::chip(), serial, Parrot::default(), 0, 0).run().is_err());
        }
    }

    #[test]
    fn without_a_model_every_line_gets_the_reason() {
        let serial = FakeSerial::typing(b"hello\n:quit\n");
        refuse(&FakeBoard::default(), serial.clone(), "there is no model").unwrap();
        assert_eq!(serial.written(), "No text: there is no model.\n> No text: there is no model.\n> ");
    }
}
