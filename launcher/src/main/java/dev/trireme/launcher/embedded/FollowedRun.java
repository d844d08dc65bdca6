package dev.trireme.launcher.embedded;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobResult;
import dev.trireme.coordinator.JobService;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.progress.ProgressDisplay;
import dev.trireme.launcher.cli.progress.RunSummary;
import dev.trireme.launcher.control.ControlServer;
import dev.trireme.protocol.JobState;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;

/**
 * One job that a person waits for, on a cluster whose coordinator is in this process: live
 * progress, Ctrl-C and SIGTERM, an address for commands in the run directory, the result.
 */
public final class FollowedRun {
  private FollowedRun() {}

  /** A cluster with its coordinator in this process; there for one job. */
  public interface Cluster extends AutoCloseable {
    /** What its coordinator offers. Blocks until that is open. */
    JobService jobs();

    /** Ends every process and thread of it, within seconds. */
    @Override
    void close();
  }

  /**
   * Starts a cluster, has a job run, waits for its end and prints it, also where the command is
   * being stopped. Blocks until everything is closed.
   *
   * @param name of the job
   * @param directory of the run
   * @param start makes the cluster; told of a wish to stop that comes meanwhile
   * @param begin starts the job and says its id
   * @return the exit code
   * @throws CoordinatorException when the cluster cannot start or cannot go on
   */
  @SuppressWarnings("try") // some resources are there only to be closed
  public static int run(
      String name,
      Path directory,
      Console console,
      Function<Interruption, Cluster> start,
      Function<JobService, String> begin) {
    console.err().println("running " + name + " in " + directory);
    Interruption interruption = new Interruption();
    try (Termination termination = Termination.listen();
        CancelOnInterrupt cancel = CancelOnInterrupt.install(termination, interruption::raise)) {
      // Once the latter is closed, the process of a command that is being stopped ends at once.
      return ended(
          result(directory, console, start, begin, interruption, termination), directory, console);
    }
  }

  @SuppressWarnings("try")
  private static JobResult result(
      Path directory,
      Console console,
      Function<Interruption, Cluster> start,
      Function<JobService, String> begin,
      Interruption interruption,
      Termination termination) {
    try (Cluster cluster = start.apply(interruption);
        ProgressDisplay display =
            new ProgressDisplay(
                console.terminal(), console.errIsTerminal(), console.columns(), System::nanoTime)) {
      JobService jobs = cluster.jobs();
      String id = begin.apply(jobs);
      ProgressFeed feed = new ProgressFeed(display);
      interruption.onRaised(() -> cancel(jobs, id, termination, feed));
      try (JobService.Subscription watching = jobs.watch(id, feed);
          ControlServer control = ControlServer.start(jobs, id, directory)) {
        return feed.result().get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CoordinatorException("interrupted while the job was running", e);
    } catch (ExecutionException e) {
      throw new CoordinatorException(
          e.getCause().getMessage() + "; continue with ./trireme job resume " + directory, e);
    }
  }

  /** Whoever takes the machine back wants the work to go on elsewhere. */
  private static void cancel(
      JobService jobs, String id, Termination termination, ProgressFeed feed) {
    try {
      if (termination.isAsked()) {
        jobs.cancelWithCheckpoint(id, "terminated by SIGTERM");
      } else {
        jobs.cancel(id, "interrupted");
      }
    } catch (CoordinatorException e) {
      // Nobody is there to end the job in order: the cluster is closed around it.
      feed.fail(e);
    }
  }

  /** Prints how a job ended, and says with which exit code. */
  private static int ended(JobResult result, Path directory, Console console) {
    console
        .out()
        .println(
            new RunSummary(
                result.name(),
                result.state().name(),
                result.steps(),
                result.worldSize(),
                result.samplesPerSecond(),
                result.wire(),
                result.metrics(),
                result.wallSeconds(),
                directory.toString()));
    if (result.state() != JobState.SUCCEEDED) {
      console.err().println("trireme: " + result.name() + ": " + result.reason());
    }
    return switch (result.state()) {
      case SUCCEEDED -> ExitCode.DONE;
      case CANCELLED -> ExitCode.CANCELLED;
      default -> result.usage() ? ExitCode.USAGE : ExitCode.FAILED;
    };
  }
}
