package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.ParallelSpec;
import java.util.Map;

/** What NCCL's ranks compute on in this installation. */
public enum NcclDevices {
  /** Each on a CUDA device of its own, as NCCL has it unless told otherwise. */
  ONE_EACH,

  /**
   * Several may share a CUDA device where a job asks for NCCL by name: NCCL 2.30 and newer lets
   * them where {@value #SHARING} is 1. They take turns on it, so that it is slow, and for trials on
   * a machine with fewer devices than ranks.
   */
  SHARED,

  /** On memory of the host, where a library for tests stands in for NCCL. */
  HOST;

  /** NCCL's own variable of the environment, which ranks inherit from their agent. */
  public static final String SHARING = "NCCL_MULTI_RANK_GPU_ENABLE";

  /** By this process's environment and system properties. */
  public static NcclDevices ofProcess() {
    return of(System.getenv(), Boolean.getBoolean(ParallelSpec.TEST_NCCL_ON_HOST));
  }

  static NcclDevices of(Map<String, String> environment, boolean onHost) {
    if (onHost) {
      return HOST;
    }
    return "1".equals(environment.get(SHARING)) ? SHARED : ONE_EACH;
  }
}
