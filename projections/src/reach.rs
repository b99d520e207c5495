//! How far the views in a folder were, before anything is done with them: whether the log beside them has lost events can be seen
//! by what they knew. It opens no view and changes nothing.

use crate::store::{file, manifest::Manifest};
use convenio_events::Sequence;
use std::path::Path;

/// What a view's file says of the log that it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// The file's name.
    pub file: String,
    /// How many events it was made of, at least.
    pub events: Sequence,
    /// The entry of the last of them; of the first one in a file that keeps no other.
    pub entry: String,
    /// Whether it is the last one's.
    pub is_last: bool,
}

/// Of every live view in a folder, as far as its file can be read and believed.
pub fn reach(folder: &Path) -> Vec<Reach> {
    // A folder that is not there is not made.
    let manifest = if folder.is_dir() { Manifest::open(folder).ok() } else { None };
    let files = manifest.iter().flat_map(Manifest::live_files);
    let read = |path: std::path::PathBuf| {
        let (events, entry, is_last) = file::reach(&path)?;
        Some(Reach { file: path.file_name()?.to_string_lossy().into_owned(), events, entry, is_last })
    };
    files.filter_map(read).collect()
}
