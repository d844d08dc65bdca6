package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.ConfigProblem;
import java.io.PrintStream;
import java.util.List;

/** Shows what is wrong with a job: a line each, and that nothing came of it. */
final class ProblemPrinter {
  private final PrintStream err;

  ProblemPrinter(PrintStream err) {
    this.err = err;
  }

  void print(List<ConfigProblem> problems) {
    problems.forEach(err::println);
    String count = problems.size() == 1 ? "1 problem" : problems.size() + " problems";
    err.println(count + "; nothing was started");
  }
}
