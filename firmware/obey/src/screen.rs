//! Text on a display of 128 x 64 pixels, as it comes from the model.

use core::convert::Infallible;

use display_interface::{DataFormat, DisplayError, WriteOnlyDataCommand};
use embedded_graphics::mono_font::MonoTextStyleBuilder;
use embedded_graphics::mono_font::iso_8859_1::FONT_5X8;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Baseline, Text};
use embedded_hal::i2c::{I2c, Operation};
use ssd1306::Ssd1306;
use ssd1306::command::AddrMode;
use ssd1306::mode::BasicMode;
use ssd1306::rotation::DisplayRotation;
use ssd1306::size::DisplaySize128x64;

use crate::TextGrid;

/// Characters in a row.
const COLUMNS: usize = 25;
/// Rows, each a page of the chip: a byte for 8 pixels below each other.
const ROWS: usize = 8;
/// Pixels, and so bytes, of a row.
const WIDTH: usize = 128;
/// Of most such displays.
const ADDRESS: u8 = 0x3c;

/// An SSD1306 on an I2C bus, with text that streams over it: words go to the next row whole, and a full screen moves up a row. It takes a
/// quarter of a KB of RAM: a row is drawn when it is sent, and no copy of the pixels is kept.
///
/// ```no_run
/// # fn run(i2c: impl embedded_hal::i2c::I2c) -> Result<(), display_interface::DisplayError> {
/// use pipsqueak_obey::Screen;
///
/// let mut screen = Screen::start(i2c)?; // any `embedded_hal::i2c::I2c`; the address is 0x3C
/// screen.write("Once upon a time")?;
/// # Ok(())
/// # }
/// ```
pub struct Screen<I> {
    display: Ssd1306<Wires<I>, DisplaySize128x64, BasicMode>,
    grid: TextGrid<COLUMNS, ROWS>,
    /// Whether a row has changed since it was sent.
    stale: [bool; ROWS],
}

impl<I: I2c> Screen<I> {
    /// Starts the display, empty.
    ///
    /// # Errors
    /// If the bus fails, or no display answers on it.
    pub fn start(i2c: I) -> Result<Self, DisplayError> {
        let mut display = Ssd1306::new(Wires(i2c), DisplaySize128x64, DisplayRotation::Rotate0);
        display.init_with_addr_mode(AddrMode::Horizontal)?;
        let mut screen = Screen { display, grid: TextGrid::new(), stale: [true; ROWS] };
        screen.send()?;
        Ok(screen)
    }

    /// Adds a piece of text, and shows it; only rows that have changed cross the bus.
    ///
    /// # Errors
    /// If the bus fails. The text is kept, and shown with the next piece.
    pub fn write(&mut self, text: &str) -> Result<(), DisplayError> {
        for character in text.chars() {
            let changed = self.grid.push(character);
            self.stale.iter_mut().enumerate().for_each(|(row, stale)| *stale |= changed.contains(row));
        }
        self.send()
    }

    /// Empties the screen.
    ///
    /// # Errors
    /// If the bus fails.
    pub fn clear(&mut self) -> Result<(), DisplayError> {
        (self.grid, self.stale) = (TextGrid::new(), [true; ROWS]);
        self.send()
    }

    /// Sends the rows that have changed.
    fn send(&mut self) -> Result<(), DisplayError> {
        for (row, stale) in self.stale.iter_mut().enumerate().filter(|(_, stale)| **stale) {
            let mut page = Page([0; WIDTH]);
            page.draw(self.grid.row(row));
            let top = 8 * (row % ROWS) as u8;
            self.display.set_draw_area((0, top), (WIDTH as u8, top + 8))?;
            self.display.draw(&page.0)?;
            *stale = false;
        }
        Ok(())
    }
}

/// The pixels of a row, as the chip has them.
struct Page([u8; WIDTH]);

impl Page {
    /// Draws characters of Latin-1.
    fn draw(&mut self, characters: &[u8]) {
        let style = MonoTextStyleBuilder::new().font(&FONT_5X8).text_color(BinaryColor::On).build();
        let mut utf8 = [0; 2 * COLUMNS];
        // Drawing into memory can't fail.
        _ = Text::with_baseline(latin_1(characters, &mut utf8), Point::zero(), style, Baseline::Top)
            .draw(self);
    }
}

impl OriginDimensions for Page {
    fn size(&self) -> Size {
        Size::new(WIDTH as u32, 8)
    }
}

impl DrawTarget for Page {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<P: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: P) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, color) in pixels {
            let byte = usize::try_from(x).ok().and_then(|x| self.0.get_mut(x));
            if let (Some(byte), 0..8, BinaryColor::On) = (byte, y, color) {
                *byte |= 1 << y;
            }
        }
        Ok(())
    }
}

/// The bus, with the byte before commands or pixels that says which they are. `display-interface-i2c` would do, but for paths to a panic.
struct Wires<I>(I);

const COMMANDS: u8 = 0x00;
const PIXELS: u8 = 0x40;

