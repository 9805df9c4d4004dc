//! The use cases that ship with the program, and run when none are named.

macro_rules! shipped {
    ($(#[$meta:meta])* $name:ident, $folder:literal: $($path:literal),* $(,)?) => {
        $(#[$meta])*
        pub(super) const $name: &[(&str, &str)] =
            &[$((concat!($folder, "/", $path), include_str!(concat!("../../", $folder, "/", $path)))),*];
    };
}

shipped![
    /// Name and text of each file that runs by default.
    USE_CASES, "use_cases":
    "cloud/cloudtrail.conf",
    "cloud/entra.conf",
    "cloud/geography.conf",
    "cloud/travel.conf",
    "linux/logons.conf",
    "linux/processes.conf",
    "network/beacons.conf",
    "network/connections.conf",
    "network/dns.conf",
    "network/programs.conf",
    "network/web_traffic.conf",
    "network/zeek_windows.conf",
    "web/access.conf",
    "windows/accounts.conf",
    "windows/commands.conf",
    "windows/credentials.conf",
    "windows/directory.conf",
    "windows/evasion.conf",
    "windows/files.conf",
    "windows/kerberos.conf",
    "windows/logon.conf",
    "windows/logon_statistics.conf",
    "windows/memory.conf",
    "windows/network.conf",
    "windows/parents.conf",
    "windows/persistence.conf",
    "windows/powershell.conf",
    "windows/prevalence.conf",
    "windows/processes.conf",
    "windows/services_tasks.conf",
    "windows/shares_pipes.conf",
    "windows/system_traces.conf",
];

shipped![
    /// Name and text of each file for hunting, which finds more, and more that is harmless.
    HUNTING, "hunting":
    "accounts.conf",
    "credentials.conf",
    "directory.conf",
    "first_seen.conf",
    "kerberos.conf",
    "logon.conf",
    "network.conf",
    "persistence.conf",
    "processes.conf",
    "services_tasks.conf",
    "shares_pipes.conf",
    "system_traces.conf",
    "words.conf",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::matching_paths;

    #[test]
    fn every_file_of_the_folder_ships() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for (folder, use_cases) in [("use_cases", USE_CASES), ("hunting", HUNTING)] {
            let pattern = root.join(format!("{folder}/**/*.conf"));
            let mut files: Vec<String> = matching_paths(pattern.to_str().unwrap())
                .unwrap()
                .paths
                .iter()
                .map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
                .collect();
            files.sort();
            let mut shipped: Vec<&str> = use_cases.iter().map(|(path, _)| *path).collect();
            shipped.sort_unstable();
            assert_eq!(shipped, files);
        }
    }
}
