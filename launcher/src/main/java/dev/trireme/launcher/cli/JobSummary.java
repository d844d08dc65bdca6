package dev.trireme.launcher.cli;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.launcher.config.ByteSizes;
import dev.trireme.launcher.config.ModelOutline;
import dev.trireme.launcher.config.ValidatedJob;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a job would do, for a person to read. */
final class JobSummary {
  private static final long BYTES_PER_PARAMETER = 4;

  private JobSummary() {}

  static String of(ValidatedJob job) {
    String layers = job.model().map(outline -> layers(outline) + "\n\n").orElse("");
    return layers + figures(job) + "\n\nvalid";
  }

  private static String layers(ModelOutline model) {
    Table table = new Table("rllr").row("#", "layer", "output", "parameters");
    table.row("", "input", model.input().toString());
    for (int i = 0; i < model.layers().size(); i++) {
      ModelOutline.Row row = model.layers().get(i);
      table.row(
          String.valueOf(i),
          row.name(),
          row.output().toString(),
          row.parameters() == 0 ? "" : count(row.parameters()));
    }
    return table.toString();
  }

  private static String figures(ValidatedJob job) {
    JobSpec spec = job.resolved().spec();
    Table table = new Table("ll").row("job", spec.name()).row("model", model(job));
    table.row("training data", set(job.data().training()));
    table.row("evaluation data", job.data().evaluation().map(JobSummary::set).orElse("none"));
    table.row(
        "steps",
        count(job.totalSteps())
            + " of batch "
            + spec.data().batchSize()
            + ", "
            + count(job.stepsPerEpoch())
            + " an epoch");
    table.row("ranks", ranks(spec.parallel()));
    table.row("exchange", exchange(spec.parallel()));
    table.row("checkpoints", checkpoints(spec.checkpoint()));
    return table.toString();
  }

  private static String model(ValidatedJob job) {
    JobSpec spec = job.resolved().spec();
    return job.model()
        .map(
            outline ->
                count(outline.parameters())
                    + " parameters, "
                    + ByteSizes.words(outline.parameters() * BYTES_PER_PARAMETER))
        .orElseGet(
            () ->
                spec.model()
                    .torchscript()
                    .map(file -> "TorchScript " + file)
                    .orElseGet(() -> "class " + spec.model().className().orElseThrow()));
  }

  private static String set(DatasetInfo info) {
    String classes = info.classes() == 0 ? "" : ", " + info.classes() + " classes";
    return count(info.items()) + " items of " + info.itemShape() + classes;
  }

  private static String ranks(ParallelSpec parallel) {
    String threads =
        parallel
            .threads()
            .map(t -> t == 1 ? ", one thread each" : ", " + t + " threads each")
            .orElse("");
    return parallel.workers() + " on " + lower(parallel.device()) + threads;
  }

  private static String servers(ParameterServerSpec server) {
    ConsistencySpec consistency = server.consistency();
    String how =
        consistency instanceof ConsistencySpec.Bsp bsp
            ? "bsp" + (bsp.drop() > 0 ? " without the slowest " + bsp.drop() : "")
            : consistency instanceof ConsistencySpec.Ssp ssp
                ? "ssp, at most " + ssp.staleness() + " steps apart"
                : "asp";
    return "parameter-server, "
        + server.servers()
        + (server.servers() == 1 ? " server" : " servers")
        + (server.backups() > 0 ? " with backups" : "")
        + ", "
        + how;
  }

  private static String exchange(ParallelSpec parallel) {
    if (parallel.servers() > 0) {
      return servers(parallel.parameterServer().orElseThrow());
    }
    return lower(parallel.sync())
        + ", buckets of "
        + bucket(parallel.bucketSize())
        + ", the first of "
        + bucket(parallel.firstBucketSize());
  }

  private static String bucket(long size) {
    return size == ParallelSpec.AUTO ? "a size that the ranks measure" : ByteSizes.words(size);
  }

  private static String checkpoints(CheckpointSpec checkpoint) {
    List<String> when = new ArrayList<>();
    checkpoint.everySteps().ifPresent(every -> when.add("every " + count(every) + " steps"));
    checkpoint.everyMinutes().ifPresent(every -> when.add("every " + every + " minutes"));
    String forGood =
        checkpoint.keepEvery().map(n -> " and those of every " + count(n) + " steps").orElse("");
    String limit = checkpoint.maxSize().map(n -> ", at most " + ByteSizes.words(n)).orElse("");
    return when.isEmpty()
        ? "none"
        : String.join(" and ", when)
            + " and at the end, the newest "
            + checkpoint.keep()
            + forGood
            + " kept"
            + limit;
  }

  private static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }
}
