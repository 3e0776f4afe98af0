//! The files that a command reads and writes. Nothing is ever written over a file that is read, nor over one of another
//! kind than what is written.
//!
//! [`Files`] is checked before a command begins its work; [`write()`] looks once more before it replaces a file, since hours
//! of training may lie between the two.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pipsqueak::internal::file::MAGIC;
use pipsqueak_stories::Stories;
use serde_json::Value;

use crate::explain::html;

/// The kind of a file's content, recognised by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model file, of any version.
    Model,
    /// A checkpoint of a training.
    Checkpoint,
    /// A plot that this program has drawn.
    Plot,
    /// A page that `pipsqueak explain` has written.
    Page,
    /// The numbers that `pipsqueak explain` has written.
    Explanation,
    /// Flash contents for a board, as UF2, Intel HEX or for esptool.
    Flash,
    /// The built-in stories of a random seed.
    Stories {
        /// See [`Stories::new`].
        seed: u64,
    },
}

/// The first four bytes of a UF2 file.
const UF2_MARK: &[u8] = b"UF2\n";
/// The first four bytes of a file for esptool, as the crate `pipsqueak-talk` writes it.
const ESPTOOL_MARK: &[u8] = &[0xe9, 2, 2, 0x2f];
/// A comment in every plot that this program draws, by which it knows its own.
const PLOT_MARK: &str = "<!-- drawn by pipsqueak -->";
/// The first key of the JSON that [`Kind::Explanation`] is.
const EXPLANATION_MARK: &str = r#"{"writtenBy":"pipsqueak explain","#;
/// The key of the one entry in a checkpoint's metadata.
pub const CHECKPOINT_KEY: &str = "pipsqueak";
/// Names, vocabulary and curve take less than this of a checkpoint, in bytes.
pub const CHECKPOINT_HEADER_MAX: usize = 16 << 20;

/// An SVG with the mark that [`Kind::Plot`] looks for.
pub fn marked_plot(svg: &str) -> String {
    svg.replacen('>', &format!(">\n{PLOT_MARK}"), 1)
}

/// A JSON object with the mark that [`Kind::Explanation`] looks for.
pub fn marked_explanation(json: &str) -> String {
    json.replacen('{', EXPLANATION_MARK, 1)
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Model => "Pipsqueak model",
            Kind::Checkpoint => "checkpoint of Pipsqueak",
            Kind::Plot => "plot drawn by Pipsqueak",
            Kind::Page => "page written by Pipsqueak",
            Kind::Explanation => "explanation by Pipsqueak",
            Kind::Flash => "UF2, Intel HEX or esptool file",
            Kind::Stories { .. } => "text of the built-in stories with this random seed",
        }
    }

    /// Whether `file` is of this kind.
    fn is_in(self, file: &mut File) -> io::Result<bool> {
        Ok(match self {
            Kind::Model => beginning(file, MAGIC.len() as u64)? == MAGIC,
            Kind::Checkpoint => is_checkpoint(file)?,
            Kind::Plot => {
                let bytes = beginning(file, 1024)?;
                bytes.windows(PLOT_MARK.len()).any(|window| window == PLOT_MARK.as_bytes())
            }
            Kind::Page => {
                let bytes = beginning(file, 256)?;
                bytes.windows(html::MARK.len()).any(|window| window == html::MARK.as_bytes())
            }
            Kind::Explanation => {
                beginning(file, EXPLANATION_MARK.len() as u64)? == EXPLANATION_MARK.as_bytes()
            }
            Kind::Flash => {
                let bytes = beginning(file, 64)?;
                bytes.starts_with(UF2_MARK) || bytes.starts_with(ESPTOOL_MARK) || is_hex_record(&bytes)
            }
            Kind::Stories { seed } => {
                let story = Stories::new(seed).next().unwrap_or_default();
                beginning(file, story.len() as u64)? == story.as_bytes()
            }
        })
    }
}

/// Whether Intel HEX begins here: a colon, and bytes as digits: how many, 3 more, those, and what makes their sum 0.
fn is_hex_record(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let digits = line.strip_prefix(b":").and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default();
    let byte = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let record: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    record.is_some_and(|record| {
        record.first().is_some_and(|&count| record.len() == usize::from(count) + 5)
            && record.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0
    })
}

fn beginning(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    Ok(read)
}

