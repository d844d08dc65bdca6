package dev.trireme.launcher.rank;

import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.checkpoint.CheckpointerConfig;
import dev.trireme.checkpoint.Lineage;
import dev.trireme.checkpoint.Retention;
import dev.trireme.protocol.Stored.GenerationRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A job's checkpoints as a rank needs to know them.
 *
 * @param spec of the job
 * @param runDirectory where they are written when the job names no other place
 */
record CheckpointSettings(CheckpointSpec spec, Path runDirectory) {
  private static final double NANOS_A_MINUTE = 60e9;

  /**
   * @param generations of the job so far
   */
  CheckpointerConfig config(int rank, int worldSize, List<GenerationRecord> generations) {
    return new CheckpointerConfig(
        location(),
        spec.s3().orElse(S3Spec.DEFAULT),
        rank,
        worldSize,
        new Retention(spec.keep(), optional(spec.keepEvery()), optional(spec.maxSize())),
        lineage(generations),
        // Other ranks may need long to write their shards to a slow disk.
        Checkpointer.SAVE_LIMIT);
  }

  /** A generation that never had a state to train on superseded nothing. */
  private static Lineage lineage(List<GenerationRecord> generations) {
    List<Lineage.Start> starts = new ArrayList<>();
    for (GenerationRecord one : generations) {
      one.firstStep().ifPresent(step -> starts.add(new Lineage.Start(one.generation(), step)));
    }
    return new Lineage(starts);
  }

  /** The newest step that these have saved and that none of them has done again, if any. */
  static Optional<Long> savedStep(List<GenerationRecord> generations) {
    Lineage lineage = lineage(generations);
    return generations.stream()
        .filter(g -> g.savedStep().isPresent())
        .filter(g -> lineage.supersededBy(g.generation(), g.savedStep().get()).isEmpty())
        .max(Comparator.comparingLong(GenerationRecord::generation))
        .flatMap(GenerationRecord::savedStep);
  }

  /** The checkpoint of a step, for people. */
  String pathOf(long step) {
    String name = "step-%08d".formatted(step);
    return CheckpointSpec.isS3(location())
        ? location().replaceAll("/+$", "") + "/" + name
        : Path.of(location()).resolve(name).toString();
  }

  /** The time between two checkpoints, where the job asks for one. */
  Optional<Duration> saveEvery() {
    return spec.everyMinutes().map(m -> Duration.ofNanos((long) (m * NANOS_A_MINUTE)));
  }

  /** Where they lie. */
  String location() {
    return spec.place(runDirectory);
  }

  private static OptionalLong optional(Optional<Long> value) {
    return value.map(OptionalLong::of).orElseGet(OptionalLong::empty);
  }
}
