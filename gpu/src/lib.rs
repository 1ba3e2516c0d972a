//! Devices of the host: which there are, and how busy.

#![forbid(unsafe_code)]

use serde::Serialize;

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gpu {
    /// Index, as the driver counts.
    pub index: u32,
    /// Model.
    pub name: String,
    /// Identity that survives a restart of the host.
    pub uuid: String,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// Memory in use, bytes.
    pub memory_used_bytes: u64,
    /// Percent of the last interval in which it worked; absent when the driver does not say.
    pub utilization: Option<u32>,
}

/// Why there are no GPUs to see.
#[derive(Debug, thiserror::Error)]
#[error("no NVIDIA driver to ask: {0}")]
pub struct NoDriver(#[from] nvml_wrapper::error::NvmlError);

/// Every GPU of the host. Blocks: loads the driver's library and asks it.
///
/// # Errors
/// [`NoDriver`] when the library is absent or the driver does not answer.
pub fn discover() -> Result<Vec<Gpu>, NoDriver> {
    let nvml = nvml_wrapper::Nvml::init()?;
    (0..nvml.device_count()?).map(|index| read(&nvml.device_by_index(index)?).map_err(NoDriver::from)).collect()
}

fn read(device: &nvml_wrapper::Device<'_>) -> Result<Gpu, nvml_wrapper::error::NvmlError> {
    let memory = device.memory_info()?;
    Ok(Gpu {
        index: device.index()?,
        name: device.name()?,
        uuid: device.uuid()?,
        memory_bytes: memory.total,
        memory_used_bytes: memory.used,
        utilization: device.utilization_rates().ok().map(|rates| rates.gpu),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_driver_says_why_and_one_with_lists_devices() {
        match discover() {
            Ok(gpus) => assert!(gpus.iter().all(|gpu| gpu.memory_bytes > 0 && !gpu.uuid.is_empty())),
            Err(error) => assert!(error.to_string().starts_with("no NVIDIA driver to ask: ")),
        }
    }
}
