package dev.trireme.launcher.cli.cluster;

import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;

/** Gives what can go wrong when a cluster is asked its words and its exit code. */
public final class Asking {
  private Asking() {}

  /** Something that is asked, to an exit code. */
  @FunctionalInterface
  public interface Question {
    /** Asks, and prints the answer. */
    int ask() throws UnreachableException, RefusedException, ClusterOptions.UnknownClusterException;
  }

  /** Asks; what fails becomes a message and an exit code. */
  public static int run(Console console, Question question) {
    try {
      return question.ask();
    } catch (UnreachableException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.UNREACHABLE;
    } catch (RefusedException | ClusterOptions.UnknownClusterException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    }
  }
}
