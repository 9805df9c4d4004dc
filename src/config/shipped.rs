//! The use cases that ship with the program, and run when none are named.

macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        /// Name and text of each file.
        pub(super) const USE_CASES: &[(&str, &str)] =
            &[$((concat!("use_cases/", $path), include_str!(concat!("../../use_cases/", $path)))),*];
    };
}

shipped![
    "windows/modules.conf",
    "windows/network.conf",
    "windows/persistence.conf",
    "windows/process.conf",
    "windows/user_folder.conf",
    "zeek/beacon.conf",
    "zeek/network.conf",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::matching_paths;

    #[test]
    fn every_file_of_the_folder_ships() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let pattern = root.join("use_cases/**/*.conf");
        let mut files: Vec<String> = matching_paths(pattern.to_str().unwrap())
            .unwrap()
            .paths
            .iter()
            .map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let shipped: Vec<&str> = USE_CASES.iter().map(|(path, _)| *path).collect();
        assert_eq!(shipped, files);
    }
}
