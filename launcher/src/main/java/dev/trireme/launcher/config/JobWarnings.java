package dev.trireme.launcher.config;

import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a job may ask for and yet is unlikely to mean. */
final class JobWarnings {
  private static final double BYTES = Float.BYTES;
  private static final double GIB = 1L << 30;

  private final int cores;
  private final long memory;

  /**
   * @param memory of this machine in bytes
   */
  JobWarnings(int cores, long memory) {
    this.cores = cores;
    this.memory = memory;
  }

  List<String> of(JobSpec spec, long items, long totalSteps, Optional<ModelOutline> model) {
    List<String> warnings = new ArrayList<>();
    model.flatMap(outline -> tooLarge(spec, outline)).ifPresent(warnings::add);
    int workers = spec.parallel().ranks().max();
    long threads = (long) workers * spec.parallel().threads().orElse(1);
    if (threads > cores) {
      warnings.add(
          "parallel: "
              + workers
              + " ranks with "
              + plural(spec.parallel().threads().orElse(1), "thread")
              + " each share "
              + cores
              + " cores; they will wait for each other");
    }
    if (spec.train().elastic() && spec.parallel().threads().isEmpty()) {
      warnings.add(
          "parallel.threads: not given, so each rank computes with one; with deterministic: elastic"
              + " it must be the same for every number of ranks");
    }
    int servers = spec.parallel().servers();
    if (servers > 1) {
      boolean backups = spec.parallel().parameterServer().orElseThrow().backups() > 0;
      warnings.add(
          "parallel.parameterServer.servers: all servers are on one host, so that "
              + (backups
                  ? "backups outlive a server's process and not the host"
                  : "more of them share its cores and its links"));
    }
    if (spec.data().batchSize() > items) {
      warnings.add(
          "data.batchSize: one batch ("
              + spec.data().batchSize()
              + ") holds the whole training set ("
              + items
              + "), so an epoch is one step");
    }
    spec.checkpoint()
        .everySteps()
        .filter(every -> every > totalSteps)
        .ifPresent(
            every ->
                warnings.add(
                    "checkpoint.everySteps: the job ends after "
                        + totalSteps
                        + " steps, before step "
                        + every
                        + ": only its end is saved"));
    List<LayerSpec> layers = spec.model().layers();
    if (spec.train().loss() == LossKind.CROSS_ENTROPY
        && !layers.isEmpty()
        && layers.get(layers.size() - 1) instanceof LayerSpec.Softmax) {
      warnings.add(
          "model.layers: cross-entropy takes a softmax itself; the softmax at the end slows"
              + " learning down");
    }
    return warnings;
  }

  /** Weights and gradients lie in the memory of each rank; what else there is comes on top. */
  private Optional<String> tooLarge(JobSpec spec, ModelOutline model) {
    int ranks = spec.parallel().workers().min();
    double each = 2 * BYTES * model.parameters();
    if (each * ranks <= memory) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "model.layers: the weights of %,d parameters and their gradients take %.1f GiB on each"
                + " of %s, and this machine has %.1f GiB in all",
            model.parameters(),
            each / GIB,
            plural(ranks, "rank"),
            memory / GIB));
  }

  private static String plural(int number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }
}
