//! A story beside a blinking LED: two tasks of embassy on one core, and neither waits long for the other.
//!
//! A token takes about a millisecond on this emulated board, and tens of them on a Cortex-M0+. [`Generator::advance`] does a
//! slice of it, half a layer, after which the task that tells the story lets the others run.
//!
//! [`Generator::advance`]: pipsqueak::Generator::advance
#![no_std]
#![no_main]

mod board;

use core::sync::atomic::{AtomicU32, Ordering};

use embassy_executor::Spawner;
use embassy_futures::yield_now;
use embassy_time::{Duration, Instant, Timer};
use pipsqueak::{Embedded, Error, Progress, Sampling, include_model};
use semihosting::{print, println, process};

static MODEL: &Embedded = include_model!("../../../pretrained/stories.pip");

const BLINK: Duration = Duration::from_millis(5);
/// How often the LED has changed, and how late it did at worst.
static CHANGES: AtomicU32 = AtomicU32::new(0);
static LATEST_MICROS: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    let told = match blink() {
        Ok(task) => {
            spawner.spawn(task);
            tell("Once upon a time").await
        }
        Err(_) => Ok(0),
    };
    match told {
        Ok(fingerprint) => println!("\n[fingerprint {fingerprint:08x}]"),
        Err(error) => {
            println!("No story: {error}.");
            process::exit(1)
        }
    }
    let (changes, latest) = (CHANGES.load(Ordering::Relaxed), LATEST_MICROS.load(Ordering::Relaxed));
    println!("[the LED changed {changes} times, {latest} us late at worst]");
    process::exit(0)
}

/// Tells a story; returns its fingerprint.
async fn tell(prompt: &str) -> Result<u32, Error> {
    let generator = MODEL.generator()?;
    generator.start(prompt, Sampling::default(), 42)?;
    print!("{prompt}");
    while generator.tokens() < 100 {
        match generator.advance() {
            Progress::Working => {}
            Progress::Piece(piece) => print!("{piece}"),
            Progress::Ended => break,
        }
        yield_now().await;
    }
    Ok(generator.fingerprint())
}

#[embassy_executor::task]
async fn blink() {
    let mut due = Instant::now();
    loop {
        due += BLINK;
        Timer::at(due).await;
        let changes = CHANGES.load(Ordering::Relaxed) + 1;
        board::set_led(changes % 2 == 1);
        CHANGES.store(changes, Ordering::Relaxed);
        LATEST_MICROS.fetch_max(due.elapsed().as_micros() as u32, Ordering::Relaxed);
    }
}
