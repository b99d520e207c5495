//! Which file of each view is live: one small JSON file, changed by one rename. What is in the folder beside that is left over.

use crate::ViewName;
use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

const NAME: &str = "manifest.json";

/// The live file of each view.
#[derive(Debug)]
pub(crate) struct Manifest {
    folder: PathBuf,
    files: BTreeMap<ViewName, String>,
}

impl Manifest {
    /// Reads the folder's manifest; one that cannot be read is as good as none, for all files can be made anew.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let files = match fs::read(folder.join(NAME)) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the views' manifest cannot be read: all views are made anew");
                BTreeMap::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let mut manifest = Self { folder: folder.into(), files };
        // A name that leads out of the folder is none of ours.
        manifest.files.retain(|_, file| !file.contains(['/', '\\']) && file.ends_with(".db"));
        Ok(manifest)
    }

    /// Deletes every file of the folder that no view lives in: what cancelled and crashed rebuilds left behind.
    pub(crate) fn remove_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let Some((stem, _)) = name.split_once(".db") else { continue };
            if !self.files.values().any(|file| file.strip_suffix(".db") == Some(stem)) {
                tracing::info!(file = %name, "removing what was left over of a view");
                super::file::remove(&self.folder.join(format!("{stem}.db")));
            }
        }
        Ok(())
    }

    /// The live file of a view.
    pub(crate) fn file(&self, view: ViewName) -> Option<PathBuf> {
        self.files.get(&view).map(|file| self.folder.join(file))
    }

    /// The live files of all views.
    pub(crate) fn live_files(&self) -> impl Iterator<Item = PathBuf> {
        self.files.values().map(|file| self.folder.join(file))
    }

    /// A path that no file of this view has.
    pub(crate) fn fresh(&self, view: ViewName, version: u32) -> PathBuf {
        let path = |generation: u32| self.folder.join(format!("{view}-v{version}-{generation}.db"));
        (0..)
            .map(path)
            .find(|path| !path.exists() && Some(path) != self.file(view).as_ref())
            .expect("numbers do not run out")
    }

    /// Makes a file the live one: before the rename the old one is live, after it the new one.
    pub(crate) fn set(&mut self, view: ViewName, path: &Path) -> io::Result<()> {
        let name = path.file_name().expect("made by `fresh`").to_string_lossy().into_owned();
        let mut files = self.files.clone();
        files.insert(view, name);
        let (target, beside) = (self.folder.join(NAME), self.folder.join("manifest.json.new"));
        let mut file = fs::File::create(&beside)?;
        file.write_all(serde_json::to_string_pretty(&files).expect("names are strings").as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &target)?;
        self.files = files;
        Ok(())
    }
}
