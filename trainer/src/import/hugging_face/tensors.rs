//! The tensors of one or several safetensors files, read one at a time, so that no more than one is in memory twice.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use half::{bf16, f16};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::read_text;

/// The file of a model that is not divided.
pub const SINGLE: &str = "model.safetensors";
/// The list of the files of one that is.
const INDEX: &str = "model.safetensors.index.json";
/// The most bytes of a file's header.
const HEADER_MAX: u64 = 16 << 20;
/// The most files of one model.
const FILES_MAX: usize = 1000;

/// Where each tensor lies.
#[derive(Debug)]
pub struct Tensors {
    folder: PathBuf,
    places: HashMap<String, Place>,
    /// Names and formats of those that are of other formats.
    foreign: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    format: Format,
    shape: Vec<usize>,
    start: u64,
    bytes: u64,
}

/// The formats of numbers that are read.
#[derive(Debug, Clone, Copy)]
enum Format {
    F32,
    F16,
    Bf16,
}

impl Format {
    fn of(name: &str) -> Option<Self> {
        match name {
            "F32" => Some(Format::F32),
            "F16" => Some(Format::F16),
            "BF16" => Some(Format::Bf16),
            _ => None,
        }
    }

    fn bytes(self) -> u64 {
        if matches!(self, Format::F32) { 4 } else { 2 }
    }

    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let halves = bytes.as_chunks::<2>().0;
        match self {
            Format::F32 => bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect(),
            Format::F16 => halves.iter().map(|&value| f16::from_le_bytes(value).to_f32()).collect(),
            Format::Bf16 => halves.iter().map(|&value| bf16::from_le_bytes(value).to_f32()).collect(),
        }
    }
}

/// A tensor in a file's header.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

impl Tensors {
    /// Reads the headers of a folder's files.
    ///
    /// # Errors
    /// If there is none, or one is damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut tensors = Tensors { folder: folder.into(), places: HashMap::new(), foreign: BTreeMap::new() };
        for path in files(folder)? {
            tensors.add(&path).with_context(|| format!("cannot read {}", path.display()))?;
        }
        Ok(tensors)
    }

    /// Adds the tensors of a file.
    fn add(&mut self, path: &Path) -> Result<()> {
        let (header, data) = read_header(path)?;
        let mut places = HashMap::new();
        for (name, value) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
            let entry =
                Entry::deserialize(&value).with_context(|| format!("its header is wrong about {name}"))?;
            match Format::of(&entry.dtype) {
                Some(format) => {
                    let place = place(path, &name, format, entry, data)?;
                    places.insert(name, place);
                }
                None => _ = self.foreign.insert(name, entry.dtype),
            }
        }
        refuse_overlaps(places.iter())?;
        self.places.extend(places);
        Ok(())
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The number of all values.
    pub fn count(&self) -> u64 {
        self.places.values().map(|place| place.bytes / place.format.bytes()).sum()
    }

    /// The names of tensors that cannot be read, each with its format.
    pub fn foreign(&self) -> impl Iterator<Item = (&str, &str)> {
        self.foreign.iter().map(|(name, format)| (name.as_str(), format.as_str()))
    }

    /// The names of all that can be read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// The values of a tensor that must have this shape.
    ///
    /// # Errors
    /// If there is none, or it has another shape or another format.
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let place = self.places.get(name);
        let place = place.with_context(|| format!("{} lacks the tensor {name}", self.folder.display()))?;
        ensure!(
            place.shape == shape,
            "{}: the tensor {name} is {:?}, and by config.json it must be {shape:?}",
            place.path.display(),
            place.shape
        );
        place.read().with_context(|| format!("cannot read {name} of {}", place.path.display()))
    }
}

impl Place {
    fn read(&self) -> Result<Vec<f32>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut bytes = Vec::new();
        file.take(self.bytes).read_to_end(&mut bytes)?;
        ensure!(bytes.len() as u64 == self.bytes, "it ends within its tensors");
        Ok(self.format.decode(&bytes))
    }
}

/// The weight files of a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let index = folder.join(INDEX);
    if !index.is_file() {
        let single = folder.join(SINGLE);
        ensure!(
            single.is_file(),
            "{} has neither {SINGLE} nor {INDEX}; write one with `model.save_pretrained(FOLDER)`",
            folder.display()
        );
        return Ok(vec![single]);
    }
    let list = || -> Result<Vec<PathBuf>> {
        let json: Value = serde_json::from_str(&read_text(&index)?)?;
        let map = json["weight_map"].as_object().context("it lacks the key weight_map")?;
        let mut names: Vec<&str> = map.values().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        ensure!(names.len() <= FILES_MAX, "it lists {} files, more than {FILES_MAX}", names.len());
        // Only names: no path leads out of the folder.
        let foreign = names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref()));
        if let Some(name) = foreign {
            bail!("it lists {name:?}, which is no file of this folder");
        }
        Ok(names.into_iter().map(|name| folder.join(name)).collect())
    };
    list().with_context(|| format!("cannot use {}", index.display()))
}

/// The header of a file, and where offsets count from: its end. The file's first 8 bytes are its length.
fn read_header(path: &Path) -> Result<(Map<String, Value>, u64)> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok().context("it ends within its header")?;
    let length = u64::from_le_bytes(length);
    ensure!(length <= HEADER_MAX, "it is no safetensors file: its header would be {length} bytes long");
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    ensure!(header.len() as u64 == length, "it ends within its header");
    let header = serde_json::from_slice(&header).context("its header is no JSON")?;
    Ok((header, 8 + length))
}

