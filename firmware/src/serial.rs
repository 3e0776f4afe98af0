//! What the prompt asks of a serial port.

use embedded_io::Write;

use crate::Received;

/// A serial port: it writes, and what comes is put into a [`Received`] by its interrupt handler, so that nothing is lost
/// and Ctrl-C is noticed while the model is at work.
pub trait Serial: Write {
    /// What has come. A port without an interrupt handler may look for bytes here, and loses what comes in between.
    fn received(&mut self) -> &Received;

    /// Sleeps until something may have come, or not at all.
    ///
    /// # Errors
    /// If nothing will ever come.
    fn wait(&mut self) -> Result<(), Self::Error>;
}
