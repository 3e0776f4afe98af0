//! A value in a `static`, lent once: to the first who claims it.
//!
//! Chips such as ARMv6-M have no instruction that swaps a word atomically, so this is Lamport's splitter (*A fast mutual
//! exclusion algorithm*, 1987; Moir and Anderson 1995), which does with loads and stores:
//!
//! ```text
//! last = me;  if closed { lose }  closed = true;  if last != me { lose }  win
//! ```
//!
//! **At most one wins.** Say that A and B both do, and that A's `last = A` came after B's `last = B`. B found `last == B`
//! afterwards, so it looked before A's `last = A`, and it had said `closed = true` before it looked. But then A, which
//! looks at `closed` after its `last = A`, found it closed, and lost. Whoever else claims meanwhile can't help: nobody
//! else stores A or B, as long as `me` is different for all who are at it at the same time. **Who is alone wins**: nobody
//! else has stored `last` or `closed`. (Several at the very same time may all lose.)
//!
//! All accesses are sequentially consistent, so that there is the one order which this speaks of. `me` is the address of
//! a variable on the caller's stack: every thread and every interrupt handler that is in `claim` has one of its own.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// A static that is handed out once: at most one caller gets it, and an uncontended first one always does.
#[repr(C, align(4))]
pub struct Claim<T: ?Sized> {
    last: AtomicUsize,
    closed: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: whoever shares a `Claim` can reach its value only by `claim`, which gives it to one of them alone; so it is
// sent to that one's thread, and shared with none.
unsafe impl<T: ?Sized + Send> Sync for Claim<T> {}

impl<T> Claim<T> {
    /// Not yet claimed.
    pub const fn new(value: T) -> Self {
        Claim { last: AtomicUsize::new(0), closed: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }
}

impl<T: ?Sized> Claim<T> {
    /// The value, for whoever comes first; nothing for all others.
    #[allow(clippy::mut_from_ref)] // there is one such reference
    pub fn claim(&self) -> Option<&mut T> {
        let here = 0u8;
        let me = (&raw const here).addr();
        self.last.store(me, SeqCst);
        if self.closed.load(SeqCst) {
            return None;
        }
        self.closed.store(true, SeqCst);
        if self.last.load(SeqCst) != me {
            return None;
        }
        // SAFETY: the splitter lets at most one caller get here in the life of this `Claim`, as the module's
        // documentation shows, and nothing else in it refers to the value: this is the only reference there ever is.
        Some(unsafe { &mut *self.value.get() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;

    #[test]
    fn the_first_alone_gets_it() {
        let claim = Claim::new(7);
        assert_eq!(claim.claim(), Some(&mut 7));
        assert_eq!(claim.claim(), None);
    }

    #[test]
    fn of_many_at_once_at_most_one_gets_it() {
        const THREADS: usize = 4;
        for _ in 0..2_000 {
            let (claim, barrier) = (Claim::new(0), Barrier::new(THREADS));
            let winners: usize = thread::scope(|scope| {
                let contender = || {
                    barrier.wait();
                    usize::from(claim.claim().is_some())
                };
                let contenders = [(); THREADS].map(|()| scope.spawn(contender));
                contenders.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert!(winners <= 1, "{winners} threads have the same value");
        }
    }
}
