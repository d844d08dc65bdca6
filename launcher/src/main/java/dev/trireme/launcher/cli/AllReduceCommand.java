package dev.trireme.launcher.cli;

import dev.trireme.allreduce.bench.BenchPlan;
import dev.trireme.allreduce.bench.BenchRow;
import dev.trireme.allreduce.bench.BenchTask;
import dev.trireme.allreduce.bench.BenchTransport;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.launcher.config.ByteSizes;
import dev.trireme.launcher.config.NearestName;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code trireme bench allreduce}: what an all-reduce takes, in the columns of nccl-tests. */
@Command(
    name = "allreduce",
    header = "Measures all-reduces between processes of this machine.",
    description = {
      "Starts one process a rank, as training does, and for each size checks the sum of random"
          + " numbers and then times float32 sums. Columns as in nccl-tests: time of one all-reduce,"
          + " algbw = size / time, busbw = algbw * 2 (ranks-1) / ranks, both in 10^9 bytes/s, and"
          + " the number of wrong elements over all ranks, which must be 0."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme bench allreduce --ranks 2",
      "  trireme bench allreduce --ranks 4 -b 4k -e 100m -f 4 --json",
      "  trireme bench allreduce --ranks 4 -b 25m -e 25m --algorithm ring --iterations 50",
      "  trireme bench allreduce --ranks 4 -e 8m --soak 10m",
      "  trireme bench allreduce --ranks 2 --idle 10s",
      "  trireme bench allreduce --ranks 4 --tune --out algorithms.yaml",
      "  trireme bench allreduce --ranks 2 --backend nccl",
    })
final class AllReduceCommand implements Callable<Integer> {
  private static final int MAX_SIZES = 64;

  @Option(
      names = {"--ranks", "-n"},
      required = true,
      paramLabel = "N",
      description = "Number of processes, 1 to 64.")
  private String ranks;

  @Option(
      names = {"-b", "--begin"},
      paramLabel = "SIZE",
      description =
          "The smallest size, as 4k or 25m (powers of 1024). By default 4k, with --tune 512.")
  private Optional<String> begin = Optional.empty();

  @Option(
      names = {"-e", "--end"},
      paramLabel = "SIZE",
      description = "The largest size, up to 1g. By default 100m.")
  private String end = "100m";

  @Option(
      names = {"-f", "--factor"},
      paramLabel = "FACTOR",
      description = "From one size to the next, at least 2. By default 4.")
  private String factor = "4";

  @Option(
      names = "--transport",
      paramLabel = "ipc|tcp|udp",
      description =
          "How ranks reach each other: ipc as within a host, tcp as between hosts, udp with all bytes"
              + " over Aeron. By default ipc.")
  private String transport = "ipc";

  @Option(
      names = "--backend",
      paramLabel = "aeron|nccl",
      description =
          "What reduces. nccl gives each rank a CUDA device of its own, and reduces its memory. By"
              + " default aeron.")
  private String backend = "aeron";

  @Option(
      names = "--algorithm",
      paramLabel = "NAME",
      description = "One algorithm for all sizes; by default auto, the best for each size.")
  private String algorithm = "auto";

  @Option(
      names = "--iterations",
      paramLabel = "N",
      description = "Timed rounds of each size. By default 5 to 500, fewer for larger sizes.")
  private Optional<String> iterations = Optional.empty();

  @Option(
      names = "--warmup",
      paramLabel = "N",
      description = "Rounds before those. By default as many as fit into 1 s.")
  private Optional<String> warmup = Optional.empty();

  @Option(
      names = "--soak",
      paramLabel = "DURATION",
      description =
          "In place of measuring, checked all-reduces of random sizes up to -e for so long (as 30s"
              + " or 10m), and each rank's memory at the start, warmed up, and at the end.")
  private Optional<String> soak = Optional.empty();

  @Option(
      names = "--idle",
      paramLabel = "DURATION",
      description =
          "In place of measuring, has all ranks wait for the last for so long, and shows what"
              + " processor time that took.")
  private Optional<String> idle = Optional.empty();

  @Option(
      names = "--tune",
      description =
          "Measures each algorithm at each size, three times, and writes, as YAML, the rows for a"
              + " job's parallel.algorithms. Run it on an idle machine.")
  private boolean tune;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Where --tune writes them; by default the standard output.")
  private Optional<Path> out = Optional.empty();

