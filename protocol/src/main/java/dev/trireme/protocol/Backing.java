package dev.trireme.protocol;

import dev.trireme.api.job.ParallelSpec.BackendKind;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import java.util.Locale;

/**
 * What the ranks of a formation compute on and what carries their gradients, decided once for all
 * of them.
 *
 * @param device {@code CPU} or {@code CUDA}, the same on every rank
 * @param backend {@code AERON} or {@code NCCL}
 * @param reason why, for people
 */
public record Backing(DeviceKind device, BackendKind backend, String reason) {
  /** The CPU and Aeron, which every host has. */
  public static final Backing HOST =
      new Backing(DeviceKind.CPU, BackendKind.AERON, "the CPU, over Aeron");

  public Backing {
    if (device == DeviceKind.AUTO || backend == BackendKind.AUTO) {
      throw new IllegalArgumentException(
          "expected a device and a backend that are decided, found " + device + ", " + backend);
    }
  }

  /** Whether ranks have to learn something of each other before they can meet. */
  public boolean needsContacts() {
    return backend == BackendKind.NCCL;
  }

  /** As {@code cuda over nccl}. */
  public String words() {
    return (device + " over " + backend).toLowerCase(Locale.ROOT);
  }
}
