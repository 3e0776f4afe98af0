//! f32 in a model file as its four bytes, which is how postcard writes one, too: reading bytes has no path to a panic.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_le_bytes().serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    <[u8; 4]>::deserialize(deserializer).map(f32::from_le_bytes)
}
