package dev.trireme.launcher.rank;

import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.cuda.CudaUnavailableException;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.protocol.AgentToRank.Join;

/** The device of a rank's process: the only one that its agent shows it, or the CPU. */
final class RankDevice {
  private RankDevice() {}

  /** The job with the device that the coordinator has decided on. */
  static JobSpec decided(Join join) {
    return join.job().on(join.backing().device());
  }

  /**
   * The memory that this rank's tensors stand in.
   *
   * @param job with a device that is decided
   */
  static DeviceMemory memory(JobSpec job) {
    if (job.parallel().device() != DeviceKind.CUDA) {
      return DeviceMemory.HOST;
    }
    try {
      return new CudaMemory(new Device(Device.Kind.CUDA, 0));
    } catch (CudaUnavailableException e) {
      throw new EngineException("parallel.device: cuda: " + e.getMessage(), e);
    }
  }
}
