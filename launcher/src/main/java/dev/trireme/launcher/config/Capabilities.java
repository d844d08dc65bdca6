package dev.trireme.launcher.config;

import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParallelSpec.BackendKind;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.job.ParallelSpec.SyncKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What this build can run. The job spec names more than that, so that a spec does not change when a
 * build learns something; what is missing is refused before anything starts.
 *
 * @param devices that the engine computes on
 * @param syncs ways in which gradients become one
 */
public record Capabilities(Set<DeviceKind> devices, Set<SyncKind> syncs) {
  public Capabilities {
    devices = Set.copyOf(devices);
    syncs = Set.copyOf(syncs);
  }

  /** What this version can do. */
  public static Capabilities ofThisVersion() {
    return new Capabilities(Set.of(DeviceKind.values()), Set.of(SyncKind.values()));
  }

  /**
   * Something a job asks for in vain.
   *
   * @param key of the job spec
   * @param message what is missing and what to use instead
   */
  public record Refusal(String key, String message) {}

  /** What the job asks for and this build does not have. */
  List<Refusal> refusals(JobSpec job) {
    List<Refusal> refusals = new ArrayList<>();
    DeviceKind device = job.parallel().device();
    if (!devices.contains(device)) {
      refusals.add(refusal("parallel.device", device, devices));
    }
    SyncKind sync = job.parallel().sync();
    if (!syncs.contains(sync)) {
      refusals.add(refusal("parallel.sync", sync, syncs));
    }
    if (job.parallel().backend() == BackendKind.NCCL
        && device == DeviceKind.CPU
        && !Boolean.getBoolean(ParallelSpec.TEST_NCCL_ON_HOST)) {
      refusals.add(
          new Refusal(
              "parallel.backend",
              "nccl joins CUDA devices, found parallel.device: cpu; use aeron or auto"));
    }
    boolean onDevices = device == DeviceKind.CUDA || job.parallel().backend() == BackendKind.NCCL;
    if (onDevices && !(job.parallel().compression() instanceof CompressionSpec.None)) {
      refusals.add(
          new Refusal(
              "parallel.compression",
              "works on the CPU only, found parallel.device: "
                  + SpecType.word(device)
                  + " and parallel.backend: "
                  + SpecType.word(job.parallel().backend())
                  + "; leave it out, or use device: cpu"));
    }
    return refusals;
  }

  private static Refusal refusal(String key, Enum<?> asked, Set<? extends Enum<?>> available) {
    String use =
        available.stream().map(SpecType::word).sorted().collect(Collectors.joining(" or "));
    return new Refusal(key, SpecType.word(asked) + " is not available in this version; use " + use);
  }
}
