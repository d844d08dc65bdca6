package dev.trireme.launcher.cli;

import dev.trireme.allreduce.bench.BenchPlan;
import dev.trireme.allreduce.bench.BenchRow;
import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.launcher.config.AlgorithmFile;
import dev.trireme.launcher.config.ByteSizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * {@code trireme bench allreduce --tune}: measures each algorithm at each size that it can do and
 * writes which was the quickest where. It goes through all of them several times and takes medians,
 * so that what disturbs one pass does not decide a table that jobs then keep.
 */
final class AlgorithmTuning {
  /** Times that each is measured, the others in between. */
  private static final int PASSES = 3;

  private final BenchPlan plan;
  private final BenchRunner runner;
  private final Console console;
  private final Map<AllReduceAlgorithm, Map<Long, List<Double>>> seconds =
      new EnumMap<>(AllReduceAlgorithm.class);
  private long wrong;

  /**
   * @param plan for at least 2 ranks, with a size above {@link AllReduceAlgorithm#DIRECT_BYTES}
   */
  AlgorithmTuning(BenchPlan plan, BenchRunner runner, Console console) {
    this.plan = plan;
    this.runner = runner;
    this.console = console;
  }

  /** Measures and writes to the file or else to the standard output; nothing if that fails. */
  int run(Optional<Path> file) {
    console.err().println(String.format(Locale.ROOT, "%-17s%s", "algorithm", BenchRow.header()));
    for (int pass = 1; pass <= PASSES; pass++) {
      console.err().println("pass " + pass + " of " + PASSES);
      for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
        int code = measure(algorithm);
        if (code != ExitCode.DONE) {
          return code;
        }
      }
    }
    if (wrong > 0) {
      console.err().println("trireme: " + wrong + " elements are wrong: please report this");
      return ExitCode.FAILED;
    }
    return write(
        AlgorithmFile.toYaml(AlgorithmTable.fastest(plan.ranks(), medians()).rows()), file);
  }

  private Map<AllReduceAlgorithm, Map<Long, Double>> medians() {
    Map<AllReduceAlgorithm, Map<Long, Double>> medians = new EnumMap<>(AllReduceAlgorithm.class);
    seconds.forEach(
        (algorithm, bySize) ->
            bySize.forEach(
                (bytes, times) ->
                    medians
                        .computeIfAbsent(algorithm, a -> new TreeMap<>())
                        .put(bytes, times.stream().sorted().toList().get(times.size() / 2))));
    return medians;
  }

  private int measure(AllReduceAlgorithm algorithm) {
    List<Long> sizes =
        plan.sizes().stream()
            .filter(
                bytes ->
                    algorithm != AllReduceAlgorithm.DIRECT
                        || bytes <= AllReduceAlgorithm.DIRECT_BYTES)
            .toList();
    if (sizes.isEmpty()) {
      return ExitCode.DONE;
    }
    BenchPlan one =
        new BenchPlan(
            plan.ranks(),
            sizes,
            Optional.of(algorithm),
            plan.transport(),
            plan.iterations(),
            plan.warmup());
    return runner.measure(one, row -> take(algorithm, row), console);
  }

  private void take(AllReduceAlgorithm algorithm, BenchRow row) {
    String name = algorithm.name().toLowerCase(Locale.ROOT).replace('_', '-');
    console.err().println(String.format(Locale.ROOT, "%-17s%s", name, row.line()));
    seconds
        .computeIfAbsent(algorithm, a -> new TreeMap<>())
        .computeIfAbsent(row.bytes(), bytes -> new ArrayList<>())
        .add(row.timeUs() / 1e6);
    wrong += row.wrong();
  }

  private int write(String yaml, Optional<Path> file) {
    String text =
        "# Measured by trireme bench allreduce --tune: "
            + plan.ranks()
            + " ranks, "
            + Runtime.getRuntime().availableProcessors()
            + " cores, sizes from "
            + ByteSizes.format(plan.sizes().get(0))
            + " to "
            + ByteSizes.format(plan.sizes().get(plan.sizes().size() - 1))
            + "\n"
            + yaml;
    if (file.isEmpty()) {
      console.out().print(text);
      console.out().flush();
      return ExitCode.DONE;
    }
    try {
      Files.writeString(file.get(), text);
    } catch (IOException e) {
      console.err().println("trireme: --out: cannot write " + file.get() + ": " + e);
      return ExitCode.FAILED;
    }
    console.err().println("written: " + file.get() + "; a job names it: parallel.algorithms");
    return ExitCode.DONE;
  }
}