/// A safetensors file begins with the length of its header, in 8 bytes, and the header, which is JSON.
fn is_checkpoint(file: &mut File) -> io::Result<bool> {
    let Ok(length) = beginning(file, 8)?.as_slice().try_into().map(u64::from_le_bytes) else {
        return Ok(false);
    };
    if length > CHECKPOINT_HEADER_MAX as u64 {
        return Ok(false);
    }
    let header: Value = serde_json::from_slice(&beginning(file, length)?).unwrap_or_default();
    Ok(header["__metadata__"].get(CHECKPOINT_KEY).is_some())
}

/// A file that an option names.
#[derive(Debug)]
struct Named {
    option: &'static str,
    path: PathBuf,
}

/// All files of a command.
#[derive(Debug, Default)]
pub struct Files {
    inputs: Vec<Named>,
    outputs: Vec<(Named, Option<Kind>)>,
}

impl Files {
    /// The command reads `path`, which `option` names.
    pub fn reads(&mut self, option: &'static str, path: &Path) {
        self.inputs.push(Named { option, path: path.into() });
    }

    /// The command writes a file of `kind` to `path`, which `option` names or could name.
    pub fn writes(&mut self, option: &'static str, path: &Path, kind: Kind) {
        self.outputs.push((Named { option, path: path.into() }, Some(kind)));
    }

    /// The command reads `path`, checks its content itself, and writes it again.
    pub fn continues(&mut self, option: &'static str, path: &Path) {
        self.outputs.push((Named { option, path: path.into() }, None));
    }

    /// Says now, rather than after a long training, that a file cannot be written, or would be written over another one.
    ///
    /// # Errors
    /// With the names of the options and of the files.
    pub fn check(&self) -> Result<()> {
        for (i, (output, kind)) in self.outputs.iter().enumerate() {
            let Named { option, path } = output;
            let problem = || format!("cannot write {}", path.display());
            let special = special(path).with_context(problem)?.is_some();
            // Stories alone can be printed: nothing else is.
            ensure!(
                matches!(kind, Some(Kind::Stories { .. })) || !is_standard_output(path),
                "{}: the report is printed there; name another file with {option}",
                problem()
            );
            for other in self.inputs.iter().filter(|_| !special) {
                ensure!(
                    !same(path, &other.path),
                    "{}: {option} would write over {}, which {} reads; choose another name",
                    problem(),
                    other.path.display(),
                    other.option
                );
            }
            for (other, _) in self.outputs[..i].iter().filter(|_| !special) {
                ensure!(
                    !same(path, &other.path),
                    "{}: {option} would write over {}, which {} writes; choose another name",
                    problem(),
                    other.path.display(),
                    other.option
                );
            }
            if special {
                continue;
            }
            if let Some(kind) = kind {
                check_kind(path, *kind)
                    .map_err(|error| anyhow!("{}: {error}; name another file with {option}", problem()))?;
            }
            let folder = folder(&destination(path)?).to_path_buf();
            temporary_file(&folder)
                .map(drop)
                .map_err(|error| explained(&error, &folder))
                .with_context(problem)?;
        }
        Ok(())
    }
}

/// Whether both paths lead to the same file, through any links, or would if it existed.
fn same(a: &Path, b: &Path) -> bool {
    matches!((Identity::of(a), Identity::of(b)), (Some(a), Some(b)) if a == b)
}

/// Identifies a file, whatever it is called.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// Device and inode.
    #[cfg(unix)]
    Inode(u64, u64),
    /// The canonical folder and the name: for a file that does not exist yet, and on systems without inodes.
    Path(PathBuf),
}

impl Identity {
    /// `None` where not even the folder exists.
    fn of(path: &Path) -> Option<Identity> {
        #[cfg(unix)]
        if let Ok(metadata) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt;
            return Some(Identity::Inode(metadata.dev(), metadata.ino()));
        }
        let path = destination(path).ok()?;
        let name = path.file_name()?;
        // Windows and macOS take names that differ in case for one.
        let name =
            if cfg!(any(windows, target_os = "macos")) { name.to_ascii_lowercase() } else { name.into() };
        Some(Identity::Path(fs::canonicalize(folder(&path)).ok()?.join(name)))
    }
}

