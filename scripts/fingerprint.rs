// The fingerprint of the platform's build: which sources its three services were built from.
//
// A module of the build scripts of `platform` (which prints it under `--version`) and of `target` (which refuses
// services of another build), so it uses nothing but std. Tests are left out: changing one changes no service.

/// What goes into a service, relative to the root of the workspace.
const FINGERPRINTED: [&str; 4] = ["Cargo.lock", "Cargo.toml", "platform", "tracks"];

/// Sixteen hex digits over the sorted paths and contents of [`FINGERPRINTED`] below `root` (FNV-1a, 64 bits: it
/// tells builds apart, it does not authenticate them).
///
/// # Errors
/// When a file cannot be read; the error names it.
pub(crate) fn fingerprint(root: &std::path::Path) -> std::io::Result<String> {
    let mut files = Vec::new();
    for entry in FINGERPRINTED {
        collect(&root.join(entry), &mut files)?;
    }
    files.sort();
    let mut hash = Fnv::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        let contents = std::fs::read(&file).map_err(|error| naming(&file, &error))?;
        // Lengths keep a path and its contents from running into each other.
        hash.add(&(name.len() as u64).to_le_bytes());
        hash.add(name.as_bytes());
        hash.add(&(contents.len() as u64).to_le_bytes());
        hash.add(&contents);
    }
    Ok(format!("{:016x}", hash.0))
}

/// Tells cargo to run the build script again when anything fingerprinted changes.
pub(crate) fn rerun_if_fingerprint_changes(root: &std::path::Path) {
    for entry in FINGERPRINTED {
        println!("cargo:rerun-if-changed={}", root.join(entry).display());
    }
    println!("cargo:rerun-if-changed={}", root.join("scripts/fingerprint.rs").display());
}

fn collect(path: &std::path::Path, files: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|error| naming(path, &error))? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "tests" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        collect(&entry.path(), files)?;
    }
    Ok(())
}

fn naming(path: &std::path::Path, error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
