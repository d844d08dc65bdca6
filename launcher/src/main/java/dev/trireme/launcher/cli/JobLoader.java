package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.config.JobValidation;
import dev.trireme.launcher.config.ValidatedJob;

/** From a command's arguments to a job that can be run. */
final class JobLoader {
  private final JobValidation validation;

  JobLoader(JobValidation validation) {
    this.validation = validation;
  }

  /**
   * The job, validated; its warnings go to the error stream.
   *
   * @throws dev.trireme.launcher.config.ConfigException with everything that is wrong
   */
  ValidatedJob load(JobArguments arguments, Console console) {
    ValidatedJob job = validation.check(JobReader.read(arguments.file(), arguments.overrides()));
    job.warnings().forEach(warning -> console.err().println("warning: " + warning));
    return job;
  }
}