/// Refuses tensors of one file that share a byte.
fn refuse_overlaps<'p>(places: impl Iterator<Item = (&'p String, &'p Place)>) -> Result<()> {
    let mut sorted: Vec<_> =
        places.map(|(name, place)| (place.start, place.start + place.bytes, name)).collect();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        let [(_, end, first), (start, _, second)] = pair else { continue };
        ensure!(end <= start, "its tensors {first} and {second} overlap");
    }
    Ok(())
}

fn place(path: &Path, name: &str, format: Format, entry: Entry, data: u64) -> Result<Place> {
    let Entry { shape, data_offsets: [start, end], .. } = entry;
    let size = path.metadata()?.len();
    let count = shape.iter().try_fold(1u64, |count, &n| count.checked_mul(n as u64));
    let bytes = count.and_then(|count| count.checked_mul(format.bytes()));
    let fits = end.checked_sub(start) == bytes && end.checked_add(data).is_some_and(|end| end <= size);
    ensure!(
        fits,
        "its tensor {name} lies at {start} to {end}, which does not fit its shape {shape:?} or the file"
    );
    Ok(Place { path: path.into(), format, shape, start: data + start, bytes: end - start })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A folder with a file of this header and these bytes, which lives as long as the guard.
    fn folder(header: &str, data: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
        std::fs::write(folder.path().join(SINGLE), bytes).unwrap();
        folder
    }

    fn refusal(header: &str, data: &[u8]) -> String {
        format!("{:#}", Tensors::open(folder(header, data).path()).unwrap_err())
    }

    fn tensor(dtype: &str, shape: &[u64], offsets: [u64; 2]) -> Value {
        json!({"dtype": dtype, "shape": shape, "data_offsets": offsets})
    }

    #[test]
    fn every_format_is_read() {
        let header = json!({
            "__metadata__": {"format": "pt"},
            "single": tensor("F32", &[1], [0, 4]),
            "half": tensor("F16", &[1, 2], [4, 8]),
            "brain": tensor("BF16", &[2], [8, 12]),
            "mask": tensor("BOOL", &[1], [12, 13]),
        });
        let halves = [0x3e00u16, 0xc000, 0x3fc0, 0xc000].iter().flat_map(|half| half.to_le_bytes());
        let data: Vec<u8> = 1.5f32.to_le_bytes().into_iter().chain(halves).chain([1]).collect();
        let folder = folder(&header.to_string(), &data);
        let tensors = Tensors::open(folder.path()).unwrap();
        assert_eq!(tensors.read("single", &[1]).unwrap(), [1.5]);
        assert_eq!(tensors.read("half", &[1, 2]).unwrap(), [1.5, -2.0]);
        assert_eq!(tensors.read("brain", &[2]).unwrap(), [1.5, -2.0]);
        assert_eq!(tensors.count(), 5);
        let error = tensors.read("half", &[2, 1]).unwrap_err().to_string();
        assert!(
            error.ends_with("the tensor half is [1, 2], and by config.json it must be [2, 1]"),
            "{error}"
        );
        assert!(tensors.read("mask", &[1]).is_err(), "no weight is of bits");
        assert!(tensors.foreign().eq([("mask", "BOOL")]));
        assert!(tensors.read("none", &[1]).unwrap_err().to_string().ends_with("lacks the tensor none"));
    }

    #[test]
    fn damaged_files_are_refused() {
        let one = |tensor: Value| json!({"a": tensor}).to_string();
        for (header, data, expected) in [
            ("{".into(), 0, "its header is no JSON"),
            (one(json!(3)), 0, "its header is wrong about a"),
            (
                one(tensor("F32", &[2], [0, 4])),
                8,
                "its tensor a lies at 0 to 4, which does not fit its shape [2]",
            ),
            (one(tensor("F32", &[2], [0, 8])), 7, "its tensor a lies at 0 to 8"),
            (one(tensor("F32", &[1], [4, 0])), 8, "its tensor a lies at 4 to 0"),
            (one(tensor("F32", &[u64::MAX, 2], [0, 8])), 8, "its tensor a lies at 0 to 8"),
            (one(tensor("F32", &[1], [u64::MAX - 3, u64::MAX])), 8, "its tensor a lies at"),
        ] {
            let message = refusal(&header, &vec![0; data]);
            assert!(message.contains(expected), "{message}");
        }
        let twice = json!({"a": tensor("F32", &[40], [0, 160]), "b": tensor("F32", &[40], [0, 160])});
        assert!(refusal(&twice.to_string(), &[0; 160]).ends_with("its tensors a and b overlap"));
        let gap = json!({"a": tensor("F32", &[2], [0, 8]), "b": tensor("F32", &[2], [4, 12])});
        assert!(refusal(&gap.to_string(), &[0; 40]).ends_with("its tensors a and b overlap"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SINGLE), u64::MAX.to_le_bytes()).unwrap();
        let message = format!("{:#}", Tensors::open(folder.path()).unwrap_err());
        assert!(message.ends_with("its header would be 18446744073709551615 bytes long"), "{message}");
        std::fs::write(folder.path().join(SINGLE), [1, 0]).unwrap();
        assert!(
            format!("{:#}", Tensors::open(folder.path()).unwrap_err()).contains("it ends within its header")
        );
    }

    #[test]
    fn an_index_leads_to_files_of_its_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let index = |name: &str| {
            std::fs::write(folder.path().join(INDEX), json!({"weight_map": {"a": name}}).to_string())
                .unwrap();
            format!("{:#}", Tensors::open(folder.path()).unwrap_err())
        };
        for name in ["../a.safetensors", "/etc/passwd", "..", "b/a.safetensors"] {
            assert!(index(name).contains("which is no file of this folder"), "{name}");
        }
        assert!(index("a.safetensors").contains("cannot read "), "it is not there");
    }
}
