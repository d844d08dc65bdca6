package dev.trireme.launcher.config;

import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import java.util.ArrayList;
import java.util.List;

/** What a job may ask for and yet is unlikely to mean. */
final class JobWarnings {
  private final int cores;

  JobWarnings(int cores) {
    this.cores = cores;
  }

  List<String> of(JobSpec spec, long items, long totalSteps) {
    List<String> warnings = new ArrayList<>();
    int workers = spec.parallel().ranks().max();
    long threads = (long) workers * spec.parallel().threads().orElse(1);
    if (threads > cores) {
      warnings.add(
          "parallel: "
              + workers
              + " ranks with "
              + spec.parallel().threads().orElse(1)
              + " threads each share "
              + cores
              + " cores; they will wait for each other");
    }
    if (spec.train().elastic() && spec.parallel().threads().isEmpty()) {
      warnings.add(
          "parallel.threads: not given, so each rank computes with one; with deterministic: elastic"
              + " it must be the same for every number of ranks");
    }
    int servers = spec.parallel().servers();
    if (servers > 0 && spec.parallel().parameterServer().orElseThrow().backups() > 0) {
      warnings.add(
          "parallel.parameterServer.backups: all servers are on one host, so that backups outlive a"
              + " server's process and not the host");
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
                        + " steps, before the first checkpoint at step "
                        + every));
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
}