/// The metadata of a pipe or a terminal at `path`, which is written to directly; `None` for a file or nothing.
///
/// # Errors
/// A folder, or something else that is not to be written to.
fn special(path: &Path) -> Result<Option<Metadata>> {
    ensure!(!(cfg!(windows) && is_windows_device(path)), "it is a device of Windows; name a file");
    ensure!(
        path != Path::new("-"),
        "that would be a file, and not the standard output; name another, or ./- if it is meant"
    );
    let folder = "it is a folder; name a file";
    let Ok(metadata) = fs::metadata(path) else {
        let ends_as_folder = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
        ensure!(!ends_as_folder, folder);
        return Ok(None);
    };
    ensure!(!metadata.is_dir(), folder);
    if metadata.is_file() {
        return Ok(None);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        ensure!(kind.is_fifo() || kind.is_char_device(), "it is a disk or a socket; name a file");
    }
    Ok(Some(metadata))
}

/// Whether Windows takes the name for a device: `NUL`, `con.txt`.
fn is_windows_device(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let port = ["COM", "LPT"].iter().find_map(|kind| stem.strip_prefix(kind));
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem)
        || port.is_some_and(|number| number.len() == 1 && number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether `path` leads to the file or pipe that this program prints to.
fn is_standard_output(path: &Path) -> bool {
    let output = Path::new("/dev/stdout");
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(output) {
        use std::os::unix::fs::FileTypeExt;
        return (metadata.is_file() || metadata.file_type().is_fifo()) && same(path, output);
    }
    path == output
}

/// Whether `path` is a pipe or a terminal, beside which nothing else should be written.
pub fn is_special(path: &Path) -> bool {
    matches!(special(path), Ok(Some(_)))
}

/// Whether there is a file of this kind at `path`.
pub fn holds(path: &Path, kind: Kind) -> bool {
    File::open(path).is_ok_and(|mut file| kind.is_in(&mut file).unwrap_or(false))
}

/// Accepts a path with no file, an empty file, or a file of this kind.
fn check_kind(path: &Path, kind: Kind) -> Result<()> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    ensure!(!metadata.permissions().readonly(), "it is protected against writing");
    if metadata.len() > 0 && !kind.is_in(&mut File::open(path)?)? {
        bail!("the file there is no {}, and would be lost", kind.name());
    }
    Ok(())
}

/// Lets `write` fill a temporary file beside `path`, which replaces `path` only once all of it is on the disk. Pipes and
/// terminals are written to directly; a symbolic link stays, and what it leads to is replaced.
///
/// # Errors
/// If it cannot be written, or something of another kind has come to be there.
pub fn write(
    path: &Path,
    kind: Kind,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    let save = || -> Result<()> {
        if special(path)?.is_some() {
            return Ok(fill(&File::options().write(true).open(path)?, write)?);
        }
        let path = destination(path)?;
        let explained = |error: io::Error| explained(&error, folder(&path));
        let temporary = temporary_file(folder(&path)).map_err(explained)?;
        let filled = fill(temporary.as_file(), write).and_then(|()| temporary.as_file().sync_all());
        filled.map_err(explained)?;
        check_kind(&path, kind)?;
        if let Ok(replaced) = fs::metadata(&path) {
            fs::set_permissions(temporary.path(), replaced.permissions()).map_err(explained)?;
        }
        temporary.persist(&path).map_err(|error| explained(error.error))?;
        Ok(())
    };
    save().with_context(|| format!("cannot write {}", path.display()))
}

/// Writes what was meant for `path` to the current folder, or to the one for temporary files. No file is replaced: where the
/// name is taken, a number is added. Returns where it is, unless neither folder takes it.
pub fn write_elsewhere(
    path: &Path,
    write: impl Fn(&mut BufWriter<&File>) -> io::Result<()>,
) -> Option<PathBuf> {
    let folders = [PathBuf::new(), std::env::temp_dir()];
    folders.into_iter().find_map(|elsewhere| {
        let mut temporary = temporary_file(folder(&elsewhere.join("any"))).ok()?;
        fill(temporary.as_file(), &write).and_then(|()| temporary.as_file().sync_all()).ok()?;
        for number in 1..=NUMBER_MAX {
            let place = elsewhere.join(numbered(path, number)?);
            match temporary.persist_noclobber(&place) {
                Ok(_) => return Some(place),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => temporary = error.file,
                Err(_) => return None,
            }
        }
        None
    })
}

/// The most files of one name in a folder.
const NUMBER_MAX: u32 = 999;

/// The file's name, from the second on with a number: `m.pip`, `m-2.pip`.
fn numbered(path: &Path, number: u32) -> Option<PathBuf> {
    let name = Path::new(path.file_name()?);
    if number == 1 {
        return Some(name.into());
    }
    let mut numbered = name.file_stem()?.to_os_string();
    numbered.push(format!("-{number}"));
    if let Some(extension) = name.extension() {
        numbered.push(".");
        numbered.push(extension);
    }
    Some(numbered.into())
}

