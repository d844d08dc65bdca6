package dev.trireme.launcher.rank;

import dev.trireme.allreduce.exchange.BucketTuning;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.checkpoint.CheckpointPlace;
import dev.trireme.checkpoint.CheckpointReader;
import dev.trireme.checkpoint.Lineage;
import dev.trireme.checkpoint.Selection;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.protocol.RankReport;
import java.io.IOException;
import java.nio.LongBuffer;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A job without sizes of buckets that are still to be measured: they decide the order of sums and
 * so the bits, so they are fixed before the first step and stay. The coordinator hears of them and
 * keeps them in the job, so that later formations and replacements have them; checkpoints hold the
 * same text.
 *
 * <p>Sizes that a checkpoint was trained with, from which the job starts, are taken over. A single
 * rank sums nothing: it measures nothing, and leaves that to the formation that has a second one.
 *
 * @param job with sizes
 * @param resolvedSpec the job as YAML, for checkpoints; still without them on a single rank
 * @param news what the coordinator is to hear; empty where nothing was fixed here
 */
record TunedJob(JobSpec job, String resolvedSpec, Optional<RankReport.BucketsTuned> news) {
  private static final Logger LOG = LoggerFactory.getLogger(TunedJob.class);

  /** What a job has that leaves both keys out. */
  private static final BucketTuning.Sizes UNTUNED = new BucketTuning.Sizes(1 << 20, 25 << 20);

  /**
   * Fixes what is to be fixed: a collective call.
   *
   * @param job with the device that was decided on
   * @param asked the job as it was handed in, which that device must not get into
   * @param resolvedSpec the same as YAML
   * @param starts whether the state is to come from {@code checkpoint.resumeFrom}
   */
  static TunedJob of(
      JobSpec job,
      JobSpec asked,
      String resolvedSpec,
      ProcessGroup group,
      List<Parameter> parameters,
      boolean starts) {
    if (!job.parallel().tunesBuckets()) {
      return new TunedJob(job, resolvedSpec, Optional.empty());
    }
    if (group.worldSize() == 1) {
      JobSpec alone = job.withBuckets(UNTUNED.first(), UNTUNED.others());
      return new TunedJob(alone, resolvedSpec, Optional.empty());
    }
    Optional<BucketTuning.Sizes> before =
        starts && group.rank() == 0 ? ofCheckpoint(job) : Optional.empty();
    BucketTuning.Sizes sizes =
        fromRankZero(before, group).orElseGet(() -> measured(group, parameters));
    group.confirm();
    JobSpec fixed = asked.withBuckets(sizes.first(), sizes.others());
    ParallelSpec parallel = fixed.parallel();
    LOG.info(
        "buckets of {} bytes, the first of {}", parallel.bucketSize(), parallel.firstBucketSize());
    String yaml = JobReader.toYaml(fixed);
    return new TunedJob(
        job.withBuckets(sizes.first(), sizes.others()),
        yaml,
        Optional.of(
            new RankReport.BucketsTuned(parallel.firstBucketSize(), parallel.bucketSize(), yaml)));
  }

  private static BucketTuning.Sizes measured(ProcessGroup group, List<Parameter> parameters) {
    long bytes = parameters.stream().mapToLong(p -> p.tensor().data().byteCount()).sum();
    Device device = parameters.isEmpty() ? Device.CPU : parameters.get(0).tensor().data().device();
    return BucketTuning.measure(group, device, bytes);
  }

  private static Optional<BucketTuning.Sizes> fromRankZero(
      Optional<BucketTuning.Sizes> sizes, ProcessGroup group) {
    TensorBuffer buffer = group.allocate(DType.INT64, 2);
    LongBuffer both =
        NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount())).asLongBuffer();
    sizes.ifPresent(s -> both.put(0, s.first()).put(1, s.others()));
    group.broadcast(buffer, 0).await();
    return both.get(0) == 0
        ? Optional.empty()
        : Optional.of(new BucketTuning.Sizes(both.get(0), both.get(1)));
  }

  /**
   * What the newest readable checkpoint was trained with; nothing where there is none or it does
   * not say. Whether its tensors are whole is looked at later, when they are restored.
   */
  private static Optional<BucketTuning.Sizes> ofCheckpoint(JobSpec job) {
    if (job.checkpoint().resumeFrom().isEmpty()) {
      return Optional.empty();
    }
    String source = job.checkpoint().resumeFrom().get();
    S3Spec s3 = job.checkpoint().s3().orElse(S3Spec.DEFAULT);
    try (CheckpointPlace place = CheckpointPlace.existing(source, s3)) {
      CheckpointReader reader = new CheckpointReader(place.storage());
      Optional<Manifest> manifest =
          place.one().isPresent()
              ? Optional.of(reader.glance(place.one().get()))
              : reader.select(Lineage.UNKNOWN).candidates().stream()
                  .findFirst()
                  .map(Selection.Candidate::manifest);
      return manifest
          .map(m -> JobReader.read(source, m.resolvedSpec(), List.of()).spec().parallel())
          .filter(trained -> !trained.tunesBuckets())
          .map(trained -> new BucketTuning.Sizes(trained.firstBucketSize(), trained.bucketSize()));
    } catch (IOException | DamagedException | RuntimeException e) {
      LOG.warn("{} does not say with which buckets it was trained: {}", source, e.toString());
      return Optional.empty();
    }
  }
}
