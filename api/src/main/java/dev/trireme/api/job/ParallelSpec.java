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
 * @param bucketSize bytes of gradients fused for one all-reduce; {@link #AUTO} until the ranks have
 *     measured
 * @param firstBucketSize bytes of the first bucket, small so that the exchange starts early; {@link
 *     #AUTO} as above
 * @param timeoutSeconds the deadline of every collective
 * @param compression what gradients lose on their way to be fewer bytes
 * @param algorithms how all-reduces between ranks of one host are done, by ranks and bytes, and so
 *     the order of sums; this version's choice where no row holds
 * @param backend what carries gradients between ranks
 * @param parameterServer with {@code sync: parameter-server} and only then
 * @param cores that each rank gets of its host, and computing threads where {@code threads} is
 *     absent; a slot's share when absent
 * @param memory bytes that each rank gets of its host; a slot's share when absent
 * @param deviceMemory bytes that the CUDA device of each rank must have, used or not
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
            value =
                "Bytes of gradients fused for one all-reduce; auto has the ranks measure before the"
                    + " first step.",
            defaultValue = "25m",
            min = 1024,
            max = 1L << 30,
            size = true,
            auto = true)
        long bucketSize,
    @Key(
            value = "Bytes of the first bucket; auto as for bucketSize.",
            defaultValue = "1m",
            min = 1024,
            max = 1L << 30,
            size = true,
            auto = true)
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
        BackendKind backend,
    @Key("The servers of sync: parameter-server.") Optional<ParameterServerSpec> parameterServer,
    @Key(
            value =
                "Cores that each rank gets of its host, as the scheduler counts; by default a"
                    + " slot's share.",
            min = 1,
            max = 1024)
        Optional<Integer> cores,
    @Key(
            value =
                "Bytes of memory that each rank gets of its host, as the scheduler counts; by"
                    + " default a slot's share.",
            min = 1 << 20,
            max = 1L << 50,
            size = true)
        Optional<Long> memory,
    @Key(
            value = "Bytes of memory that the CUDA device of each rank must have.",
            min = 1 << 20,
            max = 1L << 50,
            size = true)
        Optional<Long> deviceMemory) {
  /**
   * For tests alone: where this system property is {@code true}, NCCL may be asked for without CUDA
   * devices, because a library that works on host memory stands in for it.
   */
  public static final String TEST_NCCL_ON_HOST = "trireme.test.ncclOnHost";

  /** The size of a bucket that the ranks are to measure, see {@link #tunesBuckets}. */
  public static final long AUTO = 0;

  public ParallelSpec {
    algorithms = List.copyOf(algorithms);
    AlgorithmRow.requireTable(algorithms);
    if (deviceMemory.isPresent() && device == DeviceKind.CPU) {
      throw new SpecException(
          "deviceMemory",
          "ranks on the CPU have no device's memory; set parallel.device to cuda or auto, or leave"
              + " this key out (memory is that of the host)");
    }
    if (sync == SyncKind.PARAMETER_SERVER) {
      parameterServer = parameterServer.or(() -> Optional.of(ParameterServerSpec.DEFAULT));
      requireServable(workers, device, backend, compression, parameterServer.get());
      if (bucketSize == AUTO || firstBucketSize == AUTO) {
        throw new SpecException(
            bucketSize == AUTO ? "bucketSize" : "firstBucketSize",
            "gradients go to a parameter server in shards, so that there are no buckets to tune;"
                + " leave the key out, or set parallel.sync to allreduce");
      }
    } else if (parameterServer.isPresent()) {
      throw new SpecException(
          "parameterServer",
          "there are servers, but nobody asks them; set parallel.sync to parameter-server, or leave"
              + " this key out");
    }
  }

  private static void requireServable(
      WorkerCount workers,
      DeviceKind device,
      BackendKind backend,
      CompressionSpec compression,
      ParameterServerSpec server) {
    if (workers.min() != workers.max()) {
      throw new SpecException(
          "workers",
          "expected one number of workers with sync: parameter-server, found "
              + workers
              + "; servers keep a clock of each worker");
    }
    if (workers.max() + server.servers() > MAX_SERVED) {
      throw new SpecException(
          "parameterServer.servers",
          "expected at most "
              + MAX_SERVED
              + " workers and servers together, found "
              + workers.max()
              + " and "
              + server.servers());
    }
    if (server.consistency() instanceof ConsistencySpec.Bsp bsp && bsp.drop() >= workers.max()) {
      throw new SpecException(
          "parameterServer.consistency",
          "expected drop below the number of workers ("
              + workers.max()
              + "), found "
              + bsp.drop()
              + "; a step needs a gradient");
    }
    if (device == DeviceKind.CUDA || backend == BackendKind.NCCL) {
      throw new SpecException(
          device == DeviceKind.CUDA ? "device" : "backend",
          "a parameter server works on the CPU in this version; leave the key out, or set"
              + " parallel.sync to allreduce");
    }
    if (compression instanceof CompressionSpec.PowerSgd
        || compression instanceof CompressionSpec.TopK) {
      throw new SpecException(
          "compression",
          "gradients on their way to a parameter server travel as float32, float16 or bfloat16; take"
              + " one of these, or set parallel.sync to allreduce");
    }
  }

  /** Ranks of a formation: the workers, and the servers where there are any. */
  public WorkerCount ranks() {
    int servers = servers();
    return new WorkerCount(workers.min() + servers, workers.max() + servers);
  }

  /** Servers; 0 without a parameter server. */
  public int servers() {
    return parameterServer.map(ParameterServerSpec::servers).orElse(0);
  }

  /** With a slot's share of the host for each rank. */
  public ParallelSpec(
      WorkerCount workers,
      DeviceKind device,
      SyncKind sync,
      Optional<Integer> threads,
      long bucketSize,
      long firstBucketSize,
      double timeoutSeconds,
      CompressionSpec compression,
      List<AlgorithmRow> algorithms,
      BackendKind backend,
      Optional<ParameterServerSpec> parameterServer) {
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
        backend,
        parameterServer,
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  /** Without servers of its own. */
  public ParallelSpec(
      WorkerCount workers,
      DeviceKind device,
      SyncKind sync,
      Optional<Integer> threads,
      long bucketSize,
      long firstBucketSize,
      double timeoutSeconds,
      CompressionSpec compression,
      List<AlgorithmRow> algorithms,
      BackendKind backend) {
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
        backend,
        Optional.empty());
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
        BackendKind.AUTO,
        Optional.empty());
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

  /** Workers and servers of a job with a parameter server, at most. */
  private static final int MAX_SERVED = 45;

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

  /**
   * Whether a size of buckets is still to be measured by the ranks. What they find takes the place
   * of {@link #AUTO} in the job for good, for it decides the order of sums and so the bits.
   */
  public boolean tunesBuckets() {
    return bucketSize == AUTO || firstBucketSize == AUTO;
  }

  /**
   * The same with these sizes where they are {@link #AUTO}.
   *
   * @param first bytes of the first bucket, at least 1
   * @param others bytes of the others, at least 1
   */
  public ParallelSpec withBuckets(long first, long others) {
    return new ParallelSpec(
        workers,
        device,
        sync,
        threads,
        bucketSize == AUTO ? others : bucketSize,
        firstBucketSize == AUTO ? first : firstBucketSize,
        timeoutSeconds,
        compression,
        algorithms,
        backend,
        parameterServer,
        cores,
        memory,
        deviceMemory);
  }

  /**
   * The same with another number of servers.
   *
   * @throws SpecException where there is no parameter server, or it cannot have so many
   */
  public ParallelSpec withServers(int servers) {
    ParameterServerSpec of =
        parameterServer.orElseThrow(
            () ->
                new SpecException(
                    "parameterServer",
                    "there is no parameter server, so that it cannot have another number of"
                        + " servers; set parallel.sync to parameter-server"));
    if (servers < 1) {
      throw new SpecException("parameterServer.servers", "expected 1 or more, found " + servers);
    }
    return new ParallelSpec(
        workers,
        device,
        sync,
        threads,
        bucketSize,
        firstBucketSize,
        timeoutSeconds,
        compression,
        algorithms,
        backend,
        Optional.of(new ParameterServerSpec(servers, of.backups(), of.consistency(), of.sparse())),
        cores,
        memory,
        deviceMemory);
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
        backend,
        parameterServer,
        cores,
        memory,
        another == DeviceKind.CPU ? Optional.empty() : deviceMemory);
  }

  /** How gradients become one. */
  public enum SyncKind {
    ALLREDUCE,
    PARAMETER_SERVER
  }
}
