//! The values of a JSON object, with errors that name the key and the value.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};

/// A JSON object.
pub(super) struct Json(Map<String, Value>);

impl Json {
    /// # Errors
    /// If `text` is no JSON object.
    pub(super) fn read(text: &str) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Json(map)),
            Ok(_) => bail!("it is no JSON object"),
            Err(error) => bail!("it is no JSON ({error})"),
        }
    }

    /// The value under `key`; `null` where there is none.
    pub(super) fn get(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or(&Value::Null)
    }

    /// The object under `key`, or an empty one.
    pub(super) fn object(&self, key: &str) -> Json {
        Json(self.get(key).as_object().cloned().unwrap_or_default())
    }

    /// Its entries.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// A whole number that must be there, of at most the 16 bits that a model file has for it.
    pub(super) fn size(&self, key: &str) -> Result<usize> {
        let size = self.size_or_none(key)?.with_context(|| format!("it lacks the key {key}"))?;
        let most = usize::from(u16::MAX);
        ensure!(
            (1..=most).contains(&size),
            "{key} is {size}, which is not supported; it must be from 1 to {most}"
        );
        Ok(size)
    }

    /// A whole number; `None` where the key is missing or `null`.
    pub(super) fn size_or_none(&self, key: &str) -> Result<Option<usize>> {
        match self.get(key) {
            Value::Null => Ok(None),
            value => {
                let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
                size.map(Some).ok_or_else(|| anyhow!("{key} is {value}; it must be a whole number"))
            }
        }
    }

    /// A number, or `default` where the key is missing or `null`.
    pub(super) fn number(&self, key: &str, default: f64) -> Result<f64> {
        match self.get(key) {
            Value::Null => Ok(default),
            value => value.as_f64().ok_or_else(|| anyhow!("{key} is {value}; it must be a number")),
        }
    }

    /// True or false, or `default` where the key is missing or `null`.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            Value::Null => Ok(default),
            value => value.as_bool().ok_or_else(|| anyhow!("{key} is {value}; it must be true or false")),
        }
    }

    /// A text, or `default` where the key is missing or `null`.
    pub(super) fn text<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str> {
        match self.get(key) {
            Value::Null => Ok(default),
            value => value.as_str().ok_or_else(|| anyhow!("{key} is {value}; it must be a text")),
        }
    }

    /// Refuses any value under `key` but `null` and those `allowed`.
    pub(super) fn only(&self, key: &str, allowed: &[Value]) -> Result<()> {
        let value = self.get(key);
        if value.is_null() || allowed.contains(value) {
            return Ok(());
        }
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).chain(["null".into()]).collect();
        bail!("{key} is {}, which is not supported; it must be {}", shortened(value), allowed.join(" or "))
    }
}

/// A value for a message.
pub(super) fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
