//! Work on several threads, cut into pieces that do not depend on the number of threads.

use core::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// Calls `work` with each of `items`, on whichever of `threads` threads is free; returns when all are done.
///
/// As long as no two items write to the same place, results cannot depend on the number of threads.
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

/// Runs `work` on a thread of the pool. It keeps the pool's threads spinning between consecutive [`for_each`] calls of
/// `work` with as many `threads`, instead of parking them.
pub fn with_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    if threads < 2 { work() } else { rayon::scope(|_| work()) }
}

/// The number of threads that this process can run at once.
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
