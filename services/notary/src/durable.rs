//! Files that are whole or absent after a crash. Keeps nothing open and never replaces a fsync that
//! failed by another try: the error goes up, and the program ends.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Readable by its owner only: what is secret.
pub(crate) const SECRET: u32 = 0o600;
/// Readable by all whom the directory lets in.
pub(crate) const PUBLIC: u32 = 0o644;

const DIRECTORY: u32 = 0o700;

/// Makes a directory and those above it durably; one that exists is kept as it is.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        None => return Ok(()),
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
    };
    if path.is_dir() {
        // An earlier start may have died between making and syncing it. Who may not read the parent
        // did not make the directory either.
        return match sync_directory(parent) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    create_directory(parent)?;
    DirBuilder::new().mode(DIRECTORY).create(path)?;
    sync_directory(parent)
}

/// Writes a file so that after a crash it is there with all of `content`, or not there:
/// 1. a temporary file beside it is written and synced; a crash leaves that file, and the next call
///    removes it;
/// 2. it is renamed; a crash leaves either name;
/// 3. the directory is synced; from then on the file stays.
pub(crate) fn write_file(directory: &Path, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!(".{name}.tmp"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(name))?;
    sync_directory(directory)
}

pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
