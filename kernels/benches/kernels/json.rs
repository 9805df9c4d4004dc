//! Skipping JSON: events of about 600 bytes, of which no member is wanted.

use std::fmt::Write;
use std::io;

use outlier_kernels::scalar::json::MAX_DEPTH;
use outlier_kernels::{ByteSet, JsonIndex, scalar, simd};

use super::{Bench, Random};

pub(super) fn json(bench: &Bench) -> io::Result<()> {
    let lines = events(1000);
    let n_bytes = lines.iter().map(String::len).sum();
    let compare = |name: &str, kernel: &mut dyn FnMut(&[u8]) -> Option<usize>| {
        bench.measure(&format!("json/{name}"), lines.len(), n_bytes, || {
            lines.iter().map(|line| kernel(std::hint::black_box(line.as_bytes())).expect("JSON") as f64).sum()
        })
    };
    compare("value/scalar", &mut |line| scalar::json::skip_value(line, 0, MAX_DEPTH))?;
    compare("value/portable", &mut |line| simd::json::skip_value_portable(line, 0, MAX_DEPTH))?;
    compare("value/simd", &mut |line| simd::json::skip_value(line, 0, MAX_DEPTH))?;
    let mut index = JsonIndex::default();
    compare("index/portable", &mut |line| index.read_portable(line).map(str::len))?;
    compare("index/simd", &mut |line| index.read(line).map(str::len))?;
    let nothing = ByteSet::default();
    compare("index and members/simd", &mut |line| {
        let text = index.read(line)?.as_bytes();
        let mut strings = index.strings();
        simd::json::skip_members_indexed(&mut strings, text, 1, &nothing, MAX_DEPTH).map(|_| text.len())
    })
}

/// Generates events of processes.
fn events(n: usize) -> Vec<String> {
    let mut random = Random(7);
    let path = |random: &mut Random| {
        let mut path = "C:".to_owned();
        for _ in 0..2 + random.below(5) {
            let n_bits = 8 + random.below(40);
            // writing into a String cannot fail
            let _ = write!(path, "\\\\{:x}", random.below(1 << n_bits));
        }
        path
    };
    let mut event = || {
        let (program, parent) = (path(&mut random), path(&mut random));
        let [host, user, pid, n_arguments] = [500, 900, 100_000, 12].map(|limit| random.below(limit));
        format!(
            r#"{{"@timestamp":"2024-05-01T00:00:08.880Z","event":{{"category":"process","type":["start"],"code":1}},"tags":["endpoint"],"host":{{"name":"HOST-{host:04}","os":{{"family":"windows","version":"10.0.19045"}},"ip":["10.1.0.{n_arguments}","fe80::21:{host:x}"]}},"user":{{"name":"user.{user}","domain":"CORP"}},"process":{{"executable":"{program}.exe","command_line":"\"{program}.exe\" -m http.server {pid}","args_count":{n_arguments},"parent":{{"executable":"{parent}.exe","entity":{{"depth":0}}}},"pid":{pid}}}}}"#
        )
    };
    (0..n).map(|_| event()).collect()
}
