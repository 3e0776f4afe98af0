//! f32 in a model file as its four bytes, which is how postcard writes one, too: reading bytes has no path to a panic.
//! Formats for people, as the JSON of a checkpoint, hold the number.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return serializer.serialize_f32(*value);
    }
    value.to_le_bytes().serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    if deserializer.is_human_readable() {
        return f32::deserialize(deserializer);
    }
    <[u8; 4]>::deserialize(deserializer).map(f32::from_le_bytes)
}
