package dev.trireme.api.job;

import java.util.List;
import java.util.Optional;

/**
 * On how many ranks a job runs and how they synchronise.
 *
 * @param workers number of ranks
 * @param device what each rank computes on
 * @param sync how gradients become one
 * @param threads computing threads of a rank; cores divided by ranks of the host when absent
 * @param bucketSize bytes of gradients fused for one all-reduce
 * @param firstBucketSize bytes of the first bucket, small so that the exchange starts early
 * @param timeoutSeconds the deadline of every collective
 * @param compression what gradients lose on their way to be fewer bytes
 * @param algorithms how all-reduces between ranks of one host are done, by ranks and bytes, and so
 *     the order of sums; this version's choice where no row holds
 * @param backend what carries gradients between ranks
 */
public record ParallelSpec(
    @Key(value = "Number of ranks, or \"min:max\".", defaultValue = "1") WorkerCount workers,
    @Key(value = "What each rank computes on.", defaultValue = "auto") DeviceKind device,
    @Key(value = "How gradients become one.", defaultValue = "allreduce") SyncKind sync,
    @Key(
            value = "Computing threads of a rank; by default cores / ranks of the host.",
            min = 1,
            max = 1024)
        Optional<Integer> threads,
    @Key(
            value = "Bytes of gradients fused for one all-reduce.",
            defaultValue = "25m",
            min = 1024,
            max = 1L << 30,
            size = true)
        long bucketSize,
    @Key(
            value = "Bytes of the first bucket.",
            defaultValue = "1m",
            min = 1024,
            max = 1L << 30,
            size = true)
        long firstBucketSize,
    @Key(
            value = "Seconds after which a collective is given up.",
            defaultValue = "60",
            min = 0.1,
            max = 86400)
        double timeoutSeconds,
    @Key(
            value = "What gradients lose on their way between ranks, to be fewer bytes.",
            defaultValue = "none")
        CompressionSpec compression,
    @Key(
            value =
                "How all-reduces are done, by ranks and bytes: rows, or a file of them that bench"
                    + " allreduce --tune wrote.",
            file = true)
        List<AlgorithmRow> algorithms,
    @Key(
            value =
                "What carries gradients between ranks: nccl needs a CUDA device for each rank; auto"
                    + " takes it where there is one, and aeron elsewhere.",
            defaultValue = "auto")
        BackendKind backend) {
  /**
   * For tests alone: where this system property is {@code true}, NCCL may be asked for without CUDA
   * devices, because a library that works on host memory stands in for it.
   */
  public static final String TEST_NCCL_ON_HOST = "trireme.test.ncclOnHost";

  public ParallelSpec {
    algorithms = List.copyOf(algorithms);
    AlgorithmRow.requireTable(algorithms);
  }

  /** With this version's choice of a backend. */
  public ParallelSpec(
      WorkerCount workers,
      DeviceKind device,
      SyncKind sync,
      Optional<Integer> threads,
      long bucketSize,
      long firstBucketSize,
      double timeoutSeconds,
      CompressionSpec compression,
      List<AlgorithmRow> algorithms) {
    this(
        workers,
        device,
        sync,
        threads,
        bucketSize,
        firstBucketSize,
        timeoutSeconds,
        compression,
        algorithms,
        BackendKind.AUTO);
  }

  /** Without compression, and with this version's choice of algorithms. */
  public ParallelSpec(
      WorkerCount workers,
      DeviceKind device,
      SyncKind sync,
      Optional<Integer> threads,
      long bucketSize,
      long firstBucketSize,
      double timeoutSeconds) {
    this(
        workers,
        device,
        sync,
        threads,
        bucketSize,
        firstBucketSize,
        timeoutSeconds,
        new CompressionSpec.None(),
        List.of());
  }

  /** What a rank computes on. */
  public enum DeviceKind {
    AUTO,
    CPU,
    CUDA
  }

  /** What carries gradients between ranks. */
  public enum BackendKind {
    /** NCCL where every rank has a CUDA device of its own, else Aeron. */
    AUTO,
    /** Aeron and shared memory, on the host. */
    AERON,
    /** NVIDIA's library, between CUDA devices. */
    NCCL
  }

  /** The same on another device. */
  public ParallelSpec on(DeviceKind another) {
    return new ParallelSpec(
        workers,
        another,
        sync,
        threads,
        bucketSize,
        firstBucketSize,
        timeoutSeconds,
        compression,
        algorithms,
        backend);
  }

  /** How gradients become one. */
  public enum SyncKind {
    ALLREDUCE,
    PARAMETER_SERVER
  }
}
