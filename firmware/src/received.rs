//! The bytes that a serial port has received and the prompt has not read.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// Stands at the end of a line of which bytes were lost. ASCII has the character for that; one that is typed is left out.
pub(crate) const SUBSTITUTE: u8 = 0x1a;
/// Takes back what was typed before it.
pub(crate) const CTRL_C: u8 = 0x03;
/// Bytes that mark a broken line: [`SUBSTITUTE`] and the end of the line.
const MARK_BYTES: usize = 2;

/// A ring of bytes between a port's interrupt handler, which calls [`Received::put`], and the prompt.
///
/// No critical section is needed: the handler alone writes some fields, the reader the others, and no chip lacks
/// atomic loads and stores. A `static` of a board's file holds it with its bytes:
///
/// ```
/// use core::sync::atomic::AtomicU8;
/// use pipsqueak_firmware::Received;
///
/// static RECEIVED: Received<[AtomicU8; 256]> = Received::new();
/// RECEIVED.put(b'a');
/// ```
pub struct Received<B: ?Sized = [AtomicU8]> {
    /// Bytes ever put in. Both counts wrap, which is why the size of the ring is a power of two.
    put: AtomicUsize,
    /// Bytes ever taken out or cancelled.
    taken: AtomicUsize,
    /// How often Ctrl-C has come, and how often that has been noticed.
    cancels: AtomicUsize,
    cancels_noticed: AtomicUsize,
    /// `put` when Ctrl-C came last.
    cancelled_at: AtomicUsize,
    /// Whether bytes of the present line have been lost; its rest is then left out.
    broken: AtomicBool,
    bytes: B,
}

/// The result of [`Received::take`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Byte(u8),
    /// Ctrl-C has come; what came before it is gone.
    Cancel,
    Nothing,
}

impl<const N: usize> Received<[AtomicU8; N]> {
    /// An empty ring.
    #[allow(clippy::new_without_default)] // for statics, which need a `const fn`
    pub const fn new() -> Self {
        const { assert!(N.is_power_of_two() && N > 2, "a ring has 4, 8, 16, … bytes") };
        Received {
            put: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            cancels: AtomicUsize::new(0),
            cancels_noticed: AtomicUsize::new(0),
            cancelled_at: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            bytes: [const { AtomicU8::new(0) }; N],
        }
    }
}

impl<B: AsRef<[AtomicU8]> + ?Sized> Received<B> {
    /// Takes a byte from the port. To be called from one interrupt handler only.
    ///
    /// Ctrl-C is noticed however full the ring is, and cancels what came before it. A line that has no room, or has
    /// lost a byte, is left out from there to its end, where it is marked as broken.
    pub fn put(&self, byte: u8) {
        match byte {
            CTRL_C => self.cancel(),
            SUBSTITUTE => {}
            _ if self.broken.load(Ordering::Relaxed) || self.room() < 1 + MARK_BYTES => {
                self.lose();
                if matches!(byte, b'\r' | b'\n') {
                    self.end_broken_line(byte);
                }
            }
            _ => self.append(byte),
        }
    }

