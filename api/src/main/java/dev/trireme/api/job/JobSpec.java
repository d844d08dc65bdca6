package dev.trireme.api.job;

import java.util.Locale;
import java.util.Optional;

/**
 * What the user asked for: one YAML file, resolved and validated.
 *
 * @param name of the job, shown everywhere
 * @param model what is trained
 * @param program the user's own training loop; the built-in trainer without it
 * @param data what it is trained on
 * @param train how it is trained
 * @param parallel on how many ranks and how they synchronise
 * @param checkpoint when state is saved, and where a run starts from
 * @param failurePolicy what becomes of the job when ranks die
 * @param queue how it waits for its slots in a cluster
 */
public record JobSpec(
    @Key("Name of the job: letters, digits, '.', '_' and '-', at most 64.") String name,
    @Key("What is trained.") ModelSpec model,
    @Key("A training loop of your own; the built-in trainer is used without it.")
        Optional<ProgramSpec> program,
    @Key("What it is trained on.") DataSpec data,
    @Key("How it is trained.") TrainSpec train,
    @Key(value = "On how many ranks, and how they synchronise.", defaultValue = "{}")
        ParallelSpec parallel,
    @Key(value = "When state is saved, and where a run starts from.", defaultValue = "{}")
        CheckpointSpec checkpoint,
    @Key(value = "What becomes of the job when ranks die.", defaultValue = "{}")
        FailurePolicySpec failurePolicy,
    @Key(value = "How it waits for its slots in a cluster.", defaultValue = "{}") QueueSpec queue) {
  /** With {@link QueueSpec#DEFAULT}. */
  public JobSpec(
      String name,
      ModelSpec model,
      Optional<ProgramSpec> program,
      DataSpec data,
      TrainSpec train,
      ParallelSpec parallel,
      CheckpointSpec checkpoint,
      FailurePolicySpec failurePolicy) {
    this(name, model, program, data, train, parallel, checkpoint, failurePolicy, QueueSpec.DEFAULT);
  }

  /** With {@link FailurePolicySpec#DEFAULT} and {@link QueueSpec#DEFAULT}. */
  public JobSpec(
      String name,
      ModelSpec model,
      Optional<ProgramSpec> program,
      DataSpec data,
      TrainSpec train,
      ParallelSpec parallel,
      CheckpointSpec checkpoint) {
    this(name, model, program, data, train, parallel, checkpoint, FailurePolicySpec.DEFAULT);
  }

  public JobSpec {
    Optional<String> fault = nameFault(name);
    if (fault.isPresent()) {
      throw new SpecException("name", fault.get());
    }
    if (parallel.workers().max() > data.batchSize()) {
      throw new SpecException(
          "parallel.workers",
          "there are more workers ("
              + parallel.workers().max()
              + ") than items in a global batch ("
              + data.batchSize()
              + "); lower it or raise data.batchSize");
    }
    if (train.precision() == TrainSpec.Precision.FP16
        && parallel.device() != ParallelSpec.DeviceKind.CUDA) {
      throw new SpecException(
          "train.precision",
          "fp16 is for GPUs only, found parallel.device: "
              + parallel.device().name().toLowerCase(Locale.ROOT)
              + "; set parallel.device: cuda, or use bf16, which the CPU has too");
    }
    if (train.elastic() && parallel.device() == ParallelSpec.DeviceKind.CUDA) {
      throw new SpecException(
          "train.deterministic",
          "elastic gives the same bits on the CPU only, found parallel.device: cuda; leave one of"
              + " the two out");
    }
    if (train.elastic() && !(parallel.compression() instanceof CompressionSpec.None)) {
      throw new SpecException(
          "parallel.compression",
          "what it loses depends on the number of ranks, which train.deterministic: elastic must not"
              + " show; leave one of the two out");
    }
    if (train.elastic() && !parallel.algorithms().isEmpty()) {
      throw new SpecException(
          "parallel.algorithms",
          "train.deterministic: elastic has an order of sums of its own, that of a balanced tree;"
              + " leave one of the two out");
    }
    if (parallel.servers() > 0) {
      requireServable(train);
    }
    if (train.elastic() && parallel.workers().max() > train.logicalShards()) {
      throw new SpecException(
          "train.logicalShards",
          "expected at least as many as workers ("
              + parallel.workers().max()
              + "), found "
              + train.logicalShards()
              + "; set it to "
              + 2 * Integer.highestOneBit(parallel.workers().max() - 1));
    }
  }

  /** What is wrong with a name for a job; empty when nothing is. */
  public static Optional<String> nameFault(String name) {
    return name.matches("[A-Za-z0-9._][A-Za-z0-9._-]{0,63}") && !name.matches("\\.+")
        ? Optional.empty()
        : Optional.of(
            "expected 1 to 64 letters, digits, '.', '_' or '-', the first no '-', found '"
                + name
                + "'");
  }

  private static void requireServable(TrainSpec train) {
    if (train.precision() != TrainSpec.Precision.FLOAT32) {
      throw new SpecException(
          "train.precision",
          "a parameter server holds float32 in this version; leave it out, or set parallel.sync to"
              + " allreduce");
    }
    if (train.elastic()) {
      throw new SpecException(
          "train.deterministic",
          "elastic has an order of sums that a parameter server does not keep; leave it out, or set"
              + " parallel.sync to allreduce");
    }
    if (train.clipGradNorm().isPresent()) {
      throw new SpecException(
          "train.clipGradNorm",
          "it needs the norm of all gradients together, which no parameter server has; leave it"
              + " out, or set parallel.sync to allreduce");
    }
  }

  /** The same on another device. */
  public JobSpec on(ParallelSpec.DeviceKind device) {
    return with(parallel.on(device));
  }

  /** The same with another number of servers, see {@link ParallelSpec#withServers}. */
  public JobSpec withServers(int servers) {
    return with(parallel.withServers(servers));
  }

  /** The same with buckets of these sizes where they were to be measured. */
  public JobSpec withBuckets(long first, long others) {
    return with(parallel.withBuckets(first, others));
  }

  private JobSpec with(ParallelSpec other) {
    return new JobSpec(name, model, program, data, train, other, checkpoint, failurePolicy, queue);
  }
}
