//! Programs built on this machine, packed so that they run in any image: with the libraries and the
//! loader of this machine, since an image's own may be older.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::stop::{self, unsupervised, Guard};

/// Where they lie in a container.
pub(crate) const FOLDER: &str = "/lab";
const LOADER: &str = "loader";

/// A folder of programs, removed on drop.
#[derive(Debug)]
pub struct Inside {
    folder: PathBuf,
    // A run within a run uses the outer one's.
    _guard: Option<Guard>,
}

impl Inside {
    /// Packs programs.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or needs a library that is not here.
    pub fn of(programs: &[&Path]) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("plumlab-{}-inside-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let remove = folder.clone();
        let inside = Inside {
            folder,
            _guard: Some(Guard::new(move || {
                let _ = unsupervised(Command::new("rm").arg("-rf").arg("--").arg(&remove));
            })),
        };
        for program in programs {
            let name = program.file_name().unwrap_or_default();
            inside.add(program, &name.to_string_lossy())?;
            for library in libraries(program)? {
                let name = library.file_name().unwrap_or_default().to_string_lossy();
                let is_loader = name.starts_with("ld-") || name.starts_with("ld64");
                inside.add(&library, if is_loader { LOADER } else { &name })?;
            }
        }
        Ok(inside)
    }

    /// What another run has packed.
    pub fn at(folder: PathBuf) -> Self {
        Inside {
            folder,
            _guard: None,
        }
    }

    /// Where it is on this machine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn add(&self, file: &Path, name: &str) -> Result<(), String> {
        // Follows links: what a library's name stands for is wanted.
        fs::copy(file, self.folder.join(name))
            .map(|_| ())
            .map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// How a packed program is started in a container.
pub(crate) fn command_of(program: &str) -> [String; 4] {
    [
        format!("{FOLDER}/{LOADER}"),
        "--library-path".to_owned(),
        FOLDER.to_owned(),
        format!("{FOLDER}/{program}"),
    ]
}

fn libraries(program: &Path) -> Result<Vec<PathBuf>, String> {
    let output =
        stop::run(Command::new("ldd").arg(program), "").map_err(|error| format!("ldd: {error}"))?;
    if !output.status.success() {
        return Err(format!("ldd {}: {}", program.display(), output.complaint()));
    }
    listed(&output.stdout)
}

/// `name => path (address)`, or `path (address)`; what has no path is the kernel's.
fn listed(said: &str) -> Result<Vec<PathBuf>, String> {
    if let Some(line) = said.lines().find(|line| line.contains("not found")) {
        return Err(format!("a library is missing: {}", line.trim()));
    }
    let path = |line: &str| {
        let word = line.split_whitespace().find(|word| word.starts_with('/'))?;
        Some(PathBuf::from(word))
    };
    Ok(said.lines().filter_map(path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_found_and_the_kernels_is_not() {
        let said = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let wanted = ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(listed(said).unwrap(), wanted.map(PathBuf::from));
    }

    #[test]
    fn a_missing_library_is_said() {
        let said = "\tlibmnl.so.0 => not found\n";
        assert!(listed(said).unwrap_err().contains("libmnl.so.0"));
    }
}