  @Option(names = "--json", description = "Prints a JSON array, an object for each size.")
  private boolean json;

  @Spec private CommandSpec spec;

  private final Console console;
  private final Supplier<BenchRunner> runner;

  AllReduceCommand(Console console, Supplier<BenchRunner> runner) {
    this.console = console;
    this.runner = runner;
  }

  @Override
  public Integer call() {
    BenchPlan plan = plan();
    boolean nccl = plan.transport() == BenchTransport.NCCL;
    console
        .err()
        .println(
            plan.ranks()
                + " ranks over "
                + (nccl ? "nccl, each with a CUDA device" : transport)
                + ", float32 sums, algorithm "
                + algorithm
                + "; "
                + Runtime.getRuntime().availableProcessors()
                + " cores");
    if (tune) {
      return new AlgorithmTuning(plan, runner.get(), console).run(out);
    }
    return soak.isPresent() || idle.isPresent() ? tryOut(plan) : measure(plan);
  }

  private int tryOut(BenchPlan plan) {
    if (soak.isPresent() && idle.isPresent()) {
      throw refused("--idle", "expected either --soak or --idle, found both");
    }
    BenchTask task = soak.isPresent() ? BenchTask.SOAK : BenchTask.IDLE;
    Duration length = duration(task == BenchTask.SOAK ? "--soak" : "--idle", soak.or(() -> idle));
    List<BenchTask.Report> reports = new ArrayList<>();
    int code = runner.get().tryOut(plan, task, length, reports::add, console);
    if (code == ExitCode.DONE) {
      reports.sort(Comparator.comparingInt(BenchTask.Report::rank));
      console.out().println(json ? TrialText.json(reports) : TrialText.table(reports));
    }
    return wrong(reports.stream().mapToLong(BenchTask.Report::wrong).sum(), code);
  }

  private int measure(BenchPlan plan) {
    List<BenchRow> rows = new ArrayList<>();
    if (!json) {
      console.out().println(BenchRow.header());
    }
    int code = runner.get().measure(plan, row -> show(row, rows), console);
    if (json && code == ExitCode.DONE) {
      console
          .out()
          .println(rows.stream().map(BenchRow::json).collect(Collectors.joining(",\n ", "[", "]")));
    }
    return wrong(rows.stream().mapToLong(BenchRow::wrong).sum(), code);
  }

  private int wrong(long wrong, int code) {
    if (wrong > 0) {
      console.err().println("trireme: " + wrong + " elements are wrong: please report this");
      return ExitCode.FAILED;
    }
    return code;
  }

  private void show(BenchRow row, List<BenchRow> rows) {
    rows.add(row);
    if (json) {
      console.err().println("measured " + ByteSizes.format(row.bytes()));
    } else {
      console.out().println(row.line());
    }
  }

  private BenchPlan plan() {
    int processes = number("--ranks", ranks, 1, 64);
    List<Long> sizes = sizes();
    Optional<AllReduceAlgorithm> one = algorithm();
    tuning(processes, sizes, one);
    if (one.equals(Optional.of(AllReduceAlgorithm.DIRECT))
        && sizes.get(sizes.size() - 1) > AllReduceAlgorithm.DIRECT_BYTES) {
      throw refused(
          "--algorithm",
          "direct takes sizes up to "
              + ByteSizes.format(AllReduceAlgorithm.DIRECT_BYTES)
              + "; add -e "
              + ByteSizes.format(AllReduceAlgorithm.DIRECT_BYTES));
    }
    if (transport().carrier().isPresent()
        && !one.map(AllReduceAlgorithm::worksBetweenHosts).orElse(true)) {
      throw refused(
          "--algorithm", algorithm + " needs the memory of all ranks; use --transport ipc");
    }
    return new BenchPlan(
        processes,
        sizes,
        one,
        transport(),
        optional("--iterations", iterations, 1),
        optional("--warmup", warmup, 0));
  }