/// Why a file in `folder` can't be written, and what helps.
fn explained(error: &io::Error, folder: &Path) -> anyhow::Error {
    use io::ErrorKind::{
        NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    // `tempfile` adds the name of the temporary file, which nobody has asked for.
    let text = error.to_string();
    let cause = text.split_once(" at path ").map_or(&*text, |(cause, _)| cause);
    match error.kind() {
        StorageFull | QuotaExceeded => anyhow!("{cause}; make room there, or name a file on another disk"),
        PermissionDenied | ReadOnlyFilesystem => anyhow!("{cause}; name a file in a folder of your own"),
        // Folders of the system, such as /proc, take no files, and deny that they are there.
        NotFound | NotADirectory if folder.is_dir() => {
            anyhow!("the folder {} takes no files; name a file in another", folder.display())
        }
        NotFound | NotADirectory => {
            anyhow!("there is no folder {}; make it, or name a file in another", folder.display())
        }
        _ => anyhow!("{cause}"),
    }
}

fn fill(file: &File, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()
}

/// The path behind symbolic links, even if no file is there yet.
fn destination(path: &Path) -> io::Result<PathBuf> {
    const LINKS_MAX: usize = 40; // as Linux has it
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { return Ok(path) };
        path = folder(&path).join(target);
    }
    Err(io::Error::other("too many symbolic links"))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

const TEMPORARY_PREFIX: &str = ".pipsqueak-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// A temporary file with the permissions that the user's umask gives to any new file. It is locked for as long as it is
/// written, and those that a killed program has left in the folder are removed.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    remove_abandoned(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let file = builder.tempfile_in(folder)?;
        // Where the file system knows no locks, nobody removes a file that seems abandoned.
        let locked = file.as_file().lock();
        // Another program may have taken the file for an abandoned one before it was locked.
        if locked.is_err() || file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes temporary files that no program has locked. One that can't be removed does no harm.
fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)) {
            continue;
        }
        if let Ok(file) = File::options().read(true).write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    fn text(out: &mut BufWriter<&File>) -> io::Result<()> {
        out.write_all(b"PIPSqueak")
    }

    fn refusal(files: &Files) -> String {
        format!("{:#}", files.check().unwrap_err())
    }

    #[cfg(feature = "cli")]
    #[test]
    fn the_mark_of_esptools_files_is_that_of_their_writer() {
        assert_eq!(ESPTOOL_MARK, pipsqueak_talk::flash::esptool::BEGINNING);
    }

    #[test]
    fn files_are_known_by_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let metadata = std::collections::HashMap::from([(CHECKPOINT_KEY.to_string(), String::new())]);
        let tensor = TensorView::new(Dtype::F32, vec![2], &[0; 8]).unwrap();
        let checkpoint = safetensors::serialize([("embedding", tensor)], Some(metadata));
        let mut stories = Vec::new();
        pipsqueak_stories::write(3, 1000, &mut stories).unwrap();
        let plot = marked_plot("<svg width=\"800\">\n<g>\n</g>\n</svg>");
        let seed = 3;
        let held = [
            (Kind::Model, b"PIPS\x01".to_vec()),
            (Kind::Checkpoint, checkpoint.unwrap()),
            (Kind::Plot, plot.into_bytes()),
            (Kind::Stories { seed }, stories),
        ];
        for (kind, bytes) in &held {
            fs::write(&path, bytes).unwrap();
            let fits = |kind: Kind| check_kind(&path, kind).is_ok();
            assert!(fits(*kind), "{kind:?}");
            let others = held.iter().filter(|(other, _)| other != kind);
            assert!(
                others.map(|(other, _)| *other).chain([Kind::Stories { seed: 4 }]).all(|other| !fits(other))
            );
        }
        for other in ["PIP", "\0", "\x02\0\0\0\0\0\0\0{}", "<svg><g/></svg>", "Once upon a time"] {
            fs::write(&path, other).unwrap();
            assert!(held.iter().all(|(kind, _)| check_kind(&path, *kind).is_err()), "{other}");
        }
        fs::write(&path, "").unwrap();
        assert!(check_kind(&path, Kind::Model).is_ok(), "an empty file holds nothing to be lost");
    }

    #[test]
    fn what_has_come_to_be_there_in_the_meantime_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.pip");
        let mut files = Files::default();
        files.writes("--out", &path, Kind::Model);
        files.check().unwrap();
        fs::write(&path, "a diary").unwrap();
        let error = format!("{:#}", write(&path, Kind::Model, text).unwrap_err());
        assert!(error.contains("m.pip: the file there is no Pipsqueak model, and would be lost"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a diary");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_known_by_its_folder_and_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut files = Files::default();
        files.writes("--out", &at("m.pip"), Kind::Model);
        files.writes("--plot", &at("../").join(folder.path().file_name().unwrap()).join("m.pip"), Kind::Plot);
        assert!(refusal(&files).contains("--plot would write over"), "{}", refusal(&files));
    }

    #[test]
    fn windows_has_devices_in_every_folder() {
        for device in ["NUL", "notes/nul", "Con.pip", "com1", "LPT9.txt", "aux .pip"] {
            assert!(is_windows_device(Path::new(device)), "{device}");
        }
        for file in ["null.pip", "icon.pip", "com.pip", "com10", "notes/NUL/m.pip", "m.nul"] {
            assert!(!is_windows_device(Path::new(file)), "{file}");
        }
    }

    #[test]
    fn what_is_written_elsewhere_replaces_nothing() {
        let name = |number| numbered(Path::new("sub/my.notes.pip"), number).unwrap();
        assert_eq!([name(1), name(2)], [PathBuf::from("my.notes.pip"), PathBuf::from("my.notes-2.pip")]);
        assert_eq!(numbered(Path::new("sub/notes"), 3), Some("notes-3".into()));
        let missing = std::env::temp_dir().join(format!("pipsqueak-{}.pip", std::process::id()));
        assert!(write_elsewhere(&missing, |_| Err(io::Error::other("no room"))).is_none());
        // In the folder of the tests.
        let [first, second] = [(); 2].map(|()| write_elsewhere(&missing, text).unwrap());
        assert!(
            first != second && [&first, &second].iter().all(|path| fs::read(path).unwrap() == b"PIPSqueak")
        );
        fs::remove_file(first).unwrap();
        fs::remove_file(second).unwrap();
    }

    #[test]
    fn an_error_does_not_name_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("f".repeat(300)).join("m.pip"), Kind::Model, text).unwrap_err();
        let error = format!("{error:#}");
        assert!(!error.contains(TEMPORARY_PREFIX) && error.lines().count() == 1, "{error}");
    }

    #[test]
    fn a_killed_program_s_temporary_file_is_removed_and_a_living_one_s_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned = folder.path().join(".pipsqueak-dead.tmp");
        fs::write(&abandoned, "half").unwrap();
        fs::write(folder.path().join(".pipsqueak-diary"), "a diary").unwrap();
        let living = temporary_file(folder.path()).unwrap();
        write(&folder.path().join("m.pip"), Kind::Model, text).unwrap();
        assert!(!abandoned.exists() && living.path().exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_the_file_and_stay() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("diary"), "a diary").unwrap();
        fs::hard_link(at("diary"), at("hard")).unwrap();
        symlink("diary", at("soft")).unwrap();
        symlink("soft", at("softer")).unwrap();
        for name in ["hard", "soft", "softer"] {
            let mut files = Files::default();
            files.reads("--text", &at("diary"));
            files.writes("--out", &at(name), Kind::Model);
            let message = refusal(&files);
            assert!(message.contains(&format!("{name}: --out would write over")), "{message}");
            assert!(message.ends_with("diary, which --text reads; choose another name"), "{message}");
        }
        // A link to nothing yet: what it leads to is written, and is the same file as that.
        symlink("new", at("dangling")).unwrap();
        assert!(same(&at("dangling"), &at("new")));
        write(&at("dangling"), Kind::Model, text).unwrap();
        assert!(at("dangling").is_symlink());
        assert_eq!(fs::read_to_string(at("new")).unwrap(), "PIPSqueak");
        symlink("loop", at("loop")).unwrap();
        assert!(write(&at("loop"), Kind::Model, text).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_protected_one_its_content() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.pip");
        fs::write(&path, "PIPS").unwrap();
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        set(0o600);
        write(&path, Kind::Model, text).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        set(0o400);
        assert!(
            format!("{:#}", write(&path, Kind::Model, text).unwrap_err())
                .contains("protected against writing")
        );
    }
}
