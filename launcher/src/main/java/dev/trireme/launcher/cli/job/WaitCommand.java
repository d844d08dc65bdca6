package dev.trireme.launcher.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.cluster.Asking;
import dev.trireme.launcher.control.ApiClient;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.protocol.JobState;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code trireme job wait}. */
@Command(
    name = "wait",
    header = "Waits until a job of a cluster has ended.",
    description =
        "Exit code: 0 it succeeded, 1 it failed, 2 it failed because of its spec or data, 130 it was"
            + " cancelled, 3 the cluster cannot be reached.")
final class WaitCommand implements Callable<Integer> {
  private static final long PAUSE_MILLIS = 500;

  @Mixin private JobTarget target;

  @Spec private CommandSpec spec;

  private final Console console;

  WaitCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (target.isRun()) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "expected the id of a job of a cluster, found a directory");
    }
    return Asking.run(console, () -> await(target.client(), target.id(), console));
  }

  /** Waits, tells of changes on standard error, and says with which exit code the job ended. */
  static int await(ApiClient client, String id, Console console)
      throws UnreachableException, RefusedException {
    String told = "";
    while (true) {
      JsonNode job = client.job(id).show();
      JobState state = JobState.valueOf(job.path("state").asText());
      String now = state + ": " + job.path("reason").asText();
      if (!now.equals(told)) {
        told = now;
        console.err().println(id + " " + now);
      }
      if (state.isFinal()) {
        return exitCode(client, id, state);
      }
      pause();
    }
  }

  private static int exitCode(ApiClient client, String id, JobState state)
      throws UnreachableException {
    return switch (state) {
      case SUCCEEDED -> ExitCode.DONE;
      case CANCELLED -> ExitCode.CANCELLED;
      default -> usage(client, id) ? ExitCode.USAGE : ExitCode.FAILED;
    };
  }

  private static boolean usage(ApiClient client, String id) throws UnreachableException {
    try {
      return client.result(id).path("usage").asBoolean();
    } catch (RefusedException e) {
      return false; // It has left no result: its run directory cannot be written.
    }
  }

  static void pause() throws UnreachableException {
    try {
      TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UnreachableException("interrupted while waiting");
    }
  }
}
