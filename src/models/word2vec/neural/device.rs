//! Devices that models are trained on.

use candle_core::Device;
use tracing::info;

use super::super::ModelError;
use crate::cli::DeviceChoice;

/// Device that is ready to train models.
#[derive(Debug, Clone)]
pub struct TrainingDevice(Device);

impl TrainingDevice {
    /// The processor.
    pub const CPU: Self = TrainingDevice(Device::Cpu);

    /// Opens the requested device. `auto` takes a GPU if there is one and logs its choice.
    ///
    /// # Errors
    /// If a GPU was requested and cannot be used.
    pub fn open(choice: DeviceChoice) -> Result<Self, ModelError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::CPU),
            DeviceChoice::Cuda(ordinal) => match Device::new_cuda(ordinal) {
                Ok(device) => Ok(TrainingDevice(device)),
                Err(error) => Err(ModelError::Device { ordinal, reason: reason(&error) }),
            },
            DeviceChoice::Auto => Ok(Self::best()),
        }
    }

    /// Name of the device, as `--device` takes it.
    pub fn name(&self) -> String {
        match self.0.location() {
            candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
            _ => "cpu".to_owned(),
        }
    }

    pub(super) fn candle(&self) -> &Device {
        &self.0
    }

    fn best() -> Self {
        match Device::new_cuda(0) {
            Ok(device) => {
                info!(device = "cuda:0", "word2vec: a GPU was found");
                TrainingDevice(device)
            }
            Err(error) => {
                info!(device = "cpu", "word2vec: {}", reason(&error));
                Self::CPU
            }
        }
    }
}

/// Explains in one line why a GPU cannot be used and what to do about it.
fn reason(error: &candle_core::Error) -> String {
    if candle_core::utils::cuda_is_available() {
        let text = error.to_string();
        let first_line = text.lines().next().unwrap_or_default();
        return format!("no usable GPU: {first_line}: check the driver with nvidia-smi");
    }
    "this build has no GPU support: build with --features cuda".to_owned()
}
