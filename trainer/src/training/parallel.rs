//! Work for several threads, in pieces that do not depend on how many there are.

use core::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// Does `work` for each of `items`, each on whichever of `threads` threads is free; returns when all is done.
///
/// Results cannot depend on the number of threads as long as no two items write to the same place.
pub fn for_each<T: Send>(threads: usize, items: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let queue = Mutex::new(items);
    let next = || queue.lock().expect("no item panicked while taken").next();
    let run = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    if threads < 2 {
        return run();
    }
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| run());
        }
        run();
    });
}

/// Does work that calls [`for_each`] several times with as many `threads`: between these nobody falls asleep.
pub fn awake<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    if threads < 2 { work() } else { rayon::scope(|_| work()) }
}

/// As many threads as the machine has for us.
pub fn available() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_item_is_done_once() {
        for threads in [1, 2, 5] {
            let mut items = vec![0; 100];
            super::for_each(threads, items.iter_mut(), |item| *item += 1);
            assert_eq!(items, [1; 100]);
        }
    }
}
