//! The log: `defmt` where the feature is on, nothing where it is off.

/// `defmt::info!`, or nothing.
#[cfg(feature = "defmt")]
#[macro_export]
macro_rules! log_info {
    ($($arguments:tt)*) => { ::defmt::info!($($arguments)*) };
}

/// `defmt::info!`, or nothing.
#[cfg(not(feature = "defmt"))]
#[macro_export]
macro_rules! log_info {
    ($format:literal $(, $argument:expr)* $(,)?) => {{ $(let _ = &$argument;)* }};
}
