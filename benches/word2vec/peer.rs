//! Torch on the same pairs: `benches/peers/word2vec.py` with the interpreter `PEER_PYTHON`.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use outlier_kernels::skipgram::Pair;
use serde_json::{Value, json};

use super::Result;
use super::lines::Learned;

/// Measurements reported by torch.
pub(super) struct Measured {
    /// Pairs learned per second of processor time.
    pub(super) rate: f64,
    /// Mean loss of the held-out pairs after each epoch.
    pub(super) losses: Vec<f64>,
}

/// Python interpreter, with the pairs and parameters in files for it.
pub(super) struct Peer {
    python: OsString,
    folder: tempfile::TempDir,
}

impl Peer {
    /// Writes the files; `None` if `PEER_PYTHON` is not set.
    pub(super) fn new(learned: &Learned, parameters: &[f32]) -> Result<Option<Self>> {
        let Some(python) = std::env::var_os("PEER_PYTHON") else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let shape = json!({"n_words": learned.shape.n_words, "n_dimensions": learned.shape.n_dimensions});
        std::fs::write(folder.path().join("shape.json"), shape.to_string())?;
        let parameters: Vec<u8> = parameters.iter().flat_map(|number| number.to_le_bytes()).collect();
        std::fs::write(folder.path().join("parameters"), parameters)?;
        for (name, pairs) in
            [("learned", &learned.pairs[..]), ("held_out", &learned.held_out), ("distinct", learned.table.pairs())]
        {
            write_pairs(&folder.path().join(name), pairs)?;
        }
        Ok(Some(Peer { python, folder }))
    }

    /// Trains on all pairs.
    pub(super) fn train(&self, batch_size: usize, n_epochs: u64, learning_rate: f64) -> Result<Measured> {
        let numbers = [batch_size.to_string(), n_epochs.to_string(), learning_rate.to_string()];
        let answer = self.run(&["train", &numbers[0], &numbers[1], &numbers[2]])?;
        let losses = answer["losses"].as_array().ok_or("no losses")?;
        Ok(Measured { rate: rate(&answer)?, losses: losses.iter().filter_map(Value::as_f64).collect() })
    }

    /// Scores every distinct pair and returns the pairs per second of processor time.
    pub(super) fn score(&self, batch_size: usize) -> Result<f64> {
        rate(&self.run(&["score", &batch_size.to_string()])?)
    }

    fn run(&self, arguments: &[&str]) -> Result<Value> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/word2vec.py");
        let output = Command::new(&self.python).arg(script).arg(self.folder.path()).args(arguments).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn rate(answer: &Value) -> Result<f64> {
    Ok(answer["pairs_per_cpu_second"].as_f64().ok_or("no rate")?)
}

/// Writes centre and context of each pair as little-endian 32-bit numbers.
fn write_pairs(path: &Path, pairs: &[Pair]) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for pair in pairs {
        file.write_all(&pair.centre.to_le_bytes())?;
        file.write_all(&pair.context.to_le_bytes())?;
    }
    Ok(file.flush()?)
}
