//! The serial port, as the prompt needs it.

use embedded_io::Write;

use crate::Received;

/// A serial port: it writes, and what comes is put into a [`Received`] by its interrupt handler, so that nothing is lost
/// and Ctrl-C is noticed while the model is at work.
pub trait Serial: Write {
    /// The bytes received and not yet read. A port without an interrupt handler may look for bytes here, but loses those
    /// that come in between.
    fn received(&mut self) -> &Received;

    /// Sleeps until something may have come, or not at all.
    ///
    /// # Errors
    /// If nothing will ever come.
    fn wait(&mut self) -> Result<(), Self::Error>;
}
