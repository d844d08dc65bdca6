package dev.trireme.launcher.cli;

import dev.trireme.allreduce.bench.BenchTask;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Reports of a trial, a row for each rank, for people and for programs. */
final class TrialText {
  private TrialText() {}

  static String table(List<BenchTask.Report> reports) {
    Table table = new Table("rrrrrrrr");
    table.row("rank", "seconds", "cpu(s)", "cpu(%)", "rounds", "start(MiB)", "end(MiB)", "#wrong");
    for (BenchTask.Report r : reports) {
      table.row(
          String.valueOf(r.rank()),
          number(r.seconds(), 1),
          number(r.cpuSeconds(), 2),
          number(100 * r.cpuSeconds() / r.seconds(), 1),
          String.valueOf(r.rounds()),
          number(r.startMiB(), 1),
          number(r.endMiB(), 1),
          String.valueOf(r.wrong()));
    }
    return table.toString();
  }

  static String json(List<BenchTask.Report> reports) {
    return reports.stream().map(TrialText::object).collect(Collectors.joining(",\n ", "[", "]"));
  }

  private static String object(BenchTask.Report r) {
    return String.format(
        Locale.ROOT,
        "{\"rank\":%d,\"seconds\":%.3f,\"cpuSeconds\":%.3f,\"rounds\":%d,"
            + "\"startMiB\":%.1f,\"endMiB\":%.1f,\"wrong\":%d}",
        r.rank(),
        r.seconds(),
        r.cpuSeconds(),
        r.rounds(),
        r.startMiB(),
        r.endMiB(),
        r.wrong());
  }

  private static String number(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }
}
