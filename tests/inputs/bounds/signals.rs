//! The first signal ends every phase.

use super::*;

/// Interrupts the program after `delay`; it must end by itself soon afterwards.
fn interrupted(mut child: Running, signal: &str, delay: Duration) -> Finished {
    std::thread::sleep(delay);
    assert!(child.try_wait().expect("it can be asked").is_none(), "it ended before the signal");
    program::signal(&child, signal);
    let sent = Instant::now();
    while child.try_wait().expect("it can be asked").is_none() {
        if sent.elapsed() > PATIENCE {
            program::signal(&child, "KILL");
            panic!("the signal did not end it");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    program::finish(child).expect_code(75)
}

const DELAY: Duration = Duration::from_millis(1500);

#[test]
fn an_endless_line_ends_with_the_first_signal() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let conf = case("endless-line").join("simple.conf").display().to_string();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // a file without a single line end
    File::create(path("holes.ndjson")).and_then(|file| file.set_len(1 << 42)).expect("a file with holes");
    File::create(path("holes.json"))
        .and_then(|mut file| file.write_all(b"[").and_then(|()| file.set_len(1 << 42)))
        .expect("a file with holes");
    for (events, signal) in [(path("holes.ndjson"), "INT"), (path("holes.json"), "TERM")] {
        let child = program::start(folder.path(), &["run", "--use-cases", &conf, "--events", &events]);
        interrupted(child, signal, DELAY);
    }
    // what does not begin like events is not read further
    let line = ["run", "--use-cases", &conf, "--events", "/dev/zero"];
    let stderr = program::run(folder.path(), &line).expect_code(4).stderr;
    assert!(stderr.contains("no events were recognised in it"), "{stderr}");
}

#[test]
fn an_endless_line_on_standard_input_ends_with_the_first_signal() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let conf = case("endless-line").join("simple.conf").display().to_string();
    let mut child = program::start(folder.path(), &["run", "--use-cases", &conf, "--events", "-"]);
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(b"{\"a\":\"").expect("it is read");
    let writer = std::thread::spawn(move || while stdin.write_all(&[b'x'; 1 << 16]).is_ok() {});
    interrupted(child, "TERM", DELAY);
    writer.join().expect("the pipe is closed");
}

#[test]
fn an_endless_line_in_a_compressed_file_ends_with_the_first_signal() {
    let folder = folder(&[("use_case.conf", ALL)]);
    let file = File::create(folder.path().join("bomb.ndjson.zst")).expect("a file");
    // 64 GiB in a few megabytes: the same frame again and again
    let frame = zstd::encode_all(io::repeat(b'x').take(256 << 20), 1).expect("zstd");
    let mut file = io::BufWriter::new(file);
    (0..256).try_for_each(|_| file.write_all(&frame)).and_then(|()| file.flush()).expect("written");
    let args = ["run", "--use-cases", "use_case.conf", "--events", "bomb.ndjson.zst"];
    interrupted(program::start(folder.path(), &args), "INT", DELAY);
}

#[test]
fn describing_and_writing_end_with_the_first_signal() {
    let events: String = (0..400_000).map(|n| format!("{{\"u\":\"{n}\",\"a\":{}}}\n", n % 7)).collect();
    let folder = folder(&[("use_case.conf", ALL), ("events.ndjson", &events)]);
    let args = ["run", "--use-cases", "use_case.conf", "--events", "events.ndjson", "-o", "out.ndjson", "-v"];
    // reading takes the first moment, describing and writing several seconds
    for delay in [700, 2000, 4000] {
        interrupted(program::start(folder.path(), &args), "TERM", Duration::from_millis(delay));
        assert!(!folder.path().join("out.ndjson").exists());
    }
}

#[test]
fn an_output_that_nobody_reads_ends_with_the_first_signal() {
    let folder = folder(&[("use_case.conf", ALL), ("events.ndjson", "{\"u\":1}\n")]);
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let args = ["run", "--use-cases", "use_case.conf", "--events", "events.ndjson", "-o", "pipe"];
    interrupted(program::start(folder.path(), &args), "TERM", DELAY);
}