    /// Notes that the port itself has lost a byte. To be called from the same handler.
    pub fn lose(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// A mark always has room, unless nothing has been put in since another, which then stands for both lines.
    fn end_broken_line(&self, end: u8) {
        self.broken.store(false, Ordering::Relaxed);
        if self.room() >= MARK_BYTES {
            self.append(SUBSTITUTE);
            self.append(end);
        }
    }

    fn cancel(&self) {
        self.broken.store(false, Ordering::Relaxed);
        self.cancelled_at.store(self.put.load(Ordering::Relaxed), Ordering::Relaxed);
        self.cancels.store(self.cancels.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// Bytes for which there is room, those cancelled left out even if the reader has not noticed yet.
    fn room(&self) -> usize {
        let taken = self.taken.load(Ordering::Acquire);
        let start = if self.has_news() { self.cancelled_at.load(Ordering::Relaxed) } else { taken };
        self.size().saturating_sub(self.put.load(Ordering::Relaxed).wrapping_sub(start))
    }

    /// Whether a Ctrl-C has come that has not been noticed.
    fn has_news(&self) -> bool {
        self.cancels.load(Ordering::Acquire) != self.cancels_noticed.load(Ordering::Relaxed)
    }

    fn size(&self) -> usize {
        self.bytes.as_ref().len()
    }

    fn append(&self, byte: u8) {
        let put = self.put.load(Ordering::Relaxed);
        if let Some(place) = self.place(put) {
            place.store(byte, Ordering::Relaxed);
        }
        self.put.store(put.wrapping_add(1), Ordering::Release);
    }

    fn place(&self, count: usize) -> Option<&AtomicU8> {
        self.bytes.as_ref().get(count & (self.size() - 1))
    }

    /// The next byte, or what has happened instead.
    pub(crate) fn take(&self) -> Taken {
        // Read before Ctrl-C is looked for, so that no byte that came after it is taken for one from before.
        let put = self.put.load(Ordering::Acquire);
        if self.was_cancelled() {
            return Taken::Cancel;
        }
        let taken = self.taken.load(Ordering::Relaxed);
        if taken == put {
            return Taken::Nothing;
        }
        let byte = self.place(taken).map_or(0, |place| place.load(Ordering::Relaxed));
        self.taken.store(taken.wrapping_add(1), Ordering::Release);
        Taken::Byte(byte)
    }

    /// Whether Ctrl-C has come since this was asked last.
    pub(crate) fn was_cancelled(&self) -> bool {
        let cancels = self.cancels.load(Ordering::Acquire);
        if cancels == self.cancels_noticed.load(Ordering::Relaxed) {
            return false;
        }
        // In this order, so that the handler never counts what was cancelled as waiting.
        self.taken.store(self.cancelled_at.load(Ordering::Relaxed), Ordering::Release);
        self.cancels_noticed.store(cancels, Ordering::Release);
        true
    }

    /// Whether there is nothing to read and nothing to notice, so that a port may sleep.
    pub fn is_empty(&self) -> bool {
        self.put.load(Ordering::Acquire) == self.taken.load(Ordering::Relaxed) && !self.has_news()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// All that is in a ring, up to the first that is no byte.
    fn bytes(ring: &Received) -> Vec<u8> {
        let byte = || match ring.take() {
            Taken::Byte(byte) => Some(byte),
            _ => None,
        };
        std::iter::from_fn(byte).collect()
    }

    fn put(ring: &Received, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| ring.put(byte));
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let ring = &Received::<[_; 8]>::new();
        // Counts that wrap around soon.
        ring.put.store(usize::MAX - 5, Ordering::Relaxed);
        ring.taken.store(usize::MAX - 5, Ordering::Relaxed);
        for round in 0..20 {
            let text = [b'a' + round, b'\n', 0xff];
            put(ring, &text);
            assert!(!ring.is_empty());
            assert_eq!(bytes(ring), text);
            assert!(ring.is_empty());
        }
    }

    #[test]
    fn a_line_with_a_loss_is_left_out_to_its_end_and_marked_there() {
        let ring = &Received::<[_; 8]>::new();
        put(ring, b"abcdefghij");
        assert_eq!(ring.take(), Taken::Byte(b'a'));
        put(ring, b"kl");
        assert_eq!(bytes(ring), b"bcdef");
        put(ring, b"mn\nop");
        assert_eq!(bytes(ring), b"\x1a\nop");
        ring.lose();
        assert!(ring.is_empty());
        put(ring, b"q\r");
        assert_eq!(bytes(ring), b"\x1a\r");
    }

    #[test]
    fn lines_that_are_lost_one_after_the_other_have_a_mark_together() {
        // A mark of its own for the last lines, where two bytes have been taken meanwhile.
        for (taken, marks) in [(0, 1), (1, 1), (2, 2)] {
            let ring = &Received::<[_; 8]>::new();
            put(ring, b"ab\ncdefg\n");
            (0..taken).for_each(|_| _ = ring.take());
            put(ring, b"longer than all the ring\nlonger than all the ring\n");
            let expected = [b"ab\ncde", &b"\x1a\n".repeat(marks)[..]].concat();
            assert_eq!(bytes(ring), expected[taken..], "{taken}");
            put(ring, b"next\n");
            assert_eq!(bytes(ring), b"next\n");
        }
    }

    #[test]
    fn ctrl_c_is_seen_however_full_the_ring_is() {
        let ring = &Received::<[_; 4]>::new();
        put(ring, b"abcdef\x03gh");
        assert_eq!(ring.take(), Taken::Cancel);
        assert_eq!(bytes(ring), b"gh");
        put(ring, b"\x1ai\x03j\x03k");
        assert!(ring.was_cancelled());
        assert!(!ring.was_cancelled());
        assert_eq!(bytes(ring), b"k");
    }
}