  private void tuning(int processes, List<Long> sizes, Optional<AllReduceAlgorithm> one) {
    if (!tune && out.isPresent()) {
      throw refused("--out", "expected with --tune only");
    }
    boolean other = soak.isPresent() || idle.isPresent() || json || one.isPresent();
    if (tune && (other || transport() != BenchTransport.IPC)) {
      throw refused(
          "--tune",
          "goes with --transport ipc, and not with --algorithm, --soak, --idle or --json");
    }
    if (tune && processes < 2) {
      throw refused("--tune", "expected at least 2 ranks, found " + processes);
    }
    if (tune && sizes.get(sizes.size() - 1) <= AllReduceAlgorithm.DIRECT_BYTES) {
      throw refused(
          "-e",
          "expected a size above "
              + ByteSizes.format(AllReduceAlgorithm.DIRECT_BYTES)
              + " among those that --tune measures, for direct takes no larger ones");
    }
  }

  private List<Long> sizes() {
    String smallest = begin.orElse(tune ? "512" : "4k");
    long first = size("-b", smallest);
    long last = size("-e", end);
    int times = number("-f", factor, 2, 1 << 20);
    if (last < first) {
      throw refused("-e", "expected at least the smallest size, " + smallest + ", found " + end);
    }
    List<Long> sizes = new ArrayList<>();
    for (long bytes = first; bytes <= last && sizes.size() < MAX_SIZES; bytes *= times) {
      sizes.add(bytes);
    }
    return sizes;
  }

  private long size(String option, String text) {
    long bytes = ByteSizes.parse(text).orElse(-1);
    if (bytes < Float.BYTES || bytes > BenchPlan.MAX_BYTES || bytes % Float.BYTES != 0) {
      throw refused(
          option,
          "expected a size of 4 to 1g in whole float32 (4 bytes), as 4k or 25m, found '"
              + text
              + "'");
    }
    return bytes;
  }

  private Optional<AllReduceAlgorithm> algorithm() {
    List<String> names = new ArrayList<>(List.of("auto"));
    Arrays.stream(AllReduceAlgorithm.values()).map(AllReduceCommand::word).forEach(names::add);
    if (!names.contains(algorithm)) {
      throw refused("--algorithm", oneOf(names, algorithm));
    }
    return Arrays.stream(AllReduceAlgorithm.values())
        .filter(a -> word(a).equals(algorithm))
        .findFirst();
  }

  private BenchTransport transport() {
    List<BenchTransport> hosts =
        List.of(BenchTransport.IPC, BenchTransport.TCP, BenchTransport.UDP);
    List<String> names = hosts.stream().map(AllReduceCommand::word).toList();
    if (!names.contains(transport)) {
      throw refused("--transport", oneOf(names, transport));
    }
    List<String> backends = List.of("aeron", "nccl");
    if (!backends.contains(backend)) {
      throw refused("--backend", oneOf(backends, backend));
    }
    BenchTransport chosen = hosts.get(names.indexOf(transport));
    if (backend.equals("aeron")) {
      return chosen;
    }
    boolean other = soak.isPresent() || idle.isPresent() || tune || !algorithm.equals("auto");
    if (other || chosen != BenchTransport.IPC) {
      throw refused(
          "--backend",
          "nccl does not go with --transport tcp or udp, --algorithm, --soak, --idle or --tune, which are"
              + " for aeron");
    }
    return BenchTransport.NCCL;
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String oneOf(List<String> names, String found) {
    return "expected one of "
        + String.join(", ", names)
        + ", found '"
        + found
        + "'"
        + NearestName.of(found, names).map(n -> "; did you mean '" + n + "'?").orElse("");
  }

  private Duration duration(String option, Optional<String> text) {
    String found = text.orElse("");
    if (!found.matches("[1-9][0-9]{0,5}[smh]")) {
      throw refused(option, "expected a duration as 30s, 10m or 1h, found '" + found + "'");
    }
    return Duration.parse("PT" + found);
  }

  private OptionalInt optional(String option, Optional<String> text, int least) {
    return text.map(t -> OptionalInt.of(number(option, t, least, 1_000_000)))
        .orElse(OptionalInt.empty());
  }

  private int number(String option, String text, int least, int most) {
    if (!text.matches("[0-9]{1,9}")
        || Integer.parseInt(text) < least
        || Integer.parseInt(text) > most) {
      throw refused(
          option,
          "expected a whole number from " + least + " to " + most + ", found '" + text + "'");
    }
    return Integer.parseInt(text);
  }

  private CommandLine.ParameterException refused(String option, String why) {
    return new CommandLine.ParameterException(spec.commandLine(), option + ": " + why);
  }
}
