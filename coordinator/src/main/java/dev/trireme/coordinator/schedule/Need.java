package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import java.util.Optional;

/**
 * What each rank of a job takes of its agent: a slot, or as many as its cores and memory come to,
 * and a CUDA slot where it computes on CUDA.
 *
 * @param device {@code AUTO} for one that computes on CUDA where the cluster has enough of it
 * @param cores at least 0; 0 for a slot's share
 * @param memory of the host, in bytes, at least 0; 0 for a slot's share
 * @param deviceMemory of a CUDA device, in bytes, at least 0; 0 for whatever there is
 */
public record Need(DeviceKind device, int cores, long memory, long deviceMemory) {
  /** One slot, on the CPU. */
  public static final Need SLOT = new Need(DeviceKind.CPU, 0, 0, 0);

  /** One slot with a CUDA slot. */
  public static final Need CUDA = new Need(DeviceKind.CUDA, 0, 0, 0);

  /**
   * Of a job.
   *
   * @param before what its ranks have computed on, where they have: its state stays there
   */
  public static Need of(JobSpec job, Optional<DeviceKind> before) {
    ParallelSpec parallel = job.parallel();
    boolean onHost =
        parallel.servers() > 0
            || job.train().elastic()
            || !(parallel.compression() instanceof CompressionSpec.None);
    DeviceKind asked = parallel.device();
    if (asked == DeviceKind.AUTO) {
      asked = before.orElse(onHost ? DeviceKind.CPU : DeviceKind.AUTO);
    }
    return new Need(
        asked,
        parallel.cores().orElse(0),
        parallel.memory().orElse(0L),
        parallel.deviceMemory().orElse(0L));
  }

  /** The same on another device. */
  Need on(DeviceKind another) {
    return another == device ? this : new Need(another, cores, memory, deviceMemory);
  }

  boolean cuda() {
    return device == DeviceKind.CUDA;
  }

  /** Whether each rank takes one slot of whatever agent. */
  boolean isPlain() {
    return cores == 0 && memory == 0 && deviceMemory == 0;
  }

  /** For people: {@code 4 cuda slots with 2 cores and 8g each}. */
  String words(int ranks) {
    String slots = ranks + (cuda() ? " cuda slot" : " slot") + (ranks == 1 ? "" : "s");
    StringBuilder more = new StringBuilder();
    add(more, cores > 0, cores + (cores == 1 ? " core" : " cores"));
    add(more, memory > 0, size(memory) + " of memory");
    add(more, deviceMemory > 0, size(deviceMemory) + " of device memory");
    return more.isEmpty() ? slots : slots + " with " + more + (ranks == 1 ? "" : " each");
  }

  private static void add(StringBuilder text, boolean wanted, String words) {
    if (wanted) {
      text.append(text.isEmpty() ? "" : ", ").append(words);
    }
  }

  private static String size(long bytes) {
    long[] units = {1L << 30, 1L << 20, 1L << 10};
    String[] names = {"g", "m", "k"};
    for (int i = 0; i < units.length; i++) {
      if (bytes >= units[i] && bytes % units[i] == 0) {
        return bytes / units[i] + names[i];
      }
    }
    return bytes + " bytes";
  }
}
