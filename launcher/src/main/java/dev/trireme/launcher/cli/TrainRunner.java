package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.ValidatedJob;
import java.nio.file.Path;
import java.util.Optional;

/** Runs a job on an embedded cluster; what {@code trireme train} does once the job is validated. */
public interface TrainRunner {
  /**
   * Runs the job and blocks until it has ended and every process that it started is gone. Writes
   * progress to the console's error stream and the result to its output stream.
   *
   * @param job validated; its warnings have been shown
   * @param runDirectory what it leaves behind goes there; a new one under {@code runs/} when absent
   * @return an exit code of {@link ExitCode}
   */
  int run(ValidatedJob job, Optional<Path> runDirectory, Console console);

  /**
   * Continues the run of a directory whose process is gone, or that failed or was cancelled; else
   * as {@link #run}.
   *
   * @return an exit code of {@link ExitCode}
   */
  int resume(Path runDirectory, Console console);
}