impl<I: I2c> Wires<I> {
    fn send(&mut self, what: u8, data: DataFormat<'_>) -> Result<(), DisplayError> {
        let DataFormat::U8(bytes) = data else { return Err(DisplayError::DataFormatNotImplemented) };
        let mut parts = [Operation::Write(&[what]), Operation::Write(bytes)];
        self.0.transaction(ADDRESS, &mut parts).map_err(|_| DisplayError::BusWriteError)
    }
}

impl<I: I2c> WriteOnlyDataCommand for Wires<I> {
    fn send_commands(&mut self, commands: DataFormat<'_>) -> Result<(), DisplayError> {
        self.send(COMMANDS, commands)
    }

    fn send_data(&mut self, pixels: DataFormat<'_>) -> Result<(), DisplayError> {
        self.send(PIXELS, pixels)
    }
}

/// The characters of Latin-1 as UTF-8.
fn latin_1<'b>(characters: &[u8], bytes: &'b mut [u8; 2 * COLUMNS]) -> &'b str {
    let mut length = 0;
    for &character in characters {
        let mut utf8 = [0; 2];
        let utf8 = char::from(character).encode_utf8(&mut utf8).as_bytes();
        for (to, &from) in bytes.iter_mut().skip(length).zip(utf8) {
            *to = from;
            length += 1;
        }
    }
    let used = bytes.get(..length).unwrap_or_default();
    core::str::from_utf8(used).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::mock_display::MockDisplay;
    use embedded_hal::i2c::{ErrorKind, ErrorType, NoAcknowledgeSource, Operation};
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::string::String;
    use std::vec::Vec;

    /// The chip as its data sheet has it (Solomon Systech, SSD1306, "Command table" and "Addressing mode"): 128 x 64 bits, a byte for
    /// 8 pixels below each other, and a window that data goes round in.
    struct Chip {
        memory: [[u8; 128]; 8],
        column: Window,
        page: Window,
        is_on: bool,
        /// Commands whose arguments have not all come.
        command: Vec<u8>,
        data_bytes: usize,
        fails: bool,
    }

    #[derive(Clone, Copy)]
    struct Window {
        start: usize,
        end: usize,
        at: usize,
    }

    impl Window {
        fn new(start: u8, end: u8) -> Window {
            Window { start: start.into(), end: end.into(), at: start.into() }
        }

        /// One further; whether it went back to the start.
        fn step(&mut self) -> bool {
            let wraps = self.at == self.end;
            self.at = if wraps { self.start } else { self.at + 1 };
            wraps
        }
    }

    impl Chip {
        fn command(&mut self, byte: u8) {
            self.command.push(byte);
            match self.command[..] {
                [0x21, start, end] => self.column = Window::new(start, end),
                [0x22, start, end] => self.page = Window::new(start, end),
                [0x20, mode] => assert_eq!(mode, 0, "another addressing mode than the horizontal one"),
                [0xae] => self.is_on = false,
                [0xaf] => self.is_on = true,
                // Those with arguments that do not matter here.
                [0x20 | 0x21 | 0x22 | 0x81 | 0x8d | 0xa8 | 0xd3 | 0xd5 | 0xd9 | 0xda | 0xdb] => return,
                [0x21 | 0x22, _] => return,
                _ => {}
            }
            self.command.clear();
        }

        fn data(&mut self, byte: u8) {
            self.memory[self.page.at][self.column.at] = byte;
            self.data_bytes += 1;
            if self.column.step() {
                self.page.step();
            }
        }

        fn pixel(&self, x: usize, y: usize) -> bool {
            self.memory[y / 8][x] >> (y % 8) & 1 != 0
        }
    }

    #[derive(Clone)]
    struct Bus(Rc<RefCell<Chip>>);

    impl ErrorType for Bus {
        type Error = ErrorKind;
    }

    impl I2c for Bus {
        fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
            let mut chip = self.0.borrow_mut();
            if address != ADDRESS || chip.fails {
                return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
            }
            let mut bytes = Vec::new();
            for operation in operations {
                let Operation::Write(part) = operation else { panic!("a read") };
                bytes.extend_from_slice(part);
            }
            // The control byte says what follows.
            match bytes[0] {
                0x00 => bytes[1..].iter().for_each(|&byte| chip.command(byte)),
                0x40 => bytes[1..].iter().for_each(|&byte| chip.data(byte)),
                control => panic!("control byte {control:#04x}"),
            }
            Ok(())
        }
    }

    fn bus() -> Bus {
        let (column, page) = (Window::new(0, 127), Window::new(0, 7));
        // Its memory is random when it starts.
        let memory = [[0x5a; 128]; 8];
        let chip =
            Chip { memory, column, page, is_on: false, command: Vec::new(), data_bytes: 0, fails: false };
        Bus(Rc::new(RefCell::new(chip)))
    }

    /// Checks that the chip shows these rows and no other pixel, each row drawn by embedded-graphics on its own display.
    fn assert_shows(bus: &Bus, rows: &[&str]) {
        let chip = bus.0.borrow();
        for row in 0..ROWS {
            let mut expected = [[false; 128]; 8];
            // MockDisplay has 64 x 64 pixels: a row is drawn in three parts.
            let text: Vec<char> = rows.get(row).unwrap_or(&"").chars().collect();
            for (part, characters) in text.chunks(10).enumerate() {
                let mut display = MockDisplay::new();
                let style = MonoTextStyleBuilder::new().font(&FONT_5X8).text_color(BinaryColor::On).build();
                let characters: String = characters.iter().collect();
                Text::with_baseline(&characters, Point::zero(), style, Baseline::Top)
                    .draw(&mut display)
                    .unwrap();
                for (x, y) in (0..50).flat_map(|x| (0..8).map(move |y| (x, y))) {
                    if display.get_pixel(Point::new(x, y)) == Some(BinaryColor::On) {
                        expected[y as usize][part * 50 + x as usize] = true;
                    }
                }
            }
            let picture = |lit: &dyn Fn(usize, usize) -> bool| -> String {
                let line = |y| (0..128).map(|x| if lit(x, y) { '#' } else { '.' }).collect::<String>() + "\n";
                (0..8).map(line).collect()
            };
            let (found, wanted) =
                (picture(&|x, y| chip.pixel(x, 8 * row + y)), picture(&|x, y| expected[y][x]));
            assert_eq!(found, wanted, "row {row}\nfound:\n{found}wanted:\n{wanted}");
        }
    }

    #[test]
    fn a_text_streams_over_the_screen_wrapped_and_scrolled() {
        let bus = bus();
        let mut screen = Screen::start(bus.clone()).unwrap();
        assert!(bus.0.borrow().is_on);
        assert_shows(&bus, &[]);
        // In the pieces of a model, which end anywhere.
        for piece in ["On", "ce upon a", " time, there was a g", "ir", "l named Caf\u{e9}.\n"] {
            screen.write(piece).unwrap();
        }
        assert_shows(&bus, &["Once upon a time, there", "was a girl named Caf\u{e9}."]);
        screen.write("three\nfour\nfive\nsix\nseven\neight").unwrap();
        assert_shows(
            &bus,
            &[
                "Once upon a time, there",
                "was a girl named Caf\u{e9}.",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
            ],
        );
        screen.write("\nnine").unwrap();
        assert_shows(
            &bus,
            &["was a girl named Caf\u{e9}.", "three", "four", "five", "six", "seven", "eight", "nine"],
        );
        screen.clear().unwrap();
        assert_shows(&bus, &[]);
    }

    #[test]
    fn every_character_is_shown_at_once() {
        let (bus, mut grid) = (bus(), TextGrid::<COLUMNS, ROWS>::new());
        let mut screen = Screen::start(bus.clone()).unwrap();
        // The last characters make a word move to the next row, and then all rows up.
        let text = std::format!("Once upon a time, there was{}a time, there was no display", "\n".repeat(6));
        for character in text.chars() {
            screen.write(character.encode_utf8(&mut [0; 4])).unwrap();
            grid.push(character);
            let rows: Vec<String> =
                (0..ROWS).map(|row| grid.row(row).iter().map(|&c| char::from(c)).collect()).collect();
            assert_shows(&bus, &rows.iter().map(|row| row.trim_end()).collect::<Vec<_>>());
        }
    }

    /// Known pixels, so that the font is not only held against itself.
    #[test]
    fn a_letter_has_its_pixels() {
        let bus = bus();
        Screen::start(bus.clone()).unwrap().write("I").unwrap();
        let chip = bus.0.borrow();
        let rows: Vec<String> =
            (0..8).map(|y| (0..5).map(|x| if chip.pixel(x, y) { '#' } else { '.' }).collect()).collect();
        assert_eq!(rows, [".....", ".###.", "..#..", "..#..", "..#..", "..#..", ".###.", "....."]);
    }

    #[test]
    fn only_what_changed_crosses_the_bus() {
        let bus = bus();
        let mut screen = Screen::start(bus.clone()).unwrap();
        bus.0.borrow_mut().data_bytes = 0;
        screen.write("a").unwrap();
        assert!(bus.0.borrow().data_bytes <= 2 * 128, "{}", bus.0.borrow().data_bytes);
    }

    #[test]
    fn a_bus_may_fail_and_come_back() {
        let bus = bus();
        bus.0.borrow_mut().fails = true;
        assert!(Screen::start(bus.clone()).is_err());
        bus.0.borrow_mut().fails = false;
        let mut screen = Screen::start(bus.clone()).unwrap();
        bus.0.borrow_mut().fails = true;
        assert!(screen.write("one\n").is_err());
        assert!(screen.write("two ").is_err());
        bus.0.borrow_mut().fails = false;
        screen.write("three").unwrap();
        assert_shows(&bus, &["one", "two three"]);
    }
}
